"""The evaluator of alarms decides as the tables of the CloudWatch user guide do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.helpers.alarms import READINGS, MetricData, Reading, evaluate, fires, list_states, newest_state_of, state_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
POINT = {"0": False, "X": True, "-": None}


def points(text: str) -> list[bool | None]:
    return [POINT[symbol] for symbol in text.split()]


@pytest.mark.parametrize(
    ("text", "to_alarm", "breaching", "not_breaching"),
    [
        ("0 - X - X", 3, "OK", "OK"),
        ("0 - - - -", 3, "OK", "OK"),
        ("- - - - -", 3, "ALARM", "OK"),
        ("0 X X - X", 3, "ALARM", "ALARM"),
        ("- - X - -", 3, "ALARM", "OK"),
        ("0 - X - X", 2, "ALARM", "ALARM"),
        ("0 0 X 0 X", 2, "ALARM", "ALARM"),
        ("0 - X - -", 2, "ALARM", "OK"),
        ("- - - - 0", 2, "ALARM", "OK"),
        ("- - - X -", 2, "ALARM", "OK"),
    ],
)
def test_missing_data_is_treated_as_in_the_tables_of_the_guide(
    text: str, to_alarm: int, breaching: str, not_breaching: str
) -> None:
    """Of five periods three are evaluated, as in the guide."""
    for missing_breaches, expected in ((True, breaching), (False, not_breaching)):
        state = state_of(
            points(text), evaluation_periods=3, datapoints_to_alarm=to_alarm, missing_breaches=missing_breaches
        )
        assert state == expected


@pytest.mark.parametrize("before", ["ALARM", "OK", "INSUFFICIENT_DATA"])
@pytest.mark.parametrize(
    ("text", "expected"), [("- - X", "ALARM"), ("X - 0", "OK"), ("X - -", "ALARM"), ("0 - -", "OK"), ("- - -", None)]
)
def test_where_missing_data_is_ignored_the_newest_value_counts_and_without_any_the_state_is_kept(
    text: str, expected: str | None, before: str
) -> None:
    assert newest_state_of(points(text), evaluation_periods=1, before=before) == (expected or before)


def test_missing_data_that_is_ignored_over_several_periods_is_not_supported() -> None:
    with pytest.raises(ValueError, match="several periods"):
        newest_state_of(points("X -"), evaluation_periods=2, before="OK")


def test_an_alarm_that_ignores_missing_data_ends_with_a_value_and_not_with_time() -> None:
    data = MetricData()
    data.put("N", "a", 8.0, NOON)
    data.put("N", "a", 6.0, NOON + timedelta(hours=6))
    alarm = alarm_of("a / 2", "a", TreatMissingData="ignore", Threshold="3")
    hour = timedelta(hours=1)
    assert list_states(alarm, data, start=NOON - hour, end=NOON + 5 * hour) == ["INSUFFICIENT_DATA", "ALARM"]
    assert list_states(alarm, data, start=NOON, end=NOON + 8 * hour)[-2:] == ["ALARM", "OK"]


def alarm_of(expression: str, *metrics: str, **changes: Any) -> dict[str, Any]:
    stats = [
        {"Id": name, "ReturnData": False, "MetricStat": {"Metric": metric(name), "Period": 60, "Stat": "Sum"}}
        for name in metrics
    ]
    return {
        "Metrics": [{"Id": "result", "Expression": expression, "ReturnData": True}, *stats],
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "TreatMissingData": "notBreaching",
        **changes,
    }


def metric(name: str) -> dict[str, Any]:
    return {"Namespace": "N", "MetricName": name, "Dimensions": []}


def published(**values: float) -> MetricData:
    """Metrics with one value each in the last minute before noon."""
    data = MetricData()
    for name, value in values.items():
        data.put("N", name, value, NOON - timedelta(seconds=30))
    return data


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("a - b", {"a": 2.0, "b": 1.0}, "ALARM"),
        ("a - b", {"a": 2.0, "b": 2.0}, "OK"),
        ("FILL(a, 3)", {"a": 0.0}, "OK"),
        ("SUM([a, -b])", {"a": 1.0}, "ALARM"),
        ("SUM([a, -b])", {"b": 1.0}, "OK"),
        ("IF(a == 0, b, 0)", {"a": 0.0, "b": 1.0}, "ALARM"),
        ("IF(a == 0, b, 0)", {"a": 1.0, "b": 1.0}, "OK"),
        ("IF(a > 0, b, 7)", {"b": 1.0}, "OK"),
    ],
)
def test_an_expression_is_calculated(expression: str, values: dict[str, float], expected: str) -> None:
    assert evaluate(alarm_of(expression, "a", "b"), published(**values), now=NOON, reading=READINGS[0]) == expected


def test_a_metric_that_never_existed_is_zero_or_nothing_by_the_reading() -> None:
    alarm, data = alarm_of("a - FILL(b, 0)", "a", "b"), published(a=1.0)
    states = {empty: evaluate(alarm, data, now=NOON, reading=Reading(0, empty)) for empty in (False, True)}
    assert states == {False: "OK", True: "ALARM"}
    with pytest.raises(AssertionError, match="depends on the reading"):
        fires(alarm, data, start=NOON, end=NOON)


def test_a_wall_clock_window_has_only_periods_that_have_ended() -> None:
    data = MetricData()
    data.put("N", "a", 1, NOON + timedelta(seconds=10))
    sliding, wall_clock = alarm_of("a + 0", "a"), alarm_of("a + 0", "a", EvaluationWindow={"WallClockWindow": {}})
    for second, expected in ((30, ("ALARM", "OK")), (60, ("ALARM", "ALARM")), (90, ("OK", "ALARM"))):
        now = NOON + timedelta(seconds=second)
        assert (evaluate(sliding, data, now=now), evaluate(wall_clock, data, now=now)) == expected


def test_what_is_not_supported_is_an_error() -> None:
    with pytest.raises(KeyError, match="not supported"):
        evaluate(alarm_of("RUNNING_SUM(a)", "a"), published(a=1.0), now=NOON)


def test_lines_of_the_log_are_read_as_metrics() -> None:
    data = MetricData()
    directive = {"Namespace": "N", "Dimensions": [["s"]], "Metrics": [{"Name": "a", "Unit": "Count"}]}
    stamp = int((NOON - timedelta(seconds=1)).timestamp() * 1000)
    data.put_emf({"_aws": {"Timestamp": stamp, "CloudWatchMetrics": [directive]}, "s": "x", "a": [2.0]})
    [[place, [(at, value)]]] = data.values.items()
    assert (place, at, value) == (("N", "a", frozenset({("s", "x")})), NOON - timedelta(seconds=1), 2.0)
