"""placeholder being written"""
from __future__ import annotations
from collections.abc import Callable
import narwhals as nw
from touchline.expressions.tree import Expression
from touchline.kernel import measures
def to_frame(expression: Expression, column: Callable[[str], str] = measures.column) -> nw.Expr:
    raise NotImplementedError
