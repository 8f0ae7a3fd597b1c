"""Files with plans, written and generated."""

from datetime import UTC, datetime
from typing import Any

import yaml
from hypothesis import strategies as st

NOW = datetime(2090, 12, 1, 12, tzinfo=UTC)
"""Far ahead: moto refuses dates in the past of the machine's clock."""
NIGHTLY = """\
plans:
  nightly:
    select: {tags: {env: prod}}
    timezone: Europe/Berlin
    description: Nightly backup
    backup:
      schedule: cron(30 3 * * ? *)
      name_template: "nightly-{instance_name:.20}-{scheduled_time:%Y%m%d-%H%M}"
    audit:
      schedule: cron(0 7 * * ? *)
      max_age_hours: 26
      catch_up: true
    keep:
      schedule: cron(0 12 * * ? *)
      last: 3
      daily: 7
      dry_run: false
"""
"""A plan without a warning."""
PLAN_NAMES = ("nightly", "weekly", "a", "x" * 39, "Eu-1_b")
ZONES = ("UTC", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe")
SCHEDULES = (
    "cron(30 3 * * ? *)",
    "cron(0/20 0-5 ? * MON-FRI 2090-2095)",
    "cron(15 2 L * ? *)",
    "rate(12 hours)",
    "rate(1 day)",
    "at(2091-03-25T02:30:00)",
)
TIMES = ("2090-11-01", "2090-12-24", "2091-06-30", "2090-12-24T03:30", "2091-01-01T00:00:00+05:30", "2090-06-01T01:00")
SELECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "instance_ids": st.lists(st.integers(0, 9).map(lambda digit: f"{digit}" * 32 + "in07"), max_size=3),
        "name_pattern": st.sampled_from(["*", "orders-*", "Ünïcode ?"]),
        "tags": st.dictionaries(st.sampled_from(["env", "team", "no"]), st.sampled_from(["prod", "no", "1", ""])),
    },
)
BACKUPS = st.fixed_dictionaries(
    {"schedule": st.sampled_from(SCHEDULES)},
    optional={
        "name_template": st.sampled_from(
            ["nightly-{instance_id:.8}-{scheduled_time:%Y%m%d-%H%M}", "{schedule:.5}-x-{scheduled_time:%Y%m%d}"]
        )
    },
)
AUDITS = st.fixed_dictionaries(
    {"schedule": st.sampled_from(SCHEDULES)},
    optional={
        "max_age_hours": st.sampled_from([1, 26, 26.5, 8784]),
        "catch_up": st.booleans(),
        "count_automatic": st.booleans(),
        "days": st.integers(1, 92),
        "read_protection": st.booleans(),
    },
)
KEEPS = st.fixed_dictionaries(
    {"schedule": st.sampled_from(SCHEDULES), "daily": st.integers(1, 30)},
    optional={
        "last": st.integers(-1, 3),
        "within": st.sampled_from(["1y6m", "14d"]),
        "name_prefix": st.sampled_from(["nightly-", "x"]),
        "minimum_good": st.integers(1, 5),
        "max_deletions": st.integers(1, 500),
        "include_orphans": st.booleans(),
        "dry_run": st.booleans(),
    },
)


def _in_order(plan: dict[str, Any]) -> dict[str, Any]:
    """Leave out an end that is not later than the begin."""
    days = [plan[key][:10] for key in ("from", "until") if key in plan]
    is_in_order = days == sorted(set(days))
    return plan if is_in_order else {key: value for key, value in plan.items() if key != "until"}


PLANS = st.fixed_dictionaries(
    {"backup": BACKUPS},
    optional={
        "connection": st.sampled_from(["default", "eu"]),
        "select": SELECTIONS,
        "timezone": st.sampled_from(ZONES),
        "description": st.sampled_from(["", "Nächtlich", "no"]),
        "paused": st.booleans(),
        "from": st.sampled_from(TIMES),
        "until": st.sampled_from(TIMES),
        "audit": AUDITS,
        "keep": KEEPS,
    },
).map(_in_order)
"""A plan without an error, as data."""
FILES = st.dictionaries(st.sampled_from(PLAN_NAMES), PLANS, min_size=1, max_size=3).map(
    lambda plans: yaml.safe_dump({"plans": plans}, allow_unicode=True)
)
"""A file without an error, as text."""
