"""A function that ends in the middle of a request: the crash is an argument of its dependencies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from gaussdb_backup.bootstrap.create import CreateDependencies

CRASH_POINTS = ("after the idempotency record", "after the POST", "after the tracking message", "before the response")


class Crash(BaseException):
    """The function ended at once, as if its process had been killed."""


def raise_crash() -> None:
    raise Crash


def crash_at(point: str, dependencies: CreateDependencies, crash: Callable[[], None]) -> CreateDependencies:
    """Return dependencies with which the function ends at the point."""
    changes: dict[str, Any] = {}
    if point in ("after the idempotency record", "before the response"):
        is_before = point == "after the idempotency record"
        changes["idempotency"] = CrashingIdempotency(dependencies.idempotency, crash, before=is_before)
    elif point == "after the POST":
        changes["api_clients"] = CrashingApi(dependencies.api_clients, crash)
    else:
        assert point == "after the tracking message"
        changes["tracker"] = CrashingTracker(dependencies.tracker, crash)
    return replace(dependencies, **changes)


@dataclass
class CrashingIdempotency:
    inner: Any
    crash: Callable[[], None]
    before: bool

    @contextmanager
    def run_once(self, key: Any, *, remaining_time: Any) -> Iterator[Any]:
        with self.inner.run_once(key, remaining_time=remaining_time) as execution:
            if self.before:
                self.crash()
            yield execution
        self.crash()


@dataclass
class CrashingTracker:
    inner: Any
    crash: Callable[[], None]

    def track(self, *arguments: Any, **options: Any) -> None:
        self.inner.track(*arguments, **options)
        self.crash()


@dataclass
class CrashingApi:
    """The clients of the API, and the client of each connection."""

    inner: Any
    crash: Callable[[], None]

    def for_connection(self, connection: str, *, deadline: Any) -> "CrashingApi":
        return CrashingApi(self.inner.for_connection(connection, deadline=deadline), self.crash)

    def create_backup(self, **fields: Any) -> Any:
        self.inner.create_backup(**fields)
        self.crash()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
