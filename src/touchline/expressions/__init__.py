"""The one typed expression language: SQL's, checked name by name, compiled to frames, with a row-wise reference."""

from touchline.expressions.checking import check
from touchline.expressions.evaluation import evaluate
from touchline.expressions.faults import ExpressionFault
from touchline.expressions.framing import matching, to_frame
from touchline.expressions.scope import DeclaredNames, Names, OpenNames
from touchline.expressions.tree import Expression

__all__ = [
    "DeclaredNames",
    "Expression",
    "ExpressionFault",
    "Names",
    "OpenNames",
    "check",
    "evaluate",
    "matching",
    "to_frame",
]
