"""Alarms evaluated as CloudWatch does, on given values: a metric or an expression, M of N periods, missing data.

Written after the CloudWatch user guide ("Metric math syntax and functions", "Configuring how CloudWatch alarms treat
missing data") and, for windows, the API reference of PutMetricAlarm. Two things the guide does not say: at how many
periods beyond the evaluated ones CloudWatch looks when data is missing, and what an operator or FILL makes of a metric
that has no value at all. An alarm is evaluated under each reading, and must be right under all.
"""

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby, product
from typing import Any

from tests.helpers.metric_math import Expressions, Series

type Dimensions = frozenset[tuple[str, str]]

STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max, "Minimum": min}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
MISSING_BREACHES = {"breaching": True, "notBreaching": False}
NOT_EVALUATED = "INSUFFICIENT_DATA"
"""The state of an alarm that has never had a value."""


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


def list_states(
    alarm: Mapping[str, Any],
    data: MetricData,
    *,
    start: datetime,
    end: datetime,
    every: timedelta = timedelta(minutes=1),
) -> list[str]:
    """Return the states that the alarm has one after the other; raise `AssertionError` if they depend on the reading.

    An alarm that keeps its state while data is missing has none before the start.
    """
    results = {reading: _without_repeats(_states(alarm, data, reading, start, end, every)) for reading in READINGS}
    assert len({tuple(states) for states in results.values()}) == 1, f"it depends on the reading: {results}"
    return results[READINGS[0]]


def _without_repeats(states: Iterable[str]) -> list[str]:
    return [state for state, _ in groupby(states)]


def _states(
    alarm: Mapping[str, Any], data: MetricData, reading: Reading, start: datetime, end: datetime, every: timedelta
) -> Iterator[str]:
    now, state = start, NOT_EVALUATED
    while now <= end:
        state = evaluate(alarm, data, now=now, reading=reading, before=state)
        yield state
        now += every


def _warm_up(alarm: Mapping[str, Any]) -> timedelta:
    """Return for how long after its creation the alarm is not evaluated."""
    return timedelta(minutes=alarm.get("WarmUpConfiguration", {}).get("WarmUpPeriodDurationInMinutes", 0))


def evaluate(
    alarm: Mapping[str, Any],
    data: MetricData,
    *,
    now: datetime,
    reading: Reading = READINGS[0],
    before: str = NOT_EVALUATED,
) -> str:
    """Return the state that CloudWatch gives the alarm at a time: ALARM or OK, or the one `before`."""
    queries = alarm.get("Metrics") or [{"Id": "result", "ReturnData": True, "MetricStat": _own_metric(alarm)}]
    [period] = {timedelta(seconds=query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query}
    wanted, further = int(alarm["EvaluationPeriods"]), reading.further_periods
    if "WallClockWindow" in alarm.get("EvaluationWindow", {}):
        now, further = now - (now - datetime(2000, 1, 1, tzinfo=UTC)) % period, 0
    ends = [now - index * period for index in reversed(range(wanted + further))]
    [result] = [query["Id"] for query in queries if query["ReturnData"]]
    series = Expressions(
        queries,
        read=partial(data.series, ends=ends),
        periods=len(ends),
        empty_counts_as_zero=reading.empty_counts_as_zero,
    ).series(result)
    breaches, threshold = COMPARISONS[alarm["ComparisonOperator"]], float(alarm["Threshold"])
    points = [None if value is None else breaches(value, threshold) for value in series]
    if alarm["TreatMissingData"] == "ignore":
        return newest_state_of(points, evaluation_periods=wanted, before=before)
    return state_of(
        points,
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


def newest_state_of(points: Sequence[bool | None], *, evaluation_periods: int, before: str) -> str:
    """Return the state where missing data is ignored: that of the newest value, and without any the one `before`.

    Raises `ValueError` for more than one evaluated period: the guide does not say what becomes of a part of them.
    """
    if evaluation_periods != 1:
        raise ValueError("missing data is ignored over several periods")
    present = [point for point in points if point is not None]
    if not present:
        return before
    return "ALARM" if present[-1] else "OK"


def _own_metric(alarm: Mapping[str, Any]) -> dict[str, Any]:
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}
    return {"Metric": metric, "Period": alarm["Period"], "Stat": alarm["Statistic"]}
