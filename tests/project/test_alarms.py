"""Every failure has an alarm, and what is expected has none."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gaussdb_backup.telemetry.metrics import Metric
from local.aws_emulator.stack import Stack
from tests.helpers.emitted_telemetry import emitted_telemetry

EXPECTED = {
    Metric.BACKUP_BUILDING: "a backup was created or adopted",
    Metric.BACKUP_COMPLETED: "a backup ended well",
    Metric.BACKUP_DEFERRED: "expected; a request that is deferred for too long is rejected",
    Metric.BACKUP_DURATION: "a measurement",
    Metric.BACKUP_SIZE: "a measurement",
    Metric.BACKUP_UNKNOWN: "tracking continues; the backup ends, or is overdue",
    Metric.BACKUPS_DELETED: "a measurement; what should not be deleted is refused before",
}
AWS_METRICS = {
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles"}),
    "AWS/SQS": ("QueueName", {"ApproximateNumberOfMessagesVisible", "NumberOfMessagesReceived"}),
}


def metrics_of(alarm: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, metric and dimensions of everything that an alarm reads."""
    metrics = [item["MetricStat"]["Metric"] for item in alarm.get("Metrics", []) if "MetricStat" in item] or [alarm]
    for metric in metrics:
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions


def monitored(alarms: Mapping[str, Any], namespace: str, metric: str) -> set[str]:
    """The values of the dimensions in which some alarm reads a metric."""
    return {
        value
        for alarm in alarms.values()
        for found, name, dimensions in metrics_of(alarm)
        if (found, name) == (namespace, metric)
        for value in dimensions.values()
    }


def test_every_application_metric_of_an_alarm_is_emitted_by_the_code(alarms: dict[str, Any]) -> None:
    application = [metric for alarm in alarms.values() for metric in metrics_of(alarm) if metric[0] == "GaussDBBackup"]
    assert application
    for namespace, name, dimensions in application:
        assert (namespace, frozenset(dimensions), name) in emitted_telemetry().units, name
        for dimension, value in dimensions.items():
            assert value in emitted_telemetry().dimensions[dimension]


def test_every_aws_metric_of_an_alarm_belongs_to_a_resource_of_the_stack(alarms: dict[str, Any], stack: Stack) -> None:
    for alarm in alarms.values():
        for namespace, name, dimensions in metrics_of(alarm):
            if namespace != "GaussDBBackup":
                dimension, names = AWS_METRICS[namespace]
                assert name in names
                assert [value.split(".")[0] in stack.template["Resources"] for value in dimensions.values()] == [True]
                assert list(dimensions) == [dimension]


def test_every_metric_of_a_failure_has_an_alarm(alarms: dict[str, Any]) -> None:
    """A new metric needs an alarm, or a reason here."""
    read = {metric for metric in Metric if monitored(alarms, "GaussDBBackup", metric.value)}
    assert read == set(Metric) - set(EXPECTED)


def metric_stats(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [item for item in alarm.get("Metrics", []) if "MetricStat" in item]


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_is_monitored(alarms: dict[str, Any], stack: Stack, metric: str) -> None:
    assert monitored(alarms, "AWS/Lambda", metric) == set(stack.of_type("AWS::Serverless::Function"))


def test_every_dead_letter_queue_is_monitored(alarms: dict[str, Any], stack: Stack) -> None:
    dead_letter_queues = {
        name for name, queue in stack.of_type("AWS::SQS::Queue").items() if "RedrivePolicy" not in queue
    }
    assert dead_letter_queues
    found = {
        dimensions["QueueName"]
        for alarm in alarms.values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible" and alarm["Threshold"] == 0
        for _, _, dimensions in metrics_of(alarm)
    }
    assert found == {f"{name}.QueueName" for name in dead_letter_queues}


def test_every_queue_that_a_function_consumes_has_an_alarm_for_when_it_is_stalled(
    alarms: dict[str, Any], stack: Stack
) -> None:
    """By whether its messages are received, not by their age, which grows in a healthy queue too."""
    consumed = {
        f"{name}.QueueName" for name, queue in stack.of_type("AWS::SQS::Queue").items() if "RedrivePolicy" in queue
    }
    assert monitored(alarms, "AWS/SQS", "NumberOfMessagesReceived") == consumed
    assert monitored(alarms, "AWS/SQS", "ApproximateAgeOfOldestMessage") == set()


def test_an_alarm_of_an_expression_returns_its_result_only(alarms: dict[str, Any]) -> None:
    for alarm in alarms.values():
        if "Metrics" in alarm:
            assert [item["Id"] for item in alarm["Metrics"] if item["ReturnData"]] == ["result"]
            used = set(re.findall(r"\b[a-z]+\b", alarm["Metrics"][0]["Expression"]))
            assert used == {item["Id"] for item in metric_stats(alarm)}


def test_every_alarm_notifies_the_topic(alarms: dict[str, Any]) -> None:
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms.values()} == {("BackupNotifications",)}


def test_only_the_alarm_of_a_lasting_condition_notifies_when_it_is_over(alarms: dict[str, Any]) -> None:
    """A failed backup does not become good because no further one fails."""
    for name, alarm in alarms.items():
        of_application = {namespace for namespace, _, _ in metrics_of(alarm)} == {"GaussDBBackup"}
        keeps_its_state = alarm["TreatMissingData"] == "ignore"
        lasting = not of_application or keeps_its_state or int(alarm["EvaluationPeriods"]) > 1
        assert alarm.get("OKActions", []) == (["BackupNotifications"] if lasting else []), name


def by_missing_data(alarms: Mapping[str, Any], treatment: str) -> set[str]:
    return {name for name, alarm in alarms.items() if alarm["TreatMissingData"] == treatment}


def test_only_what_is_missing_is_an_alarm_by_missing_data(alarms: dict[str, Any]) -> None:
    assert by_missing_data(alarms, "breaching") == {"RunMissingAlarm", "AuditMissingAlarm", "PruneMissingAlarm"}


def test_only_what_an_audit_measures_keeps_its_state_while_data_is_missing(alarms: dict[str, Any]) -> None:
    """Until the next audit nothing else is known."""
    assert by_missing_data(alarms, "ignore") == {"InstancesUncoveredAlarm", "OldestBackupAgeAlarm"}
    assert by_missing_data(alarms, "missing") == set()


LONGEST = {"RunMissingAlarm": "MaximumHoursBetweenRuns", "AuditMissingAlarm": "MaximumHoursBetweenAudits"}
"""Alarms whose number of periods is a parameter."""


def test_cloudwatch_accepts_the_periods(alarms: dict[str, Any], template: dict[str, Any]) -> None:
    """All periods of an alarm together are at most a day, or seven days if one is an hour or more."""
    longest = {name: template["Parameters"][parameter]["MaxValue"] for name, parameter in LONGEST.items()}
    for name, alarm in alarms.items():
        [period] = {item["MetricStat"]["Period"] for item in metric_stats(alarm)} or {alarm["Period"]}
        periods = longest.get(name) or alarm["EvaluationPeriods"]
        assert period * periods <= (7 * 86_400 if period >= 3600 else 86_400), name


def test_what_an_audit_measures_is_read_of_the_connection_and_the_schedule_of_the_stack_alone(
    template: dict[str, Any],
) -> None:
    """An audit of another connection, or by hand of one instance, must not end an alarm of this one."""
    raw = template["Resources"]
    own = [{"Name": "connection", "Value": {"Ref": "Connection"}}, {"Name": "schedule", "Value": "nightly"}]
    of_schedule = {
        name
        for name, each in raw.items()
        if each["Type"] == "AWS::CloudWatch::Alarm" and next(dimensions_of(each["Properties"]))[1:] == own
    }
    assert of_schedule == {
        *("AuditMissingAlarm", "InstancesUncoveredAlarm", "OldestBackupAgeAlarm", "PruneMissingAlarm"),
    }


def dimensions_of(alarm: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    for metric in [item["MetricStat"]["Metric"] for item in metric_stats(alarm)] or [alarm]:
        yield metric["Dimensions"]
