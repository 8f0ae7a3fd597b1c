"""Sample events stay true to the code, and no file names a registry or a machine's path."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gaussdb_backup.domain.audit import parse_audit
from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.models import Instance
from gaussdb_backup.domain.plan import Action, decide, parse_plan
from gaussdb_backup.domain.prune import parse_prune
from gaussdb_backup.errors import InvalidRequest
from local.aws_emulator.stack import Stack, default_parameters

NOW = datetime(2026, 11, 23, 1, 31, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "events" / "create_backup").glob("*.json"))


def requests_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(record["body"]) for record in event["Records"]] if "Records" in event else [event]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_of_create_backup_is_what_its_name_says(sample: Path) -> None:
    for data in requests_of(json.loads(sample.read_text())):
        if "invalid" in sample.stem and len(data["instance_id"]) < 32:
            with pytest.raises(InvalidRequest, match="instance_id"):
                parse_backup_request(data, default_time=NOW, now=NOW)
        else:
            parse_backup_request(data, default_time=NOW, now=NOW)


def test_there_is_a_sample_for_each_kind_of_call() -> None:
    assert {sample.stem for sample in SAMPLES} >= {"direct", "schedule", "queue_message"}


PLANS = sorted((ROOT / "events" / "dispatch_backups").glob("*.json"))


@pytest.mark.parametrize("sample", PLANS, ids=lambda path: path.stem)
def test_each_sample_of_dispatch_backups_is_a_plan(sample: Path) -> None:
    for data in requests_of(json.loads(sample.read_text())):
        parse_plan(data, now=NOW)


@pytest.mark.parametrize(
    ("parameters", "select"),
    [
        ({}, {"instance_ids": None, "name_pattern": "*", "tags": {}}),
        ({"InstanceIds": "a" * 32}, {"instance_ids": ["a" * 32], "name_pattern": "*", "tags": {}}),
        (
            {
                "InstanceIds": f"{'a' * 32},{'b' * 32}",
                "InstanceTags": '{"env": "prod"}',
                "InstanceNamePattern": "orders-*",
            },
            {"instance_ids": ["a" * 32, "b" * 32], "name_pattern": "orders-*", "tags": {"env": "prod"}},
        ),
    ],
    ids=["defaults", "one instance", "all criteria"],
)
def test_the_templates_schedule_sends_a_valid_plan_with_legal_names(
    template: dict[str, Any], parameters: dict[str, str], select: dict[str, Any]
) -> None:
    defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    stack = Stack(template, {**defaults, **parameters})
    text = stack.schedule_input("NightlySchedule")
    data = json.loads(text.replace("<aws.scheduler.scheduled-time>", "2026-11-23T01:30:00Z"))
    assert data["select"] == select
    plan = parse_plan(data, now=NOW)
    assert plan.scheduled_time == datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    ids = plan.select.instance_ids or ("c" * 32,)
    tags = dict(plan.select.tags)
    decisions = decide(plan, [Instance(id=id_, name="orders-eu", status="ACTIVE", tags=tags) for id_ in ids])
    assert [decision.action for decision in decisions] == [Action.QUEUED] * len(ids)


AUDITS = sorted((ROOT / "events" / "audit_backups").glob("*.json"))


@pytest.mark.parametrize("sample", AUDITS, ids=lambda path: path.stem)
def test_each_sample_of_audit_backups_is_an_audit(sample: Path) -> None:
    audit = parse_audit(json.loads(sample.read_text()), default_time=NOW, now=NOW + timedelta(days=1))
    assert (audit.schedule is not None) == (sample.stem == "schedule")


PRUNES = sorted((ROOT / "events" / "prune_backups").glob("*.json"))


@pytest.mark.parametrize("sample", PRUNES, ids=lambda path: path.stem)
def test_each_sample_of_prune_backups_is_a_prune(sample: Path) -> None:
    prune = parse_prune(json.loads(sample.read_text()))
    assert prune.dry_run == (sample.stem == "dry_run")


def test_there_is_a_sample_of_an_audit_and_a_prune_for_each_kind_of_call() -> None:
    assert {sample.stem for sample in AUDITS} >= {"schedule", "direct", "everything"}
    assert {sample.stem for sample in PRUNES} >= {"schedule", "direct", "dry_run"}


MANY_TAGS = json.dumps({f"key{number}": "value" for number in range(21)})


@pytest.mark.parametrize(
    ("parameter", "value", "is_admitted"),
    [
        ("InstanceTags", "{}", True),
        ("InstanceTags", "{ }", True),
        ("InstanceTags", '{"env": "prod"}', True),
        ("InstanceTags", '{"env":"prod","tier":""}', True),
        ("InstanceTags", '{\n  "env": "prod",\n  "Größe": "a b, c=d"\n}', True),
        ("InstanceTags", "{env: prod}", False),
        ("InstanceTags", '{"env": "prod",}', False),
        ("InstanceTags", "{'env':'prod'}", False),
        ("InstanceTags", '{"env": "prod"} "x" {}', False),
        ("InstanceTags", '{"env": 1}', False),
        ("InstanceTags", '{"env": {}}', False),
        ("InstanceTags", '{"": "prod"}', False),
        ("InstanceTags", '{"env": "a\tb"}', False),
        ("InstanceTags", '{"env": "a\\"}', False),
        ("InstanceTags", MANY_TAGS, False),
        ("BackupDescription", "of the night", True),
        *(
            (parameter, f"night{control}ly", False)
            for parameter in ("BackupDescription", "NameTemplate", "InstanceNamePattern")
            for control in "\n\r\t"
        ),
    ],
)
def test_the_template_admits_only_what_leaves_the_schedules_plan_valid(
    template: dict[str, Any], parameter: str, value: str, is_admitted: bool
) -> None:
    """A plan that is no JSON would be found when the run is due."""
    assert bool(re.fullmatch(template["Parameters"][parameter]["AllowedPattern"], value)) == is_admitted
    if is_admitted:
        text = Stack(template, default_parameters(template) | {parameter: value}).schedule_input("NightlySchedule")
        parse_plan(json.loads(text.replace("<aws.scheduler.scheduled-time>", "2026-11-23T01:30:00Z")), now=NOW)


@pytest.mark.parametrize(
    "parameter", ["InstanceTags", "BackupDescription", "NameTemplate", "InstanceNamePattern", "ScheduleTimezone"]
)
def test_the_template_admits_its_own_defaults(template: dict[str, Any], parameter: str) -> None:
    details = template["Parameters"][parameter]
    assert re.fullmatch(details["AllowedPattern"], details["Default"])


def test_no_file_names_a_package_registry_or_a_machines_path() -> None:
    tracked = [*ROOT.glob("*.*"), *ROOT.glob("layers/**/*"), *ROOT.glob("requirements/*"), *ROOT.glob("docs/**/*")]
    pattern = re.compile(r"(pypi|pythonhosted|npmjs)\.(org|com)|(^|\W)/(root|home)/")
    texts = {path: path.read_text(errors="ignore") for path in tracked if path.is_file()}
    assert [str(path) for path, text in texts.items() if pattern.search(text)] == []
