"""The pages about audits and prunes have what the code has: fields, defaults, states, reasons, responses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from gaussdb_backup.domain.audit import Audit, parse_audit
from gaussdb_backup.domain.coverage import Coverage, Day, InstanceCoverage, State
from gaussdb_backup.domain.keep_rules import KeepRules
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.prune import Prune, PrunePlan, parse_prune
from gaussdb_backup.domain.retention import FAILED_KEPT, Decision, RetentionPolicy, decide
from gaussdb_backup.operations.prune import BATCH_SIZE, NOT_ATTEMPTED, PruneResult
from tests.helpers.markdown import code_blocks, code_words, reference_page, section, table
from tests.helpers.retention import make_backup, make_policy

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
AUDIT, PRUNE = reference_page("audit"), reference_page("prune")


def names(rows: list[list[str]]) -> list[str]:
    return [name for row in rows for name in code_words(row[0])]


def sample(text: str) -> dict[str, Any]:
    """The JSON of a section that has one."""
    [block] = code_blocks(text, "json")
    found: dict[str, Any] = json.loads(block.replace("<aws.scheduler.scheduled-time>", NOW.isoformat()))
    return found


def introduction(page: str) -> str:
    return page.partition("\n## ")[0]


def defaults_of(model: type[BaseModel]) -> dict[str, Any]:
    """The defaults as JSON has them; fields without one are left out."""
    fields = {name: field for name, field in model.model_fields.items() if not field.is_required()}
    values = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
    return {name: {} if isinstance(value, BaseModel) else value for name, value in values.items()}


@pytest.mark.parametrize(("page", "model"), [(AUDIT, Audit), (PRUNE, Prune)], ids=["audit", "prune"])
def test_every_field_is_listed_with_its_default(page: str, model: type[BaseModel]) -> None:
    rows = table(section(page, "Fields"), "field")
    assert sorted(names(rows)) == sorted(model.model_fields)
    listed = {code_words(row[0])[0]: json.loads(code_words(row[1])[0]) for row in rows if row[1].startswith("`")}
    assert len(listed) > 5
    assert listed == {name: value for name, value in defaults_of(model).items() if name in listed}


def test_what_is_required_is_listed_as_such() -> None:
    rows = table(section(PRUNE, "Fields"), "field")
    required = {name for name, field in Prune.model_fields.items() if field.is_required()}
    assert {code_words(row[0])[0] for row in rows if row[1] == "required"} == required


def test_an_audit_needs_no_field_as_the_page_has_it() -> None:
    assert "`{}` is an audit of each instance of the connection `default`" in " ".join(AUDIT.split())
    audit = parse_audit({}, default_time=NOW, now=NOW)
    assert (audit.connection, audit.select.model_dump(exclude_defaults=True)) == ("default", {})


def test_every_rule_is_listed() -> None:
    assert sorted(names(table(section(PRUNE, "Fields"), "rule of `keep`"))) == sorted(KeepRules.model_fields)


def test_the_samples_of_an_audit_and_a_prune_are_valid() -> None:
    parse_audit(sample(introduction(AUDIT)), default_time=NOW, now=NOW)
    assert not parse_prune(sample(introduction(PRUNE))).dry_run


def test_the_response_of_an_audit_is_as_the_code_returns_it() -> None:
    given = sample(section(AUDIT, "Response"))
    coverage = Coverage.model_validate(given)
    assert coverage.to_json() == given
    states = [one.state for one in coverage.instances]
    assert (coverage.audited, coverage.uncovered) == (len(states), sum(state.is_uncovered for state in states))
    assert dict(coverage.states) == {state: states.count(state) for state in State}
    assert {len(one.days) for one in coverage.instances} == {(coverage.last_day - coverage.first_day).days + 1}


def test_every_field_of_the_response_of_an_audit_is_listed() -> None:
    text = section(AUDIT, "Response")
    assert sorted(names(table(text, "field"))) == sorted(Coverage.model_fields)
    assert sorted(names(table(text, "field of an instance"))) == sorted(InstanceCoverage.model_fields)


def test_the_states_are_listed_worst_first_and_as_uncovered_or_not() -> None:
    rows = table(section(AUDIT, "What counts"), "state")
    assert names(rows) == [state.value for state in State]
    assert [row[1] for row in rows] == ["yes" if state.is_uncovered else "no" for state in State]


def test_every_mark_of_a_day_is_described() -> None:
    [row] = [row for row in table(AUDIT, "field of an instance") if "days" in code_words(row[0])]
    assert code_words(row[1]) == [day.value for day in Day]


def test_the_response_of_a_prune_has_the_shape_that_the_code_returns() -> None:
    given = sample(section(PRUNE, "Response"))
    decisions = [
        Decision(backup_of(entry), keep=key == "kept", reasons=tuple(entry["reasons"]))
        for key in ("kept", "deleted", "deferred", "failed")
        for entry in given[key]
    ]
    deferred, failed = (
        {entry["backup_id"]: (entry["error_code"], entry["error_message"]) for entry in given[key]}
        for key in ("deferred", "failed")
    )
    deleted = [one for one in decisions if not one.keep and one.backup.id not in {**deferred, **failed}]
    prune = parse_prune(sample(introduction(PRUNE)))
    assert PruneResult(prune, PrunePlan(decisions), deleted, deferred, failed).to_json() == given
    assert sorted(names(table(section(PRUNE, "Response"), "field"))) == sorted(given)


def backup_of(entry: dict[str, Any]) -> Backup:
    fields = {"id": entry["backup_id"], "name": entry["backup_name"], "size": entry["size_mb"]}
    return Backup.model_validate({**entry, **fields})


def test_the_numbers_of_the_page_about_prunes_are_those_of_the_code() -> None:
    text = " ".join(PRUNE.split())
    assert f"{BATCH_SIZE} with a call" in text
    assert f"A failed backup stays for {FAILED_KEPT.days} days" in text
    assert f"`{NOT_ATTEMPTED}`" in text


def test_the_example_is_what_the_rules_decide() -> None:
    text = section(PRUNE, "Example")
    prune = parse_prune(sample(text))
    assert f"`{NOW.isoformat().replace('+00:00', 'Z')}`, a {NOW:%A}" in text
    rows = table(text, "begin")
    backups = [
        make_backup(row[1], code_words(row[0])[0], name=code_words(row[1])[0], status=code_words(row[2])[0])
        for row in rows
    ]
    decisions = decide(backups, prune.policy(ZoneInfo(prune.timezone)), now=NOW)
    assert len(decisions) > 12
    assert [(row[3], tuple(code_words(row[4]))) for row in rows] == [
        ("kept" if one.keep else "deleted", one.reasons) for one in decisions
    ]


def reasons_for(*backups: Backup, policy: RetentionPolicy | None = None, **options: Any) -> set[str]:
    decisions = decide(backups, policy or make_policy(last=1), now=NOW, **options)
    return {reason for one in decisions if one.keep for reason in one.reasons}


def test_every_reason_is_listed() -> None:
    """Each way to stay, made once."""
    good, older = (make_backup(id_, NOW - timedelta(minutes=ago)) for id_, ago in (("a", 1), ("b", 2)))
    given = reasons_for(
        good,
        make_backup("c", NOW, type="auto"),
        make_backup("d", NOW, name="other"),
        make_backup("e", NOW, status="BUILDING"),
        make_backup("f", NOW, status="DELETING"),
        make_backup("g", None),
        make_backup("h", NOW + timedelta(minutes=1)),
        make_backup("i", NOW, status="FAILED"),
    )
    given |= reasons_for(good, older, policy=make_policy(hourly=2, daily=2, weekly=2, monthly=2, yearly=2))
    given |= reasons_for(good, older, policy=make_policy(last=1, minimum_good=2))
    given |= reasons_for(good, policy=make_policy(within="2d", within_daily="30d"))
    given |= reasons_for(good, in_use={"a"})
    assert sorted(given) == sorted(names(table(section(PRUNE, "What is kept"), "reason")))
