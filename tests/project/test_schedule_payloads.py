"""The payloads of the schedules of audit and prune are valid, whatever CloudFormation admits as parameters."""

import json
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.audit import Audit, parse_audit
from gaussdb_backup.domain.keep_rules import KeepRules
from gaussdb_backup.domain.prune import Prune, parse_prune
from gaussdb_backup.errors import InvalidRequest
from local.aws_emulator.stack import Stack, default_parameters, read_template
from tests.helpers.markdown import code_blocks, section

NOW = datetime(2026, 11, 23, 8, 1, tzinfo=UTC)
DUE = "2026-11-23T08:00:00Z"
ID = "a" * 32
RULES = '{"daily": 7, "weekly": 5, "within_yearly": "3y"}'
SELECTIONS: list[dict[str, str]] = [
    {},
    {"InstanceIds": ID},
    {"InstanceIds": f"{ID},{'b' * 32}", "InstanceTags": '{"env": "prod"}', "InstanceNamePattern": "orders-*"},
]


def payload_of(template: dict[str, Any], schedule: str, parameters: dict[str, str]) -> dict[str, Any]:
    stack = Stack(template, default_parameters(template) | parameters)
    text = stack.schedule_input(schedule).replace("<aws.scheduler.scheduled-time>", DUE)
    payload: dict[str, Any] = json.loads(text)
    return payload


def audit_of(template: dict[str, Any], **parameters: str) -> Audit:
    return parse_audit(payload_of(template, "AuditSchedule", parameters), default_time=NOW, now=NOW)


def prune_of(template: dict[str, Any], **parameters: str) -> Prune:
    return parse_prune(payload_of(template, "PruneSchedule", parameters))


@pytest.mark.parametrize("selection", SELECTIONS, ids=["defaults", "one instance", "all criteria"])
@pytest.mark.parametrize("state", ["ENABLED", "DISABLED"])
@pytest.mark.parametrize("catch_up", ["true", "false"])
@pytest.mark.parametrize("rules", ["", RULES], ids=["without retention", "with retention"])
def test_the_audit_is_valid_with_every_combination_of_conditions(
    template: dict[str, Any], selection: dict[str, str], state: str, catch_up: str, rules: str
) -> None:
    audit = audit_of(template, ScheduleState=state, CatchUp=catch_up, RetentionRules=rules, **selection)
    assert audit.scheduled_time == NOW - timedelta(minutes=1)
    assert audit.catch_up == (state == "ENABLED" and catch_up == "true")
    assert (audit.prune is None) == (rules == "")
    assert audit.select.instance_ids == (tuple(selection["InstanceIds"].split(",")) if selection else None)
    assert audit.max_age_hours == int(template["Parameters"]["MaximumBackupAgeHours"]["Default"])


@pytest.mark.parametrize("selection", SELECTIONS, ids=["defaults", "one instance", "all criteria"])
@pytest.mark.parametrize("state", ["ENABLED", "DRY_RUN", "DISABLED"])
def test_the_prune_is_valid_with_every_combination_of_conditions(
    template: dict[str, Any], selection: dict[str, str], state: str
) -> None:
    """One that is disabled would delete nothing either, if somebody enabled its schedule by hand."""
    prune = prune_of(template, PruneState=state, RetentionRules=RULES, **selection)
    assert prune.dry_run == (state != "ENABLED")
    assert prune.keep == KeepRules.model_validate(json.loads(RULES))
    assert prune.select.instance_ids == (tuple(selection["InstanceIds"].split(",")) if selection else None)
    assert prune.scheduled_time == NOW - timedelta(minutes=1)


@pytest.mark.parametrize("selection", SELECTIONS, ids=["defaults", "one instance", "all criteria"])
def test_the_audit_foresees_exactly_the_prune_of_the_same_stack(
    template: dict[str, Any], selection: dict[str, str]
) -> None:
    parameters = {
        "RetentionRules": RULES,
        "PruneNamePrefix": "x-",
        "MinimumGoodBackups": "3",
        "MaximumDeletions": "9",
        "ScheduleTimezone": "Europe/Berlin",
        "Connection": "other",
        **selection,
    }
    audit, prune = audit_of(template, **parameters), prune_of(template, **parameters)
    assert audit.prune is not None
    assert audit.prune.model_dump() == prune.model_dump(include=set(type(audit.prune).model_fields))
    assert (audit.select, audit.timezone, audit.connection) == (prune.select, prune.timezone, prune.connection)


def test_the_audit_catches_up_what_the_plan_selects_by_the_plans_names(template: dict[str, Any]) -> None:
    parameters = {
        "InstanceTags": '{"env": "prod"}',
        "NameTemplate": "n-{instance_id:.8}",
        "BackupDescription": "of the stack",
        "ScheduleTimezone": "Asia/Tokyo",
        "Connection": "other",
    }
    plan = payload_of(template, "NightlySchedule", parameters)
    audit = payload_of(template, "AuditSchedule", parameters)
    assert plan.items() <= audit.items()


def pattern_of(template: dict[str, Any], parameter: str) -> str:
    pattern: str = template["Parameters"][parameter]["AllowedPattern"]
    return pattern


TEMPLATE = read_template()
RULE_NAMES = sorted(KeepRules.model_fields)
COUNTED = [name for name in RULE_NAMES if not name.startswith("within")]
COUNTS = st.sampled_from(COUNTED).flatmap(lambda name: st.tuples(st.just(name), st.integers(-1, 9999)))
PARTS = st.tuples(st.integers(1, 9999), st.sampled_from("ymdh")).map(lambda part: f"{part[0]}{part[1]}")
DURATIONS = st.tuples(
    st.sampled_from(sorted(set(RULE_NAMES) - set(COUNTED))), st.lists(PARTS, min_size=1, max_size=4).map("".join)
)


@given(rules=st.lists(st.one_of(COUNTS, DURATIONS), min_size=1, max_size=12, unique_by=lambda rule: rule[0]))
def test_the_rules_that_the_parameter_is_for_are_admitted_and_are_those_of_the_prune(
    rules: list[tuple[str, int | str]],
) -> None:
    """Counts that are all zero the pattern cannot find: the prune refuses them, which is an alarm."""
    text = json.dumps(dict(rules))
    assert re.fullmatch(pattern_of(TEMPLATE, "RetentionRules"), text)
    keep = KeepRules.model_validate(dict(rules))
    if keep.has_rules:
        assert prune_of(TEMPLATE, RetentionRules=text).keep == keep
        audit = audit_of(TEMPLATE, RetentionRules=text)
        assert audit.prune is not None
        assert audit.prune.keep == keep
    else:
        with pytest.raises(InvalidRequest, match="keep"):
            prune_of(TEMPLATE, RetentionRules=text)


@pytest.mark.parametrize(
    ("text", "is_admitted"),
    [
        ("", True),
        ('{"daily": 7}', True),
        ('{"daily":7,"weekly":5}', True),
        ('{ "daily" : -1 }', True),
        ('{\n  "daily": 7,\n  "within": "1y6m7d12h"\n}', True),
        ("{}", False),
        ("daily: 7", False),
        ("{daily: 7}", False),
        ('{"daily": 7,}', False),
        ('{"daily": 7} {"weekly": 5}', False),
        ('{"daily": "seven"}', False),
        ('{"daily": -2}', False),
        ('{"daily": "7d"}', False),
        ('{"within": 7}', False),
        ('{"within": "0h"}', False),
        ('{"within_daily": "30d", "last": 3}', True),
        ('{"daily": 1.5}', False),
        ('{"daily": true}', False),
        ('{"daily": null}', False),
        ('{"dayly": 7}', False),
        ('{"within": "2w"}', False),
        ('{"within": "1y 6m"}', False),
        ('{"within": ""}', False),
        ('{"daily": 7, "name_prefix": ""}', False),
        ('{"daily": 7, "daily": 1}', False),
        ('{"daily": 0, "weekly": 9999}', True),
        ('{"daily": 07}', False),
        ('{"daily": 7, "weekly": 5,\n"daily" : 7}', False),
        ('{"within_daily": "1y", "daily": 7, "within": "2d"}', True),
        ('{"daily": 7}, "all_names": true, "x": {}', False),
        (f"{{{', '.join(f'{chr(34)}{name}{chr(34)}: 1' for name in [*RULE_NAMES, 'daily'])}}}", False),
    ],
)
def test_the_parameter_admits_rules_alone(template: dict[str, Any], text: str, is_admitted: bool) -> None:
    """Whatever else there was would be a part of the payload, or leave it no JSON."""
    assert bool(re.fullmatch(pattern_of(template, "RetentionRules"), text)) == is_admitted


@pytest.mark.parametrize(
    ("prefix", "is_admitted"),
    [
        *(("nightly-", True), ("a", True), ("A_b-9", True), ("x" * 64, True)),
        *(("", False), ("x" * 65, False), ("9-", False), ("-", False), ("night ly", False), ('x"', False)),
        *(("x\\", False), ("*", False), ("é-", False), ("x\n", False)),
    ],
)
def test_the_prefix_is_the_beginning_of_a_name_and_never_empty(
    template: dict[str, Any], prefix: str, is_admitted: bool
) -> None:
    """An empty one would be every backup of the selected instances, by whoever made."""
    assert bool(re.fullmatch(pattern_of(template, "PruneNamePrefix"), prefix)) == is_admitted
    if is_admitted:
        assert prune_of(template, RetentionRules=RULES, PruneNamePrefix=prefix).name_prefix == prefix


def test_the_default_prefix_is_that_of_the_names_that_the_schedule_gives(template: dict[str, Any]) -> None:
    """Otherwise nothing would ever be deleted."""
    schedule = payload_of(template, "NightlySchedule", {})["schedule"]
    defaults = default_parameters(template)
    assert defaults["NameTemplate"].startswith("{schedule}-")
    assert defaults["PruneNamePrefix"] == f"{schedule}-"


@pytest.mark.parametrize(
    ("parameter", "field"), [("MinimumGoodBackups", "minimum_good"), ("MaximumDeletions", "max_deletions")]
)
def test_the_bounds_of_a_number_are_those_of_its_field(template: dict[str, Any], parameter: str, field: str) -> None:
    limits = template["Parameters"][parameter]
    for value in (limits["MinValue"], limits["MaxValue"]):
        assert getattr(prune_of(template, RetentionRules=RULES, **{parameter: str(value)}), field) == value
    for value in (limits["MinValue"] - 1, limits["MaxValue"] + 1):
        with pytest.raises(InvalidRequest, match=field):
            prune_of(template, RetentionRules=RULES, **{parameter: str(value)})


def test_the_bounds_of_the_age_are_within_those_of_its_field(template: dict[str, Any]) -> None:
    limits = template["Parameters"]["MaximumBackupAgeHours"]
    for value in (limits["MinValue"], limits["MaxValue"]):
        assert audit_of(template, MaximumBackupAgeHours=str(value)).max_age_hours == value
    with pytest.raises(InvalidRequest, match="max_age_hours"):
        audit_of(template, MaximumBackupAgeHours=str(limits["MaxValue"] + 1))


@pytest.mark.parametrize("name", ["AuditScheduleExpression", "PruneScheduleExpression", "ScheduleExpression"])
def test_the_default_expression_of_a_schedule_is_admitted(template: dict[str, Any], name: str) -> None:
    assert re.fullmatch(pattern_of(template, name), default_parameters(template)[name])


def test_by_default_backups_an_audit_and_the_prune_are_in_this_order_of_the_day(
    template: dict[str, Any],
) -> None:
    """Backups, then the first audit; what it catches up has ended before the prune."""
    defaults = default_parameters(template)
    hours = [
        [int(hour) for hour in defaults[name].partition("(")[2].split()[1].split(",")]
        for name in ("ScheduleExpression", "AuditScheduleExpression", "PruneScheduleExpression")
    ]
    [backup], [first_audit, *_], [prune] = hours
    assert backup < first_audit < prune


def test_by_default_audits_are_no_more_often_than_the_start_window(template: dict[str, Any]) -> None:
    """Otherwise an instance may get two backups for one gap."""
    defaults = default_parameters(template)
    hours = [int(hour) for hour in defaults["AuditScheduleExpression"].partition("(")[2].split()[1].split(",")]
    gaps = [(after - before) % 24 for before, after in zip(hours, [*hours[1:], hours[0]], strict=True)]
    assert min(gaps) * 3600 >= int(defaults["StartWindowSeconds"])


def test_missing_prunes_have_an_alarm_exactly_where_a_schedule_deletes(template: dict[str, Any]) -> None:
    """A schedule that deletes has its alarm: neither is without the other."""
    for state, rules in product(("ENABLED", "DRY_RUN", "DISABLED"), ("", RULES)):
        stack = Stack(template, default_parameters(template) | {"PruneState": state, "RetentionRules": rules})
        is_enabled = stack.resolve({"Fn::If": ["PruneIsEnabled", "yes", "no"]}) == "yes"
        has_schedule = stack.resolve({"Fn::If": ["HasRetention", "yes", "no"]}) == "yes"
        deletes = has_schedule and not prune_of(template, PruneState=state, RetentionRules=rules or RULES).dry_run
        assert is_enabled == deletes


def test_the_command_that_gives_rules_passes_them_to_sam_as_json(template: dict[str, Any], root: Path) -> None:
    """A shell takes one level of quotes away, that of make another; SAM takes a backslash before each quote."""
    text = section((root / "docs" / "reference" / "settings.md").read_text(), "Rules and tags")
    [command] = code_blocks(text, "sh")
    command = command.replace("make ", "make --dry-run ", 1)
    done = subprocess.run(["sh", "-c", command], cwd=root, capture_output=True, text=True, check=False)
    [line] = [line for line in done.stdout.splitlines() if "sam deploy" in line]
    [override] = [word for word in shlex.split(line) if word.startswith("RetentionRules=")]
    assert re.fullmatch(r'(\\"|[^"\\\s])+', override), "SAM takes a quote without a backslash for the end of the value"
    rules = override.removeprefix("RetentionRules=").replace('\\"', '"')
    assert prune_of(template, RetentionRules=rules).keep.has_rules
    assert re.fullmatch(pattern_of(template, "RetentionRules"), rules)
