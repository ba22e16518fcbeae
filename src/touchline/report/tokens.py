"""In: nothing. Out: the colours, sizes and style sheet of reports, light and dark alike. Writes no interactions.

Colours are named by what they mean. A test computes every pair of text and ground that the sheet uses: at least 4.5
to 1 (WCAG 2.2, AA).
"""

from __future__ import annotations

from touchline.report.sheet import DRAWN, SHEET

LIGHT: dict[str, str] = {
    "paper": "#fbfaf7", "ink": "#1b2125", "soft": "#566067", "rule": "#dcd8ce", "wash": "#f3f0e8", "accent": "#0b6462",
    "good": "#176a78", "bad": "#a3431a", "neutral": "#646b70", "act": "#b3261e",
}  # fmt: skip
DARK: dict[str, str] = {
    "paper": "#13171a", "ink": "#e8e5de", "soft": "#a3acb1", "rule": "#2d3438", "wash": "#1b2023", "accent": "#63bdb6",
    "good": "#6cbccb", "bad": "#e99569", "neutral": "#949ca1", "act": "#ff8f86",
}  # fmt: skip
"""Meaning -> colour. `good`, `bad` and `neutral` are readings, always with position or sign too; `act` is what a
person must act on."""

STEPS = 5
"""Steps of the diverging scale on each side of its middle."""

FULL = 0.5
"""Reading at which the scale has its full colour."""

_ENDS = {"light": ("#e0a385", "#f1eee7", "#7dbac6"), "dark": ("#7d3d1f", "#23292c", "#175f6d")}

PAIRS: tuple[tuple[str, str], ...] = tuple(
    (text, ground)
    for ground in ("paper", "wash")
    for text in ("ink", "soft", "accent", "good", "bad", "neutral", "act")
) + tuple(("ink", f"heat{step}") for step in range(-STEPS, STEPS + 1))
"""Every pair of text and ground that the sheet may use."""


def palette(theme: str) -> dict[str, str]:
    """Meaning -> colour of `light` or `dark`, the steps of the diverging scale (`heat-5` … `heat5`) included."""
    rust, middle, blue = _ENDS[theme]
    steps = {
        f"heat{step}": _mix(middle, rust if step < 0 else blue, abs(step) / STEPS) for step in range(-STEPS, STEPS + 1)
    }
    return {**(LIGHT if theme == "light" else DARK), **steps}


def contrast(one: str, other: str) -> float:
    """Contrast of two colours by WCAG 2.2, 1 to 21."""
    lights = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lights[0] + 0.05) / (lights[1] + 0.05)


def heat_class(reading: float | None) -> str:
    """The class of a reading in [-1, 1] on the diverging scale; readings beyond ±FULL share the last step."""
    if reading is None:
        return "h"
    step = max(-STEPS, min(STEPS, round(reading / FULL * STEPS)))
    return f"h hm{-step}" if step < 0 else f"h hp{step}"


def style_sheet() -> str:
    """The whole style sheet: tokens of both themes, the steps of the scale, the rules."""
    light = f":root{{color-scheme:light dark;{_variables('light')}}}"
    dark = f"@media (prefers-color-scheme:dark){{:root{{{_variables('dark')}}}}}"
    return f"{light}{dark}{_steps()}{SHEET}"


def themed(rules: str) -> str:
    """Tokens, drawings and these rules, where `data-theme` on the root may say `light` or `dark` against the system."""
    light = f":root{{color-scheme:light;{_variables('light')}}}"
    dark = f"color-scheme:dark;{_variables('dark')}"
    chosen = f':root[data-theme="dark"]{{{dark}}}'
    system = f'@media (prefers-color-scheme:dark){{:root:not([data-theme="light"]){{{dark}}}}}'
    return f"{light}{system}{chosen}{_steps()}{DRAWN}{rules}"


def _steps() -> str:
    """A class for each step of the diverging scale."""
    made = "".join(
        f".hm{step}{{background:var(--heat-{step})}}.hp{step}{{background:var(--heat{step})}}"
        for step in range(1, STEPS + 1)
    )
    return f".hp0{{background:var(--heat0)}}{made}"


def _variables(theme: str) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in palette(theme).items())


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mix(one: str, other: str, share: float) -> str:
    return "#" + "".join(
        f"{round(a + (b - a) * share):02x}" for a, b in zip(_channels(one), _channels(other), strict=True)
    )


def _luminance(colour: str) -> float:
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in _channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
