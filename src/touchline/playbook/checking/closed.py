"""In: a condition over measures, the stages and topics that there are. Out: the texts in it that its measures can never be. Writes no interactions.

One check serves what is authored and what is asked at the terminal: a misspelt stage would else hold for nobody in silence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from touchline.expressions import Expression, ExpressionFault, check, tree
from touchline.kernel.names import did_you_mean
from touchline.kernel.types import Type
from touchline.playbook.authored.words import shown
from touchline.playbook.compiled import Playbook

TIERS = ("most_valuable", "most_growable", "steady", "below_zero")
LOYALTIES = ("true", "latent", "inertial", "none")
ARMS = ("treated", "control")


def strange(
    expression: Expression, stages: Collection[str] | None, topics: Collection[str] | None
) -> Iterator[tuple[str, str, Collection[str]]]:
    """(text, what it is not, with its article, those that there are) of every text that its measure can never be.

    stages, topics   None where the file that declares them cannot be read, so that any text may be one
    """
    closed: Mapping[str, tuple[str, Collection[str] | None]] = {
        "stage": ("a stage", stages),
        "topic.last": ("a topic", topics),
        "quality.tier": ("a tier", TIERS),
        "loyalty.type": ("a type of loyalty", LOYALTIES),
        "arm.global": ("an arm", ARMS),
        **{
            name: ("an arm", ARMS)
            for name in expression.names
            if name.startswith("programme.") and name.endswith(".arm")
        },
    }
    for name, (noun, known) in closed.items():
        if known is None or name not in expression.names:
            continue
        for value in _compared(expression, name):
            if value not in known:
                yield value, noun, known


def condition(text: str, playbook: Playbook) -> Expression:
    """The typed condition over the playbook's measures; raises ExpressionFault."""
    expression = check(text, playbook.measures, want=Type.BOOLEAN)
    stages = tuple(stage.name for stage in playbook.stages)
    faults = [
        (f"{shown(value)} is not {noun}.", did_you_mean(value, known))
        for value, noun, known in strange(expression, stages, playbook.topics)
    ]
    if faults:
        raise ExpressionFault(faults)
    return expression


def _compared(expression: Expression, name: str) -> list[str]:
    """Every text that the expression compares the name with."""
    found: list[tree.Node] = []
    for node in tree.walk(expression.tree):
        if isinstance(node, tree.Comparison):
            sides = (node.left, node.right)
            if any(isinstance(side, tree.Name) and side.name == name for side in sides):
                found += sides
        elif isinstance(node, tree.Membership) and isinstance(node.operand, tree.Name) and node.operand.name == name:
            found += node.members
    return [node.value for node in found if isinstance(node, tree.Literal) and isinstance(node.value, str)]
