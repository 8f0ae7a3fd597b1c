"""Whatever an event of an audit or prune has, it is refused in one short line, and nothing else is raised."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.audit import Audit, parse_audit
from gaussdb_backup.domain.backup_request import extract_log_fields
from gaussdb_backup.domain.prune import Prune, parse_prune
from gaussdb_backup.errors import InvalidRequest

NOW = datetime(2026, 11, 23, 8, 1, tzinfo=UTC)
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["nightly-", "default", "UTC", "America/New_York", "..", "/etc/passwd", NOW.isoformat(), "1y", "-1", "a" * 36]
)
KEYS = st.text(max_size=8) | st.sampled_from(
    ["daily", "within", "last", "instance_ids", "tags", "name_pattern", "name_prefix", "keep", "minimum_good"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
GOOD_PRUNE = {"name_prefix": "nightly-", "keep": {"daily": 7}}


def events_of(fields: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(fields)) | st.text(max_size=5), VALUES, max_size=6)


def check_refusal(error: InvalidRequest) -> None:
    message = str(error)
    assert message.isprintable()
    assert len(message) < 30_000
    assert error.problems


@given(event=events_of(Audit.model_fields))
def test_an_audit_is_parsed_or_refused(event: dict[str, Any]) -> None:
    extract_log_fields(event)
    try:
        parse_audit(event, default_time=NOW, now=NOW)
    except InvalidRequest as error:
        check_refusal(error)


@given(event=events_of(Prune.model_fields))
def test_a_prune_is_parsed_or_refused(event: dict[str, Any]) -> None:
    extract_log_fields(event)
    try:
        prune = parse_prune({**GOOD_PRUNE, **event})
    except InvalidRequest as error:
        check_refusal(error)
    else:
        assert prune.keep.has_rules
        assert prune.name_prefix or prune.all_names
        assert prune.dry_run is (event.get("dry_run") is not False)
