"""Reading what protects backups: two calls for each instance, within a minute."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import pytest

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import VaultLock
from gaussdb_backup.errors import FixRequest, GaussDBBackupError, PermissionDenied, TryLater
from gaussdb_backup.operations.protection import read_protection
from tests.helpers.coverage import make_instance


@dataclass
class SlowApi:
    """An API each of whose calls takes `seconds`, and some of which fail."""

    seconds: float = 0
    fail: Callable[[str, str], GaussDBBackupError | None] = lambda _call, _id: None
    now: float = 0
    calls: list[tuple[str, str]] = field(default_factory=list)

    def _call(self, call: str, instance_id: str) -> None:
        self.calls.append((call, instance_id))
        self.now += self.seconds
        if error := self.fail(call, instance_id):
            raise error

    def show_vault_lock(self, instance_id: str) -> VaultLock | None:
        self._call("vault lock", instance_id)
        return VaultLock(is_locked=True)

    def show_backup_encryption(self, instance_id: str) -> Literal["on", "off"] | None:
        self._call("encryption", instance_id)
        return "on"


INSTANCES = [make_instance(f"db-{number}", instance_id=f"{number:032x}") for number in range(10)]


def read(api: SlowApi, *, hours: float = 1) -> tuple[int, list[str]]:
    """How many instances have any protection then, and the remarks."""
    deadline = Deadline.after(timedelta(hours=hours), clock=lambda: api.now)
    result, remarks = read_protection(INSTANCES, api, deadline)
    assert [one.instance_id for one in result] == [one.instance_id for one in INSTANCES]
    return sum(one.protection is not None for one in result), remarks


def test_both_are_read_of_each_instance() -> None:
    api = SlowApi()
    assert read(api) == (10, [])
    assert len(api.calls) == 20


@pytest.mark.parametrize(("hours", "read_instances"), [(1, 3), (0.005, 1)], ids=["a minute", "the function's own end"])
def test_the_rest_is_left_after_a_minute_or_by_the_deadline_with_one_remark(hours: float, read_instances: int) -> None:
    found, remarks = read(SlowApi(seconds=10), hours=hours)
    assert found == read_instances
    assert remarks == [
        f"vault lock and encryption of {read_instances} of 10 instances was read: there was no time for more"
    ]


@pytest.mark.parametrize("error", [PermissionDenied("not permitted"), TryLater("away")], ids=["denied", "away"])
def test_one_kind_that_is_refused_is_requested_once_and_costs_the_other_nothing(error: GaussDBBackupError) -> None:
    api = SlowApi(fail=lambda call, _: error if call == "vault lock" else None)
    found, remarks = read(api)
    assert (found, remarks) == (10, [f"vault lock of 0 of 10 instances was read: {error}"])
    assert [call for call, _ in api.calls].count("vault lock") == 1


def test_what_concerns_one_instance_is_left_out_for_that_one() -> None:
    api = SlowApi(fail=lambda _, instance_id: FixRequest("no such instance") if instance_id.endswith("3") else None)
    assert read(api) == (9, [])
