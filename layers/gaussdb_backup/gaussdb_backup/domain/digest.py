"""The digest of an audit: what its event has, and a person reads in an e-mail."""

import re
from typing import Any

from gaussdb_backup.domain.coverage import Coverage, InstanceCoverage

WORST = 10
"""Instances that a digest names."""
_EMPHASIS = r"(?<![^\W_])_|_(?![^\W_])"
"""An underscore that is not between two letters or digits: a chat would print slanted what is between two of them."""
_NOT_IN_NAME, _NOT_IN_REASON = re.compile(rf"[^\w-]|{_EMPHASIS}"), re.compile(rf"[^\w ,:()-]|{_EMPHASIS}")
"""Without slashes and dots neither an e-mail nor a chat shows a link that somebody put into a name, or the API into a
status. Nor is anything left that ends a string of JSON, mentions a person or a channel, or formats a text."""


def make_digest(coverage: Coverage) -> dict[str, Any]:
    """Return the fields of the event: counts, the worst ten instances, and the page's address.

    `outcome` is `covered`, or `uncovered` where a person must act; `lines` are the worst ten as texts.
    """
    worst = [one for one in coverage.instances if one.state.is_uncovered][:WORST]
    deletions = None if coverage.next_prune is None else len(coverage.next_prune.deleted)
    return {
        "version": 1,
        "connection": coverage.connection,
        "schedule": coverage.schedule,
        "scheduled_time": coverage.scheduled_time,
        "outcome": "covered" if coverage.is_well else "uncovered",
        "audited": coverage.audited,
        "uncovered": coverage.uncovered,
        "not_found": len(coverage.not_found),
        "states": {state.value: count for state, count in coverage.states.items()},
        "oldest_age_hours": None if (age := coverage.oldest_age) is None else round(age.total_seconds() / 3600, 1),
        "catch_up": len(coverage.catch_up),
        "orphans": len(coverage.orphans),
        "deletions": deletions,
        "report": coverage.report,
        "worst": [_name(one) for one in worst],
        "lines": {f"line_{index}": _describe(one) for index, one in enumerate(worst, start=1)},
    }


def _name(one: InstanceCoverage) -> dict[str, Any]:
    return {
        "instance_id": one.instance_id,
        "instance_name": one.instance_name,
        "state": one.state.value,
        "reason": one.reason,
        "age_hours": one.age_hours,
    }


def _describe(one: InstanceCoverage) -> str:
    name, instance_id = (_NOT_IN_NAME.sub("-", text)[:64] for text in (one.instance_name, one.instance_id))
    return f"{one.state.value}: {name} ({instance_id}): {_NOT_IN_REASON.sub('-', one.reason)}"
