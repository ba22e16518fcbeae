"""placeholder being written"""
from __future__ import annotations
from collections.abc import Mapping
from touchline.expressions.tree import Expression
from touchline.kernel.types import Value
def evaluate(expression: Expression, row: Mapping[str, Value]) -> Value:
    raise NotImplementedError
