"""Alarms evaluated as CloudWatch does, on given values: a metric or an expression, M of N periods, missing data.

Written after the CloudWatch user guide ("Metric math syntax and functions", "Configuring how CloudWatch alarms treat
missing data") and, for windows, the API reference of PutMetricAlarm. Two things the guide does not say: at how many
periods beyond the evaluated ones CloudWatch looks when data is missing, and what an operator or FILL makes of a metric
that has no value at all. An alarm is evaluated under each reading, and must be right under all.
"""

import ast
import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

type Dimensions = frozenset[tuple[str, str]]
type Series = list[float | None]
"""One value for each period, the oldest first; `None` where there is none."""

STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max, "Minimum": min}
ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
COMPARISONS_IN_MATH: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Eq: operator.eq,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
}
MISSING_BREACHES = {"breaching": True, "notBreaching": False}


@dataclass
class MetricData:
    """The values that were published, by metric."""

    values: dict[tuple[str, str, Dimensions], list[tuple[datetime, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def put(self, namespace: str, metric: str, value: float, at: datetime, **dimensions: str) -> None:
        """Publish one value."""
        self.values[namespace, metric, frozenset(dimensions.items())].append((at, value))

    def put_emf(self, document: Mapping[str, Any]) -> None:
        """Publish what a line of the log says (embedded metric format)."""
        at = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: document[name] for name in names}
                for metric in directive["Metrics"]:
                    given = document[metric["Name"]]
                    for value in given if isinstance(given, list) else [given]:
                        self.put(directive["Namespace"], metric["Name"], value, at, **dimensions)

    def series(self, stat: Mapping[str, Any], ends: Sequence[datetime]) -> Series:
        """Return the statistic of a metric in the periods that end at these times."""
        metric, period = stat["Metric"], timedelta(seconds=stat["Period"])
        dimensions = frozenset((each["Name"], each["Value"]) for each in metric.get("Dimensions", []))
        published = self.values.get((metric["Namespace"], metric["MetricName"], dimensions), [])
        groups = [[value for at, value in published if end - period <= at < end] for end in ends]
        return [STATISTICS[stat["Stat"]](group) if group else None for group in groups]


@dataclass(frozen=True)
class Reading:
    """One reading of what the guide leaves open."""

    further_periods: int
    """How many periods before the evaluated ones are looked at when data is missing."""
    empty_counts_as_zero: bool
    """Whether an operator or FILL takes a metric without any value for zeros, rather than returning nothing."""


READINGS = tuple(Reading(periods, empty) for periods, empty in product((0, 2, 5), (False, True)))


def fires(
    alarm: Mapping[str, Any],
    data: MetricData,
    *,
    start: datetime,
    end: datetime,
    every: timedelta = timedelta(minutes=1),
    created_at: datetime | None = None,
) -> bool:
    """Return whether the alarm is in ALARM at some time; raise `AssertionError` if that depends on the reading.

    `created_at` is for an alarm that is younger than its warm-up period.
    """
    start = max(start, created_at + _warm_up(alarm)) if created_at else start
    results = {reading: "ALARM" in _states(alarm, data, reading, start, end, every) for reading in READINGS}
    assert len(set(results.values())) == 1, f"it depends on the reading: {results}"
    return results[READINGS[0]]


def _states(
    alarm: Mapping[str, Any], data: MetricData, reading: Reading, start: datetime, end: datetime, every: timedelta
) -> Iterator[str]:
    now = start
    while now <= end:
        yield evaluate(alarm, data, now=now, reading=reading)
        now += every


def _warm_up(alarm: Mapping[str, Any]) -> timedelta:
    """Return for how long after its creation the alarm is not evaluated."""
    return timedelta(minutes=alarm.get("WarmUpConfiguration", {}).get("WarmUpPeriodDurationInMinutes", 0))


def evaluate(alarm: Mapping[str, Any], data: MetricData, *, now: datetime, reading: Reading = READINGS[0]) -> str:
    """Return the state that CloudWatch gives the alarm at a time: ALARM or OK."""
    queries = alarm.get("Metrics") or [{"Id": "result", "ReturnData": True, "MetricStat": _own_metric(alarm)}]
    [period] = {timedelta(seconds=query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query}
    wanted, further = int(alarm["EvaluationPeriods"]), reading.further_periods
    if "WallClockWindow" in alarm.get("EvaluationWindow", {}):
        now, further = now - (now - datetime(2000, 1, 1, tzinfo=UTC)) % period, 0
    ends = [now - index * period for index in reversed(range(wanted + further))]
    [result] = [query["Id"] for query in queries if query["ReturnData"]]
    series = _Expressions(queries, data, ends, reading).series(result)
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    return state_of(
        [None if value is None else breaches(value, alarm["Threshold"]) for value in series],
        evaluation_periods=wanted,
        datapoints_to_alarm=alarm.get("DatapointsToAlarm", wanted),
        missing_breaches=MISSING_BREACHES[alarm["TreatMissingData"]],
    )


def state_of(
    points: Sequence[bool | None], *, evaluation_periods: int, datapoints_to_alarm: int, missing_breaches: bool
) -> str:
    """Return the state for data points that breach or do not, or are missing: the oldest first, the further ones too.

    As many of the newest values as are evaluated; where there are fewer, the rest counts as missing.
    """
    present = [point for point in points if point is not None][-evaluation_periods:]
    breaching = sum(present) + missing_breaches * (evaluation_periods - len(present))
    return "ALARM" if breaching >= datapoints_to_alarm else "OK"


def _own_metric(alarm: Mapping[str, Any]) -> dict[str, Any]:
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}
    return {"Metric": metric, "Period": alarm["Period"], "Stat": alarm["Statistic"]}


class _Expressions:
    """The metrics and expressions of one alarm, by their ids. Raises `KeyError` for what is not supported here."""

    def __init__(
        self, queries: Sequence[Mapping[str, Any]], data: MetricData, ends: Sequence[datetime], reading: Reading
    ) -> None:
        self._queries = {query["Id"]: query for query in queries}
        self._data = data
        self._ends = ends
        self._reading = reading

    def series(self, name: str) -> Series:
        query = self._queries[name]
        if "MetricStat" in query:
            return self._data.series(query["MetricStat"], self._ends)
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
        if any(_is_empty(each) for each in series) and not self._reading.empty_counts_as_zero:
            return [None for _ in self._ends]
        a, b = self._repeat(left), self._repeat(right)
        present = [any(each[index] is not None for each in series) for index in range(len(self._ends))]
        return [
            float(function(x or 0.0, y or 0.0)) if known else None for x, y, known in zip(a, b, present, strict=True)
        ]

    def _fill(self, series: Series, filler: Any) -> Series:
        if _is_empty(series) and not self._reading.empty_counts_as_zero:
            return series
        return [other if value is None else value for value, other in zip(series, self._repeat(filler), strict=True)]

    def _choose(self, condition: Series, then: Any, otherwise: Any) -> Series:
        """Return `IF`: dropped without a condition, or if false without an alternative; 0 if true without a value."""
        return [
            None if which is None else (yes or 0.0) if which else no
            for which, yes, no in zip(condition, self._repeat(then), self._repeat(otherwise), strict=True)
        ]

    def _repeat(self, value: Any) -> Series:
        repeated: Series = value if _is_series(value) else [value for _ in self._ends]
        return repeated


def _is_series(value: object) -> bool:
    return isinstance(value, list) and not any(isinstance(item, list) for item in value)


def _is_empty(series: object) -> bool:
    return isinstance(series, list) and all(value is None for value in series)


def _add(array: Sequence[Series]) -> Series:
    """Add series: of each period those that have a value."""
    columns = [[value for value in column if value is not None] for column in zip(*array, strict=True)]
    return [sum(column) if column else None for column in columns]
