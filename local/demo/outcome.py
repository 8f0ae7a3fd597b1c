"""What the demo has to show once everything has run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gaussdb_backup.domain.coverage import Coverage

from .typed import Typed
from .verify import ReportedRequest


@dataclass(frozen=True, slots=True)
class Morning:
    """The audits before and after the catch-up, the dry run of the prune and the prune, and what they broke."""

    audit: Coverage
    audit_afterwards: Coverage
    dry_run: Mapping[str, Any]
    prune: Mapping[str, Any]
    differences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything; `differences` are all guarantees that were broken, each a sentence."""

    plan_file: str
    applied: Typed
    requests: Sequence[ReportedRequest]
    morning: Morning
    notification: str
    address: str
    """Who is notified."""
    typed: Sequence[Typed]
    differences: Sequence[str]
