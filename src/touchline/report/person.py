"""In: customers' stories. Out: the report's section about single customers: index, line, facts, decisions, list.
Writes no interactions."""

from __future__ import annotations

from collections.abc import Sequence

from touchline.decision.explaining import Answer, Explained
from touchline.report import charts, figures, line
from touchline.report.holds import policy_words
from touchline.report.markup import Child, Markup, element, fragment
from touchline.report.overview import empty
from touchline.report.story import CustomerStory, state_of
from touchline.report.view import Mark


def people_section(people: Sequence[CustomerStory]) -> Markup:
    """An index of the customers, then each on their line."""
    if not people:
        return element(
            "section",
            {"id": "people"},
            element("h2", {}, "No customer to show yet"),
            empty("Import interactions and run the report again."),
        )
    going = sum(1 for one in people if any(c.proposed for c in one.explained))
    rows = [_index_row(index, one) for index, one in enumerate(people, 1)]
    head = element(
        "tr",
        {},
        element("th", {}, "customer"),
        element("th", {}, "line"),
        element("th", {"class": "n"}, "experience, −1 to 1"),
        element("th", {"class": "n hide"}, "readings"),
        element("th", {"class": "hide"}, "picked because"),
        element("th", {}, "now"),
    )
    return element(
        "section",
        {"id": "people"},
        element(
            "h2",
            {},
            f"{figures.plural(len(people), 'customer')} on their lines: {figures.number(going)} hear from you next, "
            f"{figures.number(len(people) - going)} wait",
        ),
        line.key(),
        element("table", {"class": "index"}, element("thead", {}, head), element("tbody", {}, rows)),
        [_person(index, one) for index, one in enumerate(people, 1)],
    )


def _index_row(index: int, one: CustomerStory) -> Markup:
    e = one.view.experience
    goes = next((c for c in one.explained if c.proposed), None)
    waits = sum(1 for c in one.view.coming if c.state == "held")
    now = figures.words(goes.conversation) if goes else f"{figures.number(waits)} held" if waits else "nothing"
    return element(
        "tr",
        {},
        element("th", {"scope": "row"}, element("a", {"href": f"#c{index}"}, element("bdi", {}, one.name))),
        element("td", {}, line.draw_small(one.view)),
        element(
            "td",
            {
                "class": "n",
                "title": "" if e is None else f"95 % {figures.interval(e)}, {figures.plural(e.n, 'reading')}",
            },
            "unknown" if e is None else figures.signed(e.value),
            None if e is None else element("small", {}, figures.interval(e)),
        ),
        element("td", {"class": "n q hide"}, "" if e is None else figures.number(e.n)),
        element("td", {"class": "q hide"}, one.about),
        element("td", {"class": None if goes else "q"}, now),
    )


def _person(index: int, one: CustomerStory) -> Markup:
    prefix = f"c{index}-"
    voices = [mark for mark in reversed(one.view.marks) if mark.words][:4]
    return element(
        "article",
        {"class": "who", "id": f"c{index}"},
        element(
            "header",
            {},
            element("h3", {}, element("bdi", {}, one.name)),
            element("p", {}, f"customer {one.key}" + (f" · {one.about}" if one.about else "")),
        ),
        element("p", {"class": "answer"}, one.answer),
        element(
            "div",
            {"class": "rtl", "tabindex": 0, "role": "region", "aria-label": f"The line of {one.name}"},
            element("div", {}, line.draw(one.view, prefix=prefix)),
        ),
        element(
            "dl",
            {"class": "facts"},
            [
                element(
                    "div",
                    {},
                    element("dt", {}, term),
                    element("dd", {"class": "act-t" if term == "care" and value.startswith("due") else None}, value),
                )
                for term, value in one.facts
            ],
        ),
        element(
            "div",
            {"class": "cols"},
            element("div", {}, element("h3", {}, "How they have experienced us"), _sides(one)),
            element("div", {}, element("h3", {}, "Next, and what waits"), _waits(one)),
            element(
                "div",
                {},
                element("h3", {}, "In their own words"),
                _voices(voices, one) if voices else empty("They have not said anything in words yet."),
            ),
        ),
        element(
            "details",
            {},
            element("summary", {}, f"Read the line as a list: {figures.plural(len(one.view.marks), 'encounter')}"),
            _list(one, prefix),
        ),
        element(
            "details",
            {},
            element("summary", {}, f"Every decision explained: {figures.plural(len(one.explained), 'candidate')}"),
            _explained(one),
        )
        if one.explained
        else None,
    )


def _sides(one: CustomerStory) -> Markup:
    rows = []
    for side in one.sides:
        e = side.estimate
        rows.append(
            element(
                "tr",
                {"title": "" if e is None else f"95 % {figures.interval(e)}"},
                element("th", {"scope": "row"}, side.name),
                element("td", {"class": "g"}, charts.on_scale(e) if e else ""),
                element("td", {"class": "n"}, "unknown" if e is None else figures.signed(e.value)),
                element("td", {"class": "n q"}, "" if e is None else figures.number(e.n)),
            )
        )
    return element("table", {"class": "sides"}, element("tbody", {}, rows))


def _waits(one: CustomerStory) -> Markup:
    """What goes, and what is held by which policies; what was not meant for them is in the explanation."""
    first: dict[str, Explained] = {}
    for candidate in one.explained:
        if candidate.reached:
            first.setdefault(candidate.conversation, candidate)
    items = []
    for c in list(first.values())[:6]:
        state = state_of(c)
        blocks = [answer for answer in c.policies if answer.blocks]
        says: list[Child] = (
            [f"{c.purpose} by {figures.words(c.channel)}, priority {figures.number(c.priority, 2)}"]
            if not blocks
            else []
        )
        items.append(
            element(
                "li",
                {"class": state},
                element("span", {"class": "st"}, state),
                element("b", {}, figures.words(c.conversation)),
                [element("p", {}, text) for text in says],
                [element("p", {}, _because(answer)) for answer in blocks[:3]],
                element("p", {}, f"and {len(blocks) - 3} more policies") if len(blocks) > 3 else None,
            )
        )
    if not items:
        return empty("No conversation is meant for them now.")
    rest = len(first) - len(items)
    return fragment(
        element("ul", {"class": "waits"}, items),
        element("p", {"class": "note"}, f"and {rest} more, explained below") if rest > 0 else None,
    )


def _because(answer: Answer) -> str:
    return f"{policy_words(answer.policy)}: {answer.why or 'blocks'}"


def _voices(marks: Sequence[Mark], one: CustomerStory) -> Markup:
    items = [
        element(
            "li",
            {},
            element("q", {}, element("bdi", {}, mark.words or "")),
            element(
                "span",
                {},
                f"{figures.ago(mark.at, one.view.now)}, {mark.what[:1].lower()}{mark.what[1:]}"
                + (f", {mark.where}" if mark.where else ""),
            ),
        )
        for mark in marks
    ]
    return element("ul", {"class": "voices"}, items)


def _list(one: CustomerStory, prefix: str) -> Markup:
    rows = [
        element(
            "tr",
            {"id": f"{prefix}{mark.id}"},
            element("td", {"class": "nw"}, figures.date_time(mark.at, one.view.zone)),
            element("td", {"class": "nw hide"}, "customer" if mark.whose == "customer" else "organisation"),
            element(
                "td",
                {},
                line.sign_of(mark),
                mark.what + (f", {mark.where}" if mark.where else ""),
                element("small", {}, "; ".join(mark.facts)) if mark.facts else None,
                element(
                    "small",
                    {},
                    " and ".join(
                        word
                        for word, is_so in (("something given", mark.gift), ("something asked for", mark.ask))
                        if is_so
                    ),
                )
                if mark.gift or mark.ask
                else None,
                fragment(" ", element("q", {}, element("bdi", {}, mark.words))) if mark.words else None,
            ),
            element(
                "td",
                {"class": "n"},
                element(
                    "span",
                    {"class": {"good": "good-t", "bad": "bad-t"}.get(line.tone(mark.reading), "q")},
                    "unknown" if mark.reading is None else figures.signed(mark.reading),
                ),
            ),
            element("td", {"class": "n q"}, "" if mark.effect is None else figures.signed(mark.effect)),
        )
        for mark in reversed(one.view.marks)
    ]
    head = element(
        "tr",
        {},
        element("th", {}, "when"),
        element("th", {"class": "hide"}, "whose act"),
        element("th", {}, "what"),
        element("th", {"class": "n"}, "reading"),
        element("th", {"class": "n"}, "moved"),
    )
    return element("table", {"class": "list"}, element("thead", {}, head), element("tbody", {}, rows))


def _explained(one: CustomerStory) -> Markup:
    rows = [
        element(
            "tr",
            {},
            element(
                "th",
                {"scope": "row"},
                figures.words(c.conversation),
                element("small", {"class": "soft"}, f" {c.purpose} by {figures.words(c.channel)}"),
            ),
            element("td", {"class": "nw"}, state_of(c)),
            element("td", {}, _reasons(c)),
            element("td", {"class": "n hide"}, figures.number(c.priority, 3) if c.reached else ""),
        )
        for c in one.explained
    ]
    head = element(
        "tr",
        {},
        element("th", {}, "conversation"),
        element("th", {}, "state"),
        element("th", {}, "because"),
        element("th", {"class": "n hide"}, "priority"),
    )
    return element("table", {"class": "many"}, element("thead", {}, head), element("tbody", {}, rows))


def _reasons(c: Explained) -> Markup:
    parts: list[Child] = []
    for name, condition in (("audience", c.audience), ("trigger", c.trigger)):
        if condition is not None and condition.holds is not True:
            state = "is unknown" if condition.holds is None else "does not hold"
            known = ", ".join(f"{fact} is {figures.shown(value)}" for fact, value in condition.facts.items())
            parts.append(
                element(
                    "div", {}, f"{name} {state}: ", element("code", {}, condition.text), f"; {known}" if known else ""
                )
            )
    if not parts:
        parts += [element("div", {}, _because(answer)) for answer in c.policies if answer.blocks]
        f = c.factors
        worth = f"worth {figures.number(f.business_value, 2)} + {figures.number(f.customer_value, 1)} points"
        product = (
            f"priority {figures.number(c.priority, 3)} = propensity {figures.number(f.propensity, 4)} × ({worth} × "
            f"{figures.number(f.value_weight, 1)}) × lever {figures.number(f.lever, 2)} × context "
            f"{figures.number(f.context, 2)}"
        )
        parts.append(
            element(
                "div",
                {"class": "soft"},
                product + (f" × after cool-off {figures.number(f.ramp, 2)}" if f.ramp != 1 else ""),
            )
        )
    return fragment(parts)
