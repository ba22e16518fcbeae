"""In: which sort of sentence, how many, a random generator. Out: that many short invented sentences. Writes no
interactions.

Sentences are made from a few dozen patterns once and then drawn, so that a million rows cost one draw.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

ITEMS: tuple[str, ...] = (
    "olive tree", "fig", "monstera", "rose", "herb box", "watering can", "teapot", "kettle", "bread bin",
    "set of bowls", "lamp", "blanket", "rug", "side table", "mirror",
)  # fmt: skip

DAYS: tuple[str, ...] = ("four", "six", "nine", "eleven")

PATTERNS: dict[str, tuple[str, ...]] = {
    "late": (
        "My {item} came {days} days after the date you gave me.",
        "Still no {item}. I stayed at home twice for it.",
        "Nobody told me that the {item} would be late. A word would have been enough.",
        "{Days} days late, and the tracking page said 'on its way' throughout.",
        "The {item} was a birthday present. The birthday has been.",
        "I chose you because you promised Thursday for the {item}.",
    ),
    "damaged": (
        "The {item} arrived with a crack in it.",
        "The box was torn open and the {item} scratched.",
        "Half of what belongs to the {item} is missing, and there was no note.",
        "You packed a {item} in one sheet of paper. It did not survive.",
    ),
    "cross": (
        "I was charged twice for the {item}.",
        "The till price of the {item} was not the shelf price.",
        "Your colleague told me something else about the {item} last week.",
        "I gave you my address three times and you asked me again.",
    ),
    "question": (
        "When will my {item} be here?",
        "Does the {item} come in a smaller size?",
        "Can I return the {item} in the shop?",
        "How do I look after the {item}?",
        "Is the {item} to be had as a gift?",
        "Can you change the delivery address for my {item}?",
        "How tall is the {item}?",
        "Do you collect the old {item} when you bring the new one?",
    ),
    "praise": (
        "The {item} is exactly as described. Thank you.",
        "Your colleague in the shop carried the {item} to my car.",
        "Ordered a {item} on Monday, here on Wednesday.",
        "Best {item} that I have owned, and a kind word in the box.",
        "You asked what went wrong, and then you mended it. That is rare.",
        "Whoever packed my {item} cares about the work.",
    ),
    "review_good": (
        "The {item} is just right. The driver even rang before coming.",
        "Fair price, quick answer, good {item}.",
        "I was doubtful about buying a {item} unseen. No longer.",
        "They made a mistake with my {item} and they owned it.",
    ),
    "review_fair": (
        "The {item} is all right. The instructions are not.",
        "Good {item}, slow delivery.",
        "A {item}, no more and no less.",
    ),
    "review_bad": (
        "{Days} days late and not a word. The {item} itself is fine.",
        "The {item} arrived broken, and then I waited {days} days for an answer.",
        "I will buy my next {item} elsewhere.",
        "Promises a date for a {item}, keeps none.",
    ),
    "why_good": (
        "Came when you said it would.",
        "Somebody answered within the hour.",
        "You put it right without arguing.",
        "Easy from start to end.",
    ),
    "why_bad": (
        "I had to ask three times.",
        "Tell me when something is late.",
        "Fewer e-mails, more news of my order.",
        "I took a day off for nothing.",
    ),
    "recovered": (
        "You put it right. I only wish it had not been necessary.",
        "Thank you for ringing back as you said.",
        "A mistake can happen. This is how to mend one.",
    ),
}


def sentences(sort: str) -> list[str]:
    """Every sentence of that sort, in a fixed order."""
    made = []
    for pattern, item, days in product(PATTERNS[sort], ITEMS, DAYS):
        made.append(pattern.format(item=item, days=days, Days=days.capitalize()))
    return list(dict.fromkeys(made))


def draw(sort: str, count: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    """`count` sentences of that sort as an object array."""
    pool = np.array(sentences(sort), dtype=object)
    return pool[rng.integers(0, len(pool), count)]
