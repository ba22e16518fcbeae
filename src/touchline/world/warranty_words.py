"""In: which sort of sentence, the customers' languages, chances. Out: short invented sentences. Writes no interactions."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

THINGS: dict[str, tuple[str, ...]] = {
    "en": ("boiler", "dishwasher", "water heater", "oven", "washing machine", "heating pump", "fridge"),
    "de": ("Therme", "Spülmaschine", "Warmwasserbereiter", "Herd", "Waschmaschine", "Heizungspumpe", "Kühlschrank"),
}
"""Without their articles, so that a German sentence needs no gender."""

PATTERNS: dict[str, dict[str, tuple[str, ...]]] = {
    "report": {
        "en": ("No warm water since this morning: {thing}.", "The {thing} leaks.", "The {thing} makes a noise and then stops."),
        "de": ("Seit heute früh kein warmes Wasser: {thing}.", "{thing} undicht.", "{thing} brummt und geht dann aus."),
    },
    "complaint": {
        "en": (
            "I took a day off for the {thing} and nobody came.",
            "Third visit for the {thing}, and it still does not work.",
            "Nobody tells me what happens next with the {thing}.",
        ),
        "de": (
            "Einen Tag freigenommen ({thing}), und niemand kam.",
            "Dritter Besuch ({thing}), und es geht noch immer nicht.",
            "Niemand sagt mir, wie es weitergeht ({thing}).",
        ),
    },
    "dispute": {
        "en": ("You charged me for a visit that the cover includes ({thing}).", "I have paid this bill twice ({thing})."),
        "de": ("Sie berechnen einen Besuch, den der Schutz einschließt ({thing}).", "Diese Rechnung ist zweimal bezahlt ({thing})."),
    },
    "good": {
        "en": ("Came on the day, mended the {thing}, left it clean.", "One call, one visit, and the {thing} runs."),
        "de": ("Am Tag gekommen, alles heil ({thing}), sauber hinterlassen.", "Ein Anruf, ein Besuch, und es läuft ({thing})."),
    },
    "fair": {
        "en": ("The {thing} runs again. It took its time.", "Friendly people, slow office ({thing})."),
        "de": ("Läuft wieder ({thing}). Es hat gedauert.", "Freundliche Leute, langsames Büro ({thing})."),
    },
    "bad": {
        "en": ("Waited all day for the {thing}. Nobody, and no word.", "They promise a day for the {thing} and keep none."),
        "de": ("Den ganzen Tag gewartet ({thing}). Niemand, kein Wort.", "Versprechen einen Tag ({thing}) und halten keinen."),
    },
    "thanks": {
        "en": ("You put it right. Thank you for ringing.", "A mistake can happen. This is how to mend one."),
        "de": ("Sie haben es in Ordnung gebracht. Danke für den Anruf.", "Fehler passieren. So behebt man einen."),
    },
}  # fmt: skip


@cache
def sentences(sort: str, language: str) -> tuple[str, ...]:
    """Every sentence of that sort in that language, in a fixed order."""
    made = (pattern.format(thing=thing) for pattern, thing in product(PATTERNS[sort][language], THINGS[language]))
    return tuple(dict.fromkeys(made))


def choose(sort: str, german: npt.NDArray[np.bool_], chances: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """One sentence for each chance, in German where so marked, as an object array."""
    chosen = np.full(len(chances), None, dtype=object)
    for language, mask in (("de", german), ("en", ~german)):
        pool = np.array(sentences(sort, language), dtype=object)
        chosen[mask] = pool[(chances[mask] * len(pool)).astype(np.int64)]
    return chosen
