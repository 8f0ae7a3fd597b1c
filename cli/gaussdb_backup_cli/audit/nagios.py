"""The one line, and the exit code, that Nagios and its descendants read."""

from collections.abc import Iterable, Iterator
from enum import IntEnum

from gaussdb_backup.domain.coverage import Coverage, State
from gaussdb_backup.reports.texts import clean

MAX_NAMED = 10
"""Instances that are named of one state: what receives the line may cut it after some hundred characters."""


class Level(IntEnum):
    """The exit codes of a plug-in."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


def evaluate(coverage: Coverage) -> Level:
    """Return how bad a coverage is. A project of which no instance was audited may have lost all of them."""
    if coverage.uncovered or not coverage.audited:
        return Level.CRITICAL
    is_building = any(one.state is State.BUILDING for one in coverage.instances)
    return Level.WARNING if is_building or coverage.not_found else Level.OK


def describe_coverage(coverage: Coverage) -> str:
    """Return the line about a coverage."""
    counted = f"{coverage.uncovered} of {coverage.audited} instances without a recent good backup"
    age = coverage.oldest_age
    values = [f"uncovered={coverage.uncovered}", f"not_found={len(coverage.not_found)}"]
    values += [f"oldest_age={round(age.total_seconds())}s"] if age is not None else []
    text = " * ".join([counted, *_name(coverage)])
    return f"GAUSSDB-BACKUP {evaluate(coverage).name} - {text} | {' '.join(values)}"


def describe_unknown(message: str) -> str:
    """Return the line about an audit that could not be made."""
    return f"GAUSSDB-BACKUP {Level.UNKNOWN.name} - {_plain(message)}"


def _name(coverage: Coverage) -> Iterator[str]:
    for state in (State.NEVER, State.FAILING, State.LATE, State.BUILDING):
        if names := [one.instance_name or one.instance_id for one in coverage.instances if one.state is state]:
            yield f"{state}: {_enumerate(names)}"
    if coverage.not_found:
        yield f"not found: {_enumerate(coverage.not_found)}"


def _enumerate(names: Iterable[str]) -> str:
    plain = [_plain(name) for name in names]
    more = [f"{len(plain) - MAX_NAMED} more"] if len(plain) > MAX_NAMED else []
    return ", ".join(plain[:MAX_NAMED] + more)


def _plain(text: str) -> str:
    """Return a text in one line, without the sign that ends the text of a plug-in."""
    return clean(" ".join(text.split())).replace("|", "/")
