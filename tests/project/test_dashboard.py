"""The dashboard and the saved queries name only what exists."""

import json
import re
from itertools import combinations
from typing import Any

import boto3
import pytest

from gaussdb_backup.telemetry.metrics import Metric
from local.aws_emulator.stack import Stack
from tests.helpers.aws import emulated_aws
from tests.helpers.deployment import SETTINGS
from tests.helpers.emitted_telemetry import emitted_telemetry

AWS_METRICS = {
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles", "Duration"}),
    "AWS/SQS": (
        "QueueName",
        {
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
        },
    ),
}
COMMANDS = {"filter", "fields", "sort", "limit", "stats", "dedup", "display"}
WORDS = {"and", "or", "in", "by", "as", "asc", "desc", "latest", "max", "count_distinct"}
COLUMNS = 24


@pytest.fixture(scope="session")
def body(stack: Stack) -> str:
    [dashboard] = stack.of_type("AWS::CloudWatch::Dashboard").values()
    text: str = dashboard["DashboardBody"]
    return text


@pytest.fixture(scope="session")
def widgets(body: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


@pytest.fixture(scope="session")
def saved(stack: Stack) -> dict[str, Any]:
    queries = stack.of_type("AWS::Logs::QueryDefinition").values()
    return {query["Name"].rpartition("/")[2]: query for query in queries}


def rows(widgets: list[dict[str, Any]]) -> list[list[Any]]:
    """Each metric's row of every widget."""
    return [row for widget in widgets if widget["type"] == "metric" for row in widget["properties"]["metrics"]]


def fields_of(query: str) -> set[str]:
    """The fields of records that a query names: no text, comment, command, function, or alias."""
    code = re.sub(r'"[^"]*"|#.*|SOURCE \S+', "", query)
    words = set(re.findall(r"(?<![@\w])[a-z]\w*", code)) - COMMANDS - WORDS
    return words - set(re.findall(r"\bas (\w+)", code))


def shown(widgets: list[dict[str, Any]], title: str) -> list[list[Any]]:
    [widget] = [each for each in widgets if each["properties"].get("title", "").startswith(title)]
    found: list[list[Any]] = widget["properties"]["metrics"]
    return found


def test_every_application_metric_on_the_dashboard_is_emitted_by_the_code(widgets: list[dict[str, Any]]) -> None:
    application = [row for row in rows(widgets) if row[0] == "GaussDBBackup"]
    assert application
    for namespace, name, *rest in application:
        words = [word for word in rest if isinstance(word, str)]
        dimensions = dict(zip(words[::2], words[1::2], strict=True))
        assert (namespace, frozenset(dimensions), name) in emitted_telemetry().units, name
        for dimension, value in dimensions.items():
            assert value in emitted_telemetry().dimensions[dimension]


def test_every_application_metric_is_on_the_dashboard(widgets: list[dict[str, Any]]) -> None:
    assert {row[1] for row in rows(widgets) if row[0] == "GaussDBBackup"} == {metric.value for metric in Metric}


def test_every_aws_metric_on_the_dashboard_belongs_to_a_resource_of_the_stack(
    widgets: list[dict[str, Any]], stack: Stack
) -> None:
    for namespace, name, *rest in (row for row in rows(widgets) if str(row[0]).startswith("AWS/")):
        dimension, names = AWS_METRICS[namespace]
        assert name in names
        assert rest[0] == dimension
        assert rest[1].split(".")[0] in stack.template["Resources"]


def test_titles_name_the_units_of_their_metrics(widgets: list[dict[str, Any]]) -> None:
    units = {name: unit for (_, _, name), unit in emitted_telemetry().units.items()}
    measured = (
        ("(seconds)", "Seconds", "BackupDuration"),
        ("(seconds)", "Seconds", "OldestBackupAge"),
        ("(MB)", "Megabytes", "BackupSize"),
    )
    for word, unit, metric in measured:
        [title] = [each["properties"]["title"] for each in widgets if f'"{metric}"' in json.dumps(each)]
        assert title.endswith(word)
        assert units[metric] == unit


def test_every_final_status_is_shown_and_durations_and_sizes_by_average_and_maximum(
    widgets: list[dict[str, Any]],
) -> None:
    ended = {row[1] for row in shown(widgets, "Backups ended")}
    assert ended == {"BackupCompleted", "BackupFailed", "BackupOverdue", "BackupMissing"}
    for title in ("Duration of a backup", "Size of a backup"):
        assert [row[-1]["stat"] for row in shown(widgets, title)] == ["Average", "Maximum"]


def test_building_now_counts_every_message_of_the_tracking_queue(widgets: list[dict[str, Any]]) -> None:
    """SQS counts a message as delayed, not visible (until the next poll) or visible."""
    [[calculation], *summands] = shown(widgets, "Building now")
    assert {row[1].removeprefix("ApproximateNumberOfMessages") for row in summands} == {
        "Delayed",
        "NotVisible",
        "Visible",
    }
    assert {row[3] for row in summands} == {"TrackingQueue.QueueName"}
    parts = {f"FILL({row[-1]['id']}, 0)" for row in summands}
    assert set(calculation["expression"].split(" + ")) == parts
    assert not any(row[-1]["visible"] for row in summands)


def test_every_queue_and_function_is_on_the_dashboard(widgets: list[dict[str, Any]], stack: Stack) -> None:
    queues = {row[3].removesuffix(".QueueName") for row in rows(widgets) if row[0] == "AWS/SQS"}
    functions = {row[3] for row in rows(widgets) if row[0] == "AWS/Lambda"}
    assert queues == set(stack.of_type("AWS::SQS::Queue"))
    assert functions == set(stack.of_type("AWS::Serverless::Function"))


def test_every_alarm_is_on_the_dashboard(widgets: list[dict[str, Any]], stack: Stack) -> None:
    [widget] = [widget for widget in widgets if widget["type"] == "alarm"]
    assert {arn.removesuffix(".Arn") for arn in widget["properties"]["alarms"]} == set(
        stack.of_type("AWS::CloudWatch::Alarm")
    )


def test_widgets_fit_and_do_not_overlap(widgets: list[dict[str, Any]]) -> None:
    areas = [
        {(x, y) for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])}
        for w in widgets
    ]
    assert all(x < COLUMNS for area in areas for x, _ in area)
    assert not any(one & other for one, other in combinations(areas, 2))


def test_cloudwatch_accepts_the_body(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SETTINGS[name])
    with emulated_aws():
        cloudwatch = boto3.client("cloudwatch")
        cloudwatch.put_dashboard(DashboardName="d", DashboardBody=body)
        assert json.loads(cloudwatch.get_dashboard(DashboardName="d")["DashboardBody"])["widgets"]


def test_the_latest_errors_are_a_table_over_the_logs_of_every_function(
    widgets: list[dict[str, Any]], stack: Stack
) -> None:
    [widget] = [widget for widget in widgets if widget["type"] == "log"]
    assert widget["properties"]["view"] == "table"
    query = widget["properties"]["query"]
    assert set(re.findall(r"SOURCE '(\w+)'", query)) == set(stack.of_type("AWS::Logs::LogGroup"))
    assert fields_of(query) <= emitted_telemetry().fields
    assert 'level = "ERROR"' in query


def test_saved_queries_name_only_fields_that_the_code_logs(saved: dict[str, Any]) -> None:
    assert set(saved) == {
        *("every status of one backup", "today by instance", "slowest backups", "warnings and errors"),
        *("uncovered instances", "deleted backups"),
    }
    for name, query in saved.items():
        assert fields_of(query["QueryString"])
        assert fields_of(query["QueryString"]) <= emitted_telemetry().fields, name


def test_saved_queries_filter_by_messages_and_statuses_that_the_code_logs(saved: dict[str, Any]) -> None:
    logged = {str(value) for record in emitted_telemetry().records for value in record.values()}
    for name, query in saved.items():
        texts = set(re.findall(r'"([^"]+)"', re.sub(r"#.*", "", query["QueryString"])))
        assert texts - {"CRITICAL"} <= logged, name


def test_saved_queries_read_log_groups_of_the_stack(saved: dict[str, Any], stack: Stack) -> None:
    groups = set(stack.of_type("AWS::Logs::LogGroup"))
    assert all(set(query["LogGroupNames"]) <= groups for query in saved.values())
    assert set(saved["warnings and errors"]["LogGroupNames"]) == groups


def test_every_command_of_a_saved_query_exists_in_logs_insights(saved: dict[str, Any]) -> None:
    for query in saved.values():
        code = re.sub(r"#.*\n", "", query["QueryString"])
        assert {part.split()[0] for part in code.split("|")} <= COMMANDS
