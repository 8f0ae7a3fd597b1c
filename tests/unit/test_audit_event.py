"""An audit by hand is that of its schedule, but for the metrics of the schedule."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from gaussdb_backup.domain.audit import parse_audit
from gaussdb_backup.domain.naming import render_backup_name
from gaussdb_backup_cli.audit.event import make_audit_event, write_schedule

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
PAYLOAD: dict[str, Any] = {
    "schedule": "nightly",
    "select": {"tags": {"env": "prod"}},
    "name_template": "{schedule}-{instance_id:.8}-{scheduled_time:%Y%m%dT%H%M%S}",
    "timezone": "Europe/Berlin",
    "max_age_hours": 26,
    "catch_up": True,
    "prune": {"name_prefix": "nightly-", "keep": {"daily": 7}},
    "scheduled_time": "<aws.scheduler.scheduled-time>",
}


def test_it_has_what_the_schedule_audits_but_no_label_at_the_present_time() -> None:
    event = make_audit_event(PAYLOAD, now=NOW)
    kept = ("select", "timezone", "max_age_hours", "prune")
    assert {key: event[key] for key in kept} == {key: PAYLOAD[key] for key in kept}
    assert "schedule" not in event
    assert event["scheduled_time"] == "2026-11-24T06:30:00Z"
    assert event["catch_up"] is False


def test_the_time_is_utc_wherever_it_was_read() -> None:
    there = timezone(timedelta(hours=8))
    assert make_audit_event(PAYLOAD, now=NOW.astimezone(there))["scheduled_time"] == "2026-11-24T06:30:00Z"


def test_days_are_those_of_the_plan_unless_given() -> None:
    assert "days" not in make_audit_event(PAYLOAD, now=NOW)
    assert make_audit_event({**PAYLOAD, "days": 7}, now=NOW)["days"] == 7
    assert make_audit_event({**PAYLOAD, "days": 7}, now=NOW, days=9)["days"] == 9


def test_the_function_takes_it_and_names_catch_up_backups_as_the_schedule_does() -> None:
    audit = parse_audit(make_audit_event(PAYLOAD, now=NOW, catch_up=True), default_time=NOW, now=NOW)
    assert (audit.schedule, audit.catch_up) == (None, True)
    options: dict[str, Any] = {"instance_id": "d8e6ca5a624745bcb546a227aa3ae1cfin07", "scheduled_time": NOW}
    by_hand = render_backup_name(audit.name_template, **options)
    assert by_hand == render_backup_name(PAYLOAD["name_template"], schedule="nightly", **options)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{schedule}-{instance_name}", "nightly-{instance_name}"),
        ("{schedule:.3}-{scheduled_time:%H%M}", "nig-{scheduled_time:%H%M}"),
        ("a{{b}}-{schedule}", "a{{b}}-nightly"),
        ("{schedule!r}", "{schedule!r}"),
        ("{schedule:%Q}", "{schedule:%Q}"),
        ("{unclosed", "{unclosed"),
        ("", ""),
    ],
)
def test_the_label_is_written_into_a_template(template: str, expected: str) -> None:
    assert write_schedule(template, "nightly") == expected


@pytest.mark.parametrize("payload", [{"connection": "crm"}, {"schedule": 5, "name_template": None}], ids=str)
def test_a_payload_without_a_label_or_a_template_is_taken_as_it_is(payload: dict[str, Any]) -> None:
    event = make_audit_event(payload, now=NOW)
    assert event == {
        **{key: value for key, value in payload.items() if key != "schedule"},
        "catch_up": False,
        "scheduled_time": "2026-11-24T06:30:00Z",
    }
