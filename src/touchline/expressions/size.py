"""In: a tree, not yet typed. Out: how many operations its frame form may have. Writes no interactions.

A guard names what it guards twice, and CASE x WHEN … names x in every branch; inside one another they multiply, so that a short
text could become a frame expression that no engine finishes reading.
"""

from __future__ import annotations

from touchline.expressions.tree import Arithmetic, Between, Call, Cast, Literal, Membership, Negative, Node, children

_CASTS = 6
_TWICE = frozenset({"LOWER", "UPPER", "NULLIF"})


def size(tree: Node) -> int:
    """An upper bound of the operations of the frame form; exact sharing in the tree is followed once only."""
    return _Size().value(tree)


class _Size:
    """Sizes by node identity, since a tree may hold one node many times."""

    def __init__(self) -> None:
        self._values: dict[int, int] = {}
        self._raws: dict[int, int] = {}

    def value(self, node: Node) -> int:
        """Operations of the node with its guard."""
        known = self._values.get(id(node))
        if known is None:
            known = self._values[id(node)] = self._value(node)
        return known

    def _value(self, node: Node) -> int:
        below = [self.value(child) for child in children(node)]
        match node:
            case Arithmetic() | Negative() | Call("ABS"):
                return 2 * self._raw(node)
            case Cast():
                return 1 + _CASTS * sum(below)
            case Between() | Call():
                twice = isinstance(node, Between) or node.function in _TWICE
                return 1 + sum(below) + (below[0] if twice and below else 0)
            case Membership(_, members) if not all(isinstance(member, Literal) for member in members):
                return 1 + sum(below) + below[0] * len(members)
            case _:
                return 1 + sum(below)

    def _raw(self, node: Node) -> int:
        """Operations of the node without a guard, as inside of a longer calculation."""
        known = self._raws.get(id(node))
        if known is None:
            match node:
                case Arithmetic("/", left, right):
                    known = 1 + self._raw(left) + self.value(right)
                case Arithmetic() | Negative() | Call("ABS"):
                    known = 1 + sum(self._raw(child) for child in children(node))
                case _:
                    known = self.value(node)
            self._raws[id(node)] = known
        return known
