"""Files with plans: all that is wrong at once with its line, and payloads that the functions accept."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.audit import parse_audit
from gaussdb_backup.domain.plan import parse_plan
from gaussdb_backup.domain.prune import parse_prune
from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.plans.payloads import NOMINAL_TIME, constant_begin, make_payloads
from gaussdb_backup_cli.plans.plan_file import MOST_BYTES, Plans, parse_plans, read_plan_file
from gaussdb_backup_cli.plans.schema import FIRST_LINE, make_schema
from gaussdb_backup_cli.plans.yaml_lines import Unquoted, read_yaml
from gaussdb_backup_cli.schedules import Kind
from tests.helpers.plan_files import FILES, NIGHTLY, NOW, PLANS

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "cli/gaussdb_backup_cli/schemas/plans.schema.json"
EXAMPLE = ROOT / "docs/examples/plans.yaml"


def parse(text: str) -> Plans:
    return parse_plans(text, now=NOW)


def problems(text: str) -> list[str]:
    return [f"{each.place.line} {each.path}: {each.message}" for each in parse(text).problems]


def change(text: str, before: str, after: str) -> str:
    assert before in text
    return text.replace(before, after)


def test_a_plan_becomes_the_payloads_of_its_schedules() -> None:
    payloads = make_payloads("nightly", parse(NIGHTLY).plans["nightly"])
    common = {
        "schedule": "nightly",
        "select": {"tags": {"env": "prod"}},
        "timezone": "Europe/Berlin",
        "connection": "default",
    }
    names = {
        "name_template": "nightly-{instance_name:.20}-{scheduled_time:%Y%m%d-%H%M}",
        "description": "Nightly backup",
    }
    retention = {"name_prefix": "nightly-", "keep": {"last": 3, "daily": 7}}
    time = {"scheduled_time": NOMINAL_TIME}
    assert payloads == {
        Kind.BACKUP: {**common, **names, **time},
        Kind.AUDIT: {**common, **names, "max_age_hours": 26, "catch_up": True, "prune": retention, **time},
        Kind.PRUNE: {**common, **retention, "dry_run": False, **time},
    }


@given(FILES)
def test_the_functions_accept_the_payloads_of_every_plan(text: str) -> None:
    plans = parse(text)
    assert plans.problems == []
    for name, plan in plans.plans.items():
        for kind, payload in make_payloads(name, plan).items():
            assert payload["scheduled_time"] == NOMINAL_TIME
            data = {**payload, "scheduled_time": NOW.isoformat()}
            if kind is Kind.BACKUP:
                assert parse_plan(data, now=NOW).select == plan.select
            elif kind is Kind.AUDIT:
                audit = parse_audit(data, default_time=NOW, now=NOW)
                assert plan.audit is not None
                assert (audit.max_age_hours, audit.days) == (plan.audit.max_age_hours, plan.audit.days)
                assert (audit.prune is None) == (plan.keep is None)
            else:
                prune = parse_prune(data)
                assert plan.keep is not None
                assert (prune.dry_run, prune.keep.daily) == (plan.keep.dry_run, plan.keep.daily)
                assert prune.name_prefix


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("    timezone: Europe/Berlin", "    timezone: Europe/Berln", "4 plans.nightly.timezone: expected an IANA"),
        ("max_age_hours: 26", "max_age_hours: 0", "11 plans.nightly.audit.max_age_hours: expected a number of hours"),
        ("max_age_hours: 26", 'max_age_hours: "26"', "11 plans.nightly.audit.max_age_hours: expected a number"),
        ("max_age_hours: 26", "max_hours: 26", "11 plans.nightly.audit.max_hours: no such field (there are"),
        ("max_age_hours: 26", "days: 93", "11 plans.nightly.audit.days: expected a whole number from 1 to 92; got 93"),
        ("catch_up: true", "catch_up: yes", "12 plans.nightly.audit.catch_up: yes is read as true"),
        ("catch_up: true", "catch_up: 1", "12 plans.nightly.audit.catch_up: expected true or false; got 1"),
        ("cron(0 7 * * ? *)", "cron(0 7 * * *)", "10 plans.nightly.audit.schedule: cron() has six fields, not 5"),
        ("cron(0 7 * * ? *)", "daily", "10 plans.nightly.audit.schedule: expected a schedule such as cron(30 3"),
        ("{tags: {env: prod}}", "{tags: {env: 1}}", "3 plans.nightly.select.tags.env: 1 is no text"),
        ("{tags: {env: prod}}", "{tag: {env: prod}}", "3 plans.nightly.select.tag: no such field"),
        (
            "{tags: {env: prod}}",
            "{instance_ids: [12345678901234567890123456789012]}",
            "3 plans.nightly.select.instance_ids.0: 12345678901234567890123456789012 is no text in YAML: write",
        ),
        ("{tags: {env: prod}}", "{instance_ids: [abc]}", "3 plans.nightly.select.instance_ids.0: expected a list of"),
        ("Nightly backup", "a > b", "5 plans.nightly.description: expected at most 256 characters, none of"),
        ("Nightly backup", "2026-12-01", "5 plans.nightly.description: 2026-12-01 is no text"),
        ("{scheduled_time:%Y%m%d-%H%M}", "{time}", "8 plans.nightly.backup.name_template: expected only the fields"),
        ("nightly-{instance_name:.20}-", "1-", "8 plans.nightly.backup.name_template: expected a template"),
        ("      daily: 7\n", "      daily: -2\n", "16 plans.nightly.keep.daily: expected how many days"),
        ("      daily: 7\n", "      within: 2w\n", "16 plans.nightly.keep.within: expected how far back"),
        ("last: 3\n      daily: 7", "last: 0", "14 plans.nightly.keep: expected an object with at least one rule"),
        ("      last: 3\n", "      name_prefix: ''\n", "15 plans.nightly.keep.name_prefix: expected the beginning of"),
        ("dry_run: false", "dry_run: no", "17 plans.nightly.keep.dry_run: no is read as false"),
        ("    keep:\n", "    drill: {}\n    keep:\n", "13 plans.nightly.drill: expected nothing yet"),
        ("  nightly:\n", "  night ly:\n", "2 plans.night ly: a plan's name has 1 to 56 letters, digits, _ or -"),
        ("  nightly:\n", f"  {'x' * 57}:\n", f"2 plans.{'x' * 57}: a plan's name has 1 to 56 letters"),
        ("  nightly:\n", "  1:\n", "2 plans: the key 1 is no text: write it in quotes"),
        ("  nightly:\n", "  nightly: {}\n  other:\n", "2 plans.nightly.backup: expected an object with a schedule"),
        ("  nightly:\n", "  nightly: 1\n  other:\n", "2 plans.nightly: expected an object with a backup; got 1"),
        ("plans:\n", "version: 1\nplans:\n", "1 version: no such field (there is plans)"),
        ("    backup:\n", "    from: tomorrow\n    backup:\n", "6 plans.nightly.from: expected a date such"),
        ("    backup:\n", "    from: 2026-02-30\n    backup:\n", "6 plans.nightly.from: expected a date"),
        ("    backup:\n", "    from: 1999-01-01\n    backup:\n", "6 plans.nightly.from: expected a date"),
        ("    backup:\n", "    from: 2027\n    backup:\n", "6 plans.nightly.from: expected a date"),
        (
            "    backup:\n",
            "    from: 2027-01-02\n    until: 2027-01-01\n    backup:\n",
            "7 plans.nightly.until: this is not later than from",
        ),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line_and_is_the_only_one(before: str, after: str, expected: str) -> None:
    [found] = problems(change(NIGHTLY, before, after))
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1 : expected an object with plans; got nothing"),
        ("a", "1 : expected an object with plans; got 'a'"),
        ("- a", "1 : expected an object with plans; got a list"),
        ("plans:", "1 plans: expected plans by their names; got nothing"),
        ("plans: [a]", "1 plans: expected plans by their names; got a list"),
    ],
)
def test_a_file_without_plans(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_all_mistakes_of_all_plans_are_found_at_once_and_the_others_are_right() -> None:
    text = change(NIGHTLY, "timezone: Europe/Berlin", "timezone: x") + (
        "  weekly: {backup: {schedule: rate(0 days)}, keep: {schedule: rate(1 day), daily: x}}\n"
        "  good: {backup: {schedule: rate(1 day)}}\n"
    )
    assert [each.split(":")[0] for each in problems(text)] == [
        "4 plans.nightly.timezone",
        "18 plans.weekly.keep.daily",
    ]
    assert list(parse(text).plans) == ["good"]


@pytest.mark.parametrize(
    ("template", "begin"),
    [
        ("nightly-{instance_name}", "nightly-"),
        ("{schedule}-{instance_id}", "plan-"),
        ("{schedule:.2}-{scheduled_time}", "pl-"),
        ("{instance_id}", ""),
        ("a{{b{instance_id}", "a{b"),
        ("{", ""),
    ],
)
def test_the_constant_beginning_of_a_template(template: str, begin: str) -> None:
    assert constant_begin(template, "plan") == begin


def test_keep_without_a_common_beginning_of_names_needs_a_prefix() -> None:
    text = change(NIGHTLY, '"nightly-{instance_name:.20}-', '"{instance_name:.20}-')
    [found] = problems(text)
    assert found.startswith("13 plans.nightly.keep: expected a name_prefix: the names of name_template have no common")
    assert problems(change(text, "last: 3", "name_prefix: ord")) == []
    assert problems(change(text, "last: 3", "all_names: true")) == []


def test_a_payload_that_is_too_large_is_a_mistake() -> None:
    ids = ", ".join(f"'{number:032}in07'" for number in range(7000))
    text = change(NIGHTLY, "{tags: {env: prod}}", f"{{instance_ids: [{ids}]}}")
    found = problems(text)
    assert len(found) == 3
    assert all(each.startswith("2 plans.nightly: the payload has 27") for each in found)
    assert all("bytes of at most 262,144: select fewer instances" in each for each in found)


def test_a_plan_may_have_the_longest_name_that_leaves_room_in_a_schedules() -> None:
    text = change(NIGHTLY, "  nightly:\n", f"  {'x' * 56}:\n")
    assert problems(text) == []
    [found] = problems(change(text, "nightly-{instance_name:.20}", "{schedule}-{instance_name:.20}"))
    assert "it is too long" in found


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        ("2026-12-01", datetime(2026, 11, 30, 23, tzinfo=UTC), datetime(2026, 12, 1, 22, 59, 59, tzinfo=UTC)),
        ("2026-07-01T03:30", datetime(2026, 7, 1, 1, 30, tzinfo=UTC), datetime(2026, 7, 1, 1, 30, tzinfo=UTC)),
        ("2026-07-01 03:30:00", datetime(2026, 7, 1, 1, 30, tzinfo=UTC), datetime(2026, 7, 1, 1, 30, tzinfo=UTC)),
        ("2026-07-01T03:30:00Z", datetime(2026, 7, 1, 3, 30, tzinfo=UTC), datetime(2026, 7, 1, 3, 30, tzinfo=UTC)),
    ],
)
def test_dates_are_of_the_plans_zone(given: str, start: datetime, end: datetime) -> None:
    for quote in ("", '"'):
        first = parse(change(NIGHTLY, "    backup:\n", f"    from: {quote}{given}{quote}\n    backup:\n"))
        last = parse(change(NIGHTLY, "    backup:\n", f"    until: {quote}{given}{quote}\n    backup:\n"))
        assert first.plans["nightly"].start == start
        assert last.plans["nightly"].end == end


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    large, latin = tmp_path / "large.yaml", tmp_path / "latin.yaml"
    large.write_bytes(b"#" * (MOST_BYTES + 1))
    latin.write_bytes("plans: ä".encode("latin-1"))
    for path, words in [
        (tmp_path / "none.yaml", "does not exist"),
        (tmp_path, "is a folder"),
        (large, "is larger than 1,000,000 bytes"),
        (latin, "is not UTF-8 (byte 8)"),
        (Path("a\0b"), "cannot be read: "),
        (latin / "x", "cannot be read: Not a directory"),
    ]:
        with pytest.raises(CommandFailed) as caught:
            read_plan_file(path)
        assert words in caught.value.message
        assert "\n" not in caught.value.message
        assert (caught.value.exit_code, caught.value.code) == (Exit.USAGE, "unreadable_file")


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plans.yaml"
    path.write_text(NIGHTLY, encoding="utf-8-sig")
    assert parse(read_plan_file(path)).problems == []


def as_json(value: Any) -> Any:
    """What an editor has of a value: to it a date is a text."""
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return value.text if isinstance(value, Unquoted) else value


def test_the_published_schema_is_that_of_the_models() -> None:
    text = json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("GOLDEN") == "write":
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text, "GOLDEN=write writes it anew"
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


def test_the_example_has_no_mistake_and_names_the_schema() -> None:
    text = EXAMPLE.read_text()
    assert problems(text) == []
    jsonschema.Draft202012Validator(make_schema()).validate(as_json(read_yaml(text).data))
    first = text.splitlines()[0]
    assert first.startswith(FIRST_LINE)
    assert (EXAMPLE.parent / first.removeprefix(FIRST_LINE)).resolve() == SCHEMA


@given(FILES)
def test_the_schema_allows_what_the_models_allow(text: str) -> None:
    jsonschema.Draft202012Validator(make_schema()).validate(as_json(read_yaml(text).data))


@pytest.mark.parametrize(
    "wrong",
    [
        {"drill": {}},
        {"from": 2027},
        {"backup": {}},
        {"audit": {"schedule": "rate(1 day)", "days": 93}},
        {"keep": {"schedule": "rate(1 day)", "weeks": 1}},
        {"select": {"tags": {"env": 1}}},
        {"timezone": 1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_the_schema_refuses_what_the_models_refuse(wrong: dict[str, Any]) -> None:
    data = {"plans": {"nightly": {"backup": {"schedule": "rate(1 day)"}, **wrong}}}
    assert problems(yaml.safe_dump(data))
    assert not jsonschema.Draft202012Validator(make_schema()).is_valid(data)


@given(PLANS, st.data())
def test_a_plan_with_any_value_replaced_is_parsed_or_has_a_mistake(plan: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(plan)))
    inner = plan[key] if isinstance(plan[key], dict) and plan[key] else plan
    name = data.draw(st.sampled_from(sorted(inner))) if inner is not plan else key
    value = data.draw(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just([1]) | st.just({"a": 1})
    )
    changed = {**plan, key: {**inner, name: value}} if inner is not plan else {**plan, key: value}
    plans = parse(yaml.safe_dump({"plans": {"nightly": changed}}))
    assert plans.problems or list(plans.plans) == ["nightly"]
    for problem in plans.problems:
        assert "\n" not in problem.message
