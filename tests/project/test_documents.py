"""The reference pages list exactly what the code has: no field, setting, metric or message more or less."""

import ast
import inspect
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gaussdb_backup import errors
from gaussdb_backup.aws.event_bus import AUDIT_FINISHED, PRUNE_FINISHED, SOURCE, STATE_CHANGE
from gaussdb_backup.domain import connection
from gaussdb_backup.domain.backup_request import BackupRequest, parse_backup_request
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.plan import Action, Plan, parse_plan
from gaussdb_backup.domain.prune import PrunePlan, parse_prune
from gaussdb_backup.domain.selection import Selection
from gaussdb_backup.domain.tracking import Status
from gaussdb_backup.operations.create import CreateResult
from gaussdb_backup.operations.prune import PruneResult
from gaussdb_backup.settings import (
    AuditSettings,
    CreateSettings,
    DispatchSettings,
    PruneSettings,
    Settings,
    TrackSettings,
)
from gaussdb_backup.telemetry.metrics import Metric
from tests.helpers.coverage_samples import UNCOVERED, event_of_audit
from tests.helpers.emitted_telemetry import emitted_telemetry, event_of
from tests.helpers.markdown import (
    REFERENCE,
    ROOT,
    anchor,
    code_blocks,
    code_words,
    headings,
    links,
    reference_page,
    section,
    table,
)

NOW = datetime(2026, 11, 23, 1, 31, tzinfo=UTC)
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
SETTINGS_BY_HEADING: dict[str, set[str]] = {
    "All functions": {*Settings.model_fields, "aws_endpoint_url"},  # the last is read by boto3
    "create_backup": set(CreateSettings.model_fields) - set(Settings.model_fields),
    "dispatch_backups": set(DispatchSettings.model_fields) - set(Settings.model_fields),
    "track_backups": set(TrackSettings.model_fields) - set(Settings.model_fields),
    "audit_backups": set(AuditSettings.model_fields) - set(Settings.model_fields),
    "prune_backups": set(PruneSettings.model_fields) - set(Settings.model_fields),
}


def names(rows: list[list[str]]) -> list[str]:
    """The names in the first column."""
    return [name for row in rows for name in code_words(row[0])]


def samples(page: str) -> list[dict[str, Any]]:
    texts = [text.replace(SCHEDULED_TIME, NOW.isoformat()) for text in code_blocks(reference_page(page), "json")]
    return [json.loads(text) for text in texts]


@pytest.mark.parametrize("heading", SETTINGS_BY_HEADING)
def test_every_setting_is_listed_under_its_function(heading: str) -> None:
    variables = names(table(section(reference_page("settings"), heading), "variable"))
    assert sorted(variables) == sorted(name.upper() for name in SETTINGS_BY_HEADING[heading])


def test_every_parameter_is_listed_with_its_default_and_has_a_description(template: dict[str, Any]) -> None:
    rows = table(reference_page("settings"), "parameter")
    assert all({"Default", "Description"} <= set(parameter) for parameter in template["Parameters"].values())
    defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    assert {name: row[1].strip("`") for row in rows for name in code_words(row[0])} == {
        name: default or "empty" for name, default in defaults.items()
    }


def test_a_setting_has_the_parameter_that_the_template_sets_it_from_and_its_default(template: dict[str, Any]) -> None:
    parameters = template["Parameters"]
    functions = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    variables: dict[str, Any] = {}
    for part in [template["Globals"]["Function"], *functions]:
        variables |= part.get("Environment", {}).get("Variables", {})
    of_parameters = {
        name: (value["Ref"], str(parameters[value["Ref"]]["Default"]))
        for name, value in variables.items()
        if isinstance(value, dict) and value.get("Ref") in parameters
    }
    rows = [row for row in table(reference_page("settings"), "variable") if row[1]]
    assert {row[0].strip("`"): (row[1].strip("`"), row[2].strip("`")) for row in rows} == of_parameters


def test_every_field_of_a_request_is_listed_with_its_default() -> None:
    rows = table(section(reference_page("backup_request"), "Fields"), "field")
    assert names(rows) != []
    assert set(names(rows)) == set(BackupRequest.model_fields)
    fixed = {code_words(row[0])[0]: code_words(row[2])[0] for row in rows if row[2].startswith("`")}
    assert fixed == {name: str(BackupRequest.model_fields[name].default) for name in fixed}


def test_every_field_of_a_plan_is_listed() -> None:
    page = section(reference_page("plan"), "Fields")
    assert set(names(table(page, "field"))) == set(Plan.model_fields)
    assert set(names(table(page, "criterion of `select`"))) == set(Selection.model_fields)
    assert set(names(table(page, "action"))) == {action.value for action in Action}


def test_the_samples_of_a_request_and_its_response_are_what_the_code_has() -> None:
    request, response = samples("backup_request")
    parse_backup_request(request, default_time=NOW, now=NOW)
    assert set(response) == set(CreateResult.model_fields)
    assert set(response["backup"]) == set(Backup.model_fields)
    assert CreateResult.model_validate(response).model_dump(mode="json") == response
    listed = names(table(section(reference_page("backup_request"), "Response of a direct invoke"), "field"))
    assert set(listed) == set(CreateResult.model_fields)


def test_the_samples_of_a_plan_and_its_response_are_what_the_code_has() -> None:
    plan, response = samples("plan")
    parse_plan(plan, now=NOW)
    assert set(response) == {"scheduled_time", "dry_run", *(action.value for action in Action)}


def test_every_key_of_a_secret_is_listed() -> None:
    assert set(names(table(reference_page("connection"), "key"))) == set(connection._Secret.model_fields)


def test_the_sample_secret_is_a_connection_and_its_copy_is_not_committed() -> None:
    connection.parse_connection("default", (ROOT / "docs/examples/secret.json").read_text())
    assert "/secret.json" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_metric_is_listed_with_its_unit() -> None:
    rows = table(reference_page("logs_and_metrics"), "metric")
    assert {code_words(row[0])[0]: row[1] for row in rows} == {metric.value: metric.unit.value for metric in Metric}
    assert len(rows) == len(Metric)


def test_every_message_that_the_code_logs_is_listed_with_its_level() -> None:
    listed = {(code_words(row[0])[0], row[1]) for row in table(reference_page("logs_and_metrics"), "message")}
    logged = {(record["message"], record["level"]) for record in emitted_telemetry().records}
    assert logged <= listed
    assert {message for message, _ in listed} == {message for message, _ in logged}


def test_every_message_of_a_reporter_is_among_those_that_are_compared() -> None:
    calls = [
        node
        for path in (ROOT / "layers" / "gaussdb_backup" / "gaussdb_backup" / "telemetry").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and re.fullmatch(r"log|self\._logger\.\w+", ast.unparse(node.func))
    ]
    texts = {call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant)}
    assert len(texts) > 10
    assert texts - {record["message"] for record in emitted_telemetry().records} == set()


def test_every_field_of_a_record_is_listed() -> None:
    page = section(reference_page("logs_and_metrics"), "Log records")
    powertools = set(code_words(page.rpartition("Powertools adds")[2]))
    assert set(names(table(page, "field"))) == emitted_telemetry().fields - powertools - {"message"}


PRUNE_EVENT = {
    "version": 1,
    **parse_prune({"name_prefix": "nightly-", "keep": {"daily": 7}}).log_fields,
    **PruneResult(parse_prune({"name_prefix": "nightly-", "keep": {"daily": 7}}), PrunePlan(()), ()).summary,
}
EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "State changes": (STATE_CHANGE, event_of(Status.COMPLETED)),
    "Audits": (AUDIT_FINISHED, event_of_audit(UNCOVERED)),
    "Prunes": (PRUNE_FINISHED, PRUNE_EVENT),
}


@pytest.mark.parametrize("heading", EVENTS)
def test_the_event_is_described_as_it_is_published(heading: str) -> None:
    detail_type, detail = EVENTS[heading]
    page = section(reference_page("logs_and_metrics"), "Events")
    assert f"source `{SOURCE}`" in page
    own = section(page, heading)
    assert f"detail-type `{detail_type}`" in " ".join(own.split())
    [sample] = code_blocks(own, "json")
    assert set(json.loads(sample)) == {"service", *detail}


@pytest.mark.parametrize("heading", ["Audits", "Prunes"])
def test_every_field_of_the_event_is_listed(heading: str) -> None:
    own = section(section(reference_page("logs_and_metrics"), "Events"), heading)
    assert sorted(names(table(own, "field of the detail"))) == sorted({"service", *EVENTS[heading][1]})


def test_the_sample_of_an_audits_event_is_consistent() -> None:
    own = section(section(reference_page("logs_and_metrics"), "Events"), "Audits")
    [event] = map(json.loads, code_blocks(own, "json"))
    published = event_of_audit(UNCOVERED)
    assert set(event["states"]) == set(published["states"])
    assert [set(each) for each in event["worst"]] == [set(published["worst"][0])]
    assert list(event["lines"]) == ["line_1"]
    assert event["audited"] == sum(event["states"].values())


def test_every_class_of_error_that_dead_letters_a_message_is_listed() -> None:
    rows = table(section(reference_page("logs_and_metrics"), "Dead-lettered messages"), "`ErrorType`")
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.GaussDBBackupError) and not name.startswith("_")
    }
    assert set(names(rows)) == classes - {"GaussDBBackupError", "InvalidSettings"}


@pytest.mark.parametrize("page", sorted(REFERENCE.glob("*.md")), ids=lambda path: path.stem)
def test_every_link_of_a_reference_page_leads_somewhere(page: Path) -> None:
    for target in links(page.read_text()):
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        assert not fragment or fragment in map(anchor, headings(file.read_text())), target


@pytest.mark.parametrize("page", sorted(REFERENCE.glob("*.md")), ids=lambda path: path.stem)
def test_every_test_that_a_reference_page_names_exists(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []
