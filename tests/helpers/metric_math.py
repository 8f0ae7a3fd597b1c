"""Metric math of CloudWatch, as the alarms of the stack use it (user guide, "Metric math syntax and functions")."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

type Series = list[float | None]
"""One value for each period, the oldest first; `None` where there is none."""

ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
COMPARISONS_IN_MATH: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Eq: operator.eq,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
}


class Expressions:
    """The metrics and expressions of one alarm, by their ids. Raises `KeyError` for what is not supported here."""

    def __init__(
        self,
        queries: Sequence[Mapping[str, Any]],
        *,
        read: Callable[[Mapping[str, Any]], Series],
        periods: int,
        empty_counts_as_zero: bool,
    ) -> None:
        """`read` returns the statistic of a metric in each of the periods."""
        self._queries = {query["Id"]: query for query in queries}
        self._read = read
        self._periods = periods
        self._empty_counts_as_zero = empty_counts_as_zero

    def series(self, name: str) -> Series:
        """Return the values of a metric or of an expression."""
        query = self._queries[name]
        if "MetricStat" in query:
            return self._read(query["MetricStat"])
        value = self._value(ast.parse(query["Expression"], mode="eval").body)
        assert _is_series(value), "the result of an alarm's expression is one time series"
        found: Series = value
        return found

    def _value(self, node: ast.expr) -> Any:
        """Return a number, a series or an array of series."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return self.series(name)
            case ast.List(elts=items):
                return [self._value(item) for item in items]
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._call(function, [self._value(argument) for argument in arguments])
        return self._operate(node)

    def _operate(self, node: ast.expr) -> Any:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._combine(operator.sub, 0.0, self._value(operand))
            case ast.BinOp(left=left, op=symbol, right=right):
                return self._combine(ARITHMETIC[type(symbol)], self._value(left), self._value(right))
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                return self._combine(COMPARISONS_IN_MATH[type(comparison)], self._value(left), self._value(right))
        raise KeyError(f"not supported here: {ast.dump(node)}")

    def _call(self, function: str, arguments: list[Any]) -> Series:
        match function, arguments:
            case "FILL", [series, filler]:
                return self._fill(series, filler)
            case "SUM", [[[*_], *_] as array]:
                return _add(array)
            case "IF", [condition, then, otherwise]:
                return self._choose(condition, then, otherwise)
        raise KeyError(f"not supported here: {function}")

    def _combine(self, function: Callable[[float, float], float], left: Any, right: Any) -> Series:
        """Apply an operator, of which at least one operand is a series.

        A value that is missing in one of two series counts as zero.
        """
        series = [value for value in (left, right) if _is_series(value)]
        if any(_is_empty(each) for each in series) and not self._empty_counts_as_zero:
            return [None for _ in range(self._periods)]
        a, b = self._repeat(left), self._repeat(right)
        present = [any(each[index] is not None for each in series) for index in range(self._periods)]
        return [
            float(function(x or 0.0, y or 0.0)) if known else None for x, y, known in zip(a, b, present, strict=True)
        ]

    def _fill(self, series: Series, filler: Any) -> Series:
        if _is_empty(series) and not self._empty_counts_as_zero:
            return series
        return [other if value is None else value for value, other in zip(series, self._repeat(filler), strict=True)]

    def _choose(self, condition: Series, then: Any, otherwise: Any) -> Series:
        """Return `IF`: dropped without a condition, or if false without an alternative; 0 if true without a value."""
        return [
            None if which is None else (yes or 0.0) if which else no
            for which, yes, no in zip(condition, self._repeat(then), self._repeat(otherwise), strict=True)
        ]

    def _repeat(self, value: Any) -> Series:
        repeated: Series = value if _is_series(value) else [value for _ in range(self._periods)]
        return repeated


def _is_series(value: object) -> bool:
    return isinstance(value, list) and not any(isinstance(item, list) for item in value)


def _is_empty(series: object) -> bool:
    return isinstance(series, list) and all(value is None for value in series)


def _add(array: Sequence[Series]) -> Series:
    """Add series: of each period those that have a value."""
    columns = [[value for value in column if value is not None] for column in zip(*array, strict=True)]
    return [sum(column) if column else None for column in columns]
