"""Whatever harms wakes someone, and nothing else does."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gaussdb_backup.telemetry.reporter import Metric
from local.aws_emulator.stack import Stack
from tests.project.emission import emission

HARMLESS = {
    Metric.BACKUP_BUILDING: "a backup began",
    Metric.BACKUP_COMPLETED: "a backup ended well",
    Metric.BACKUP_DEFERRED: "expected; what is put off for too long is rejected",
    Metric.BACKUP_DURATION: "a measure",
    Metric.BACKUP_SIZE: "a measure",
    Metric.BACKUP_UNKNOWN: "followed on; it ends, or is overdue",
}
AWS_METRICS = {
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles"}),
    "AWS/SQS": ("QueueName", {"ApproximateNumberOfMessagesVisible", "NumberOfMessagesReceived"}),
}


def metrics_of(alarm: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, metric and dimensions of everything that an alarm looks at."""
    looked_at = [item["MetricStat"]["Metric"] for item in alarm.get("Metrics", []) if "MetricStat" in item] or [alarm]
    for metric in looked_at:
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions


def watched(alarms: Mapping[str, Any], namespace: str, metric: str) -> set[str]:
    """The values of the dimensions in which some alarm looks at a metric."""
    return {
        value
        for alarm in alarms.values()
        for found, name, dimensions in metrics_of(alarm)
        if (found, name) == (namespace, metric)
        for value in dimensions.values()
    }


def test_every_metric_of_ours_that_an_alarm_looks_at_is_one_that_the_code_emits(alarms: dict[str, Any]) -> None:
    ours = [metric for alarm in alarms.values() for metric in metrics_of(alarm) if metric[0] == "GaussDBBackup"]
    assert ours
    for namespace, name, dimensions in ours:
        assert (namespace, frozenset(dimensions), name) in emission().units, name
        assert set(dimensions.values()) == emission().dimensions["service"]


def test_every_metric_of_awss_that_an_alarm_looks_at_is_one_of_a_resource_of_the_stack(
    alarms: dict[str, Any], stack: Stack
) -> None:
    for alarm in alarms.values():
        for namespace, name, dimensions in metrics_of(alarm):
            if namespace != "GaussDBBackup":
                dimension, names = AWS_METRICS[namespace]
                assert name in names
                assert [value.split(".")[0] in stack.template["Resources"] for value in dimensions.values()] == [True]
                assert list(dimensions) == [dimension]


def test_every_metric_that_means_harm_has_an_alarm(alarms: dict[str, Any]) -> None:
    """A new metric needs an alarm, or a reason here."""
    assert {metric for metric in Metric if watched(alarms, "GaussDBBackup", metric.value)} - {
        Metric.BACKUP_DEFERRED
    } == set(Metric) - set(HARMLESS)


def test_one_single_bad_fact_is_enough(alarms: dict[str, Any]) -> None:
    ours = [alarm for alarm in alarms.values() if alarm.get("Namespace") == "GaussDBBackup"]
    assert ours
    for alarm in ours:
        assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
            "Sum",
            "GreaterThanThreshold",
            0,
        )
        assert alarm["EvaluationPeriods"] == 1


def test_no_alarm_goes_off_by_a_deferral(alarms: dict[str, Any]) -> None:
    """Where an alarm looks at deferrals, it is to take them off the errors that they cause."""
    for alarm in alarms.values():
        names = {item["Id"]: item["MetricStat"]["Metric"]["MetricName"] for item in metric_stats(alarm)}
        if "BackupDeferred" in {*names.values(), alarm.get("MetricName")}:
            assert names == {"errors": "Errors", "deferred": "BackupDeferred"}
            assert alarm["Metrics"][0]["Expression"] == "errors - FILL(deferred, 0)"


def metric_stats(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [item for item in alarm.get("Metrics", []) if "MetricStat" in item]


def test_functions_that_fail_by_deferrals_have_them_taken_off(alarms: dict[str, Any]) -> None:
    """track_backups ends well whatever the API does; the others fail a direct or scheduled call that is put off."""
    forgiving = {
        dimensions["FunctionName"]
        for alarm in alarms.values()
        if "BackupDeferred" in [name for _, name, _ in metrics_of(alarm)]
        for _, _, dimensions in metrics_of(alarm)
        if "FunctionName" in dimensions
    }
    assert forgiving == watched(alarms, "AWS/Lambda", "Errors") - {"TrackBackupsFunction"}


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_is_watched(alarms: dict[str, Any], stack: Stack, metric: str) -> None:
    assert watched(alarms, "AWS/Lambda", metric) == set(stack.of_type("AWS::Serverless::Function"))


def test_every_dead_letter_queue_is_watched(alarms: dict[str, Any], stack: Stack) -> None:
    dead = {name for name, queue in stack.of_type("AWS::SQS::Queue").items() if "RedrivePolicy" not in queue}
    assert dead
    letters = {
        dimensions["QueueName"]
        for alarm in alarms.values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible" and alarm["Threshold"] == 0
        for _, _, dimensions in metrics_of(alarm)
    }
    assert letters == {f"{name}.QueueName" for name in dead}


def test_every_queue_that_a_function_reads_is_watched_for_standing_still(alarms: dict[str, Any], stack: Stack) -> None:
    """By whether its messages are taken, not by their age, which grows while all is well."""
    fed = {f"{name}.QueueName" for name, queue in stack.of_type("AWS::SQS::Queue").items() if "RedrivePolicy" in queue}
    assert watched(alarms, "AWS/SQS", "NumberOfMessagesReceived") == fed
    assert watched(alarms, "AWS/SQS", "ApproximateAgeOfOldestMessage") == set()


def test_an_alarm_that_calculates_shows_its_answer_only(alarms: dict[str, Any]) -> None:
    for alarm in alarms.values():
        if "Metrics" in alarm:
            assert [item["Id"] for item in alarm["Metrics"] if item["ReturnData"]] == ["answer"]
            used = set(re.findall(r"\b[a-z]+\b", alarm["Metrics"][0]["Expression"]))
            assert used == {item["Id"] for item in metric_stats(alarm)}


def test_every_alarm_tells_the_topic(alarms: dict[str, Any]) -> None:
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms.values()} == {("BackupNotifications",)}


def test_only_a_lasting_state_is_told_to_be_over(alarms: dict[str, Any]) -> None:
    """A failed backup does not become good because no further one fails."""
    for name, alarm in alarms.items():
        lasting = {namespace for namespace, _, _ in metrics_of(alarm)} != {"GaussDBBackup"}
        assert alarm.get("OKActions", []) == (["BackupNotifications"] if lasting else []), name


def test_quiet_is_no_alarm(alarms: dict[str, Any]) -> None:
    assert {alarm["TreatMissingData"] for alarm in alarms.values()} == {"notBreaching"}
