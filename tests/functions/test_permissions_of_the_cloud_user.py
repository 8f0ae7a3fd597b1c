"""The policy of docs/deploying.md allows the cloud user what the functions do, and nothing else."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gaussdb_backup.errors import GaussDBBackupError
from local import gaussdb_emulator
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import KEY, ORDERS
from tests.helpers.markdown import ROOT, code_blocks, code_words, reference_page, section, table
from tests.helpers.sqs_event import sqs_batch

PAGE = section((ROOT / "docs" / "deploying.md").read_text(), "Permissions of the cloud user")
[POLICY] = map(json.loads, code_blocks(PAGE, "json"))
ACTIONS: list[str] = [action for statement in POLICY["Statement"] for action in statement["Action"]]
FAILS = {
    "gaussdb:backup:create": {"create_backup"},
    "gaussdb:backup:list": {"create_backup", "track_backups", "audit_backups", "prune_backups"},
    "gaussdb:instance:list": {"dispatch_backups", "audit_backups", "prune_backups"},
}


def newer(action: str) -> str:
    """The name of a permission in an identity policy, by the table of the page about connections."""
    rows = table(section(reference_page("connection"), "Permissions of the cloud user"), "in an identity policy")
    return {code_words(row[1])[0]: code_words(row[0])[0] for row in rows}[action]


def denied_functions(deployment: Deployment, actions: list[str]) -> set[str]:
    """The functions that report PermissionDenied when the cloud user may do this only."""
    allowed = frozenset(actions)
    key = gaussdb_emulator.AccessKey(access_key=KEY.access_key, secret_key=KEY.secret_key, allowed_actions=allowed)
    deployment.cloud.add_key(key)
    now = datetime.now(UTC)
    times = {"begin_time": now.isoformat(), "deadline": (now + timedelta(hours=1)).isoformat()}
    tracked = {"connection": "default", "instance_id": ORDERS, "backup_id": "gone", "backup_name": "nightly", **times}
    events: dict[str, Any] = {
        "dispatch_backups": {"scheduled_time": now.isoformat()},
        "create_backup": {"instance_id": ORDERS, "name_template": "nightly", "scheduled_time": now.isoformat()},
        "track_backups": sqs_batch(tracked),
        "audit_backups": {"read_protection": False},
        "prune_backups": {"name_prefix": "nightly", "keep": {"last": 1}},
    }
    denied = set()
    for function, event in events.items():
        before = len(deployment.emitted)
        with suppress(GaussDBBackupError):
            deployment.invoke(function, event)
        if "PermissionDenied" in " ".join(deployment.emitted[before:]):
            denied.add(function)
    return denied


def test_the_policy_is_one_statement_of_a_custom_policy() -> None:
    assert POLICY["Version"] == "1.1"
    assert [statement["Effect"] for statement in POLICY["Statement"]] == ["Allow"]


def test_with_the_policy_every_function_works(deployment: Deployment) -> None:
    assert denied_functions(deployment, ACTIONS) == set()
    assert [backup.name for backup in deployment.cloud.backups(ORDERS)] == ["nightly"]
    assert {call.status for call in deployment.cloud.requests} == {200}
    assert {call.operation for call in deployment.cloud.requests} == {"instances", "list", "create"}


def test_with_the_same_permissions_of_an_identity_policy_every_function_works(deployment: Deployment) -> None:
    assert denied_functions(deployment, [newer(action) for action in ACTIONS]) == set()
    assert {call.status for call in deployment.cloud.requests} == {200}


@pytest.mark.parametrize("removed", ACTIONS)
def test_without_one_of_its_actions_a_function_reports_that_it_was_denied(deployment: Deployment, removed: str) -> None:
    assert denied_functions(deployment, [action for action in ACTIONS if action != removed]) == FAILS[removed]


DELETION, ENCRYPTION = "gaussdb:backup:delete", "gaussdb:backup:encrypt"


@pytest.fixture
def two_backups(deployment: Deployment) -> Deployment:
    """With two good backups of one instance, of which a rule keeps one."""
    now = datetime.now(UTC)
    for days in (1, 2):
        begin = now - timedelta(days=days)
        past = gaussdb_emulator.PastBackup(name=f"nightly-{days}", instance_id=ORDERS, begin_time=begin)
        deployment.cloud.add_backups(past)
    return deployment


def allow(deployment: Deployment, *actions: str) -> None:
    key = gaussdb_emulator.AccessKey(
        access_key=KEY.access_key, secret_key=KEY.secret_key, allowed_actions=frozenset([*ACTIONS, *actions])
    )
    deployment.cloud.add_key(key)


PRUNE = {"name_prefix": "nightly-", "keep": {"last": 1}, "dry_run": False}


@pytest.mark.parametrize("action", [DELETION, newer(DELETION)])
def test_with_the_permission_that_the_page_names_for_it_a_prune_deletes(two_backups: Deployment, action: str) -> None:
    assert f"`{DELETION}`" in PAGE
    allow(two_backups, action)
    result = two_backups.invoke("prune_backups", PRUNE)
    assert [backup["backup_name"] for backup in result["deleted"]] == ["nightly-2"]


def test_without_it_a_prune_deletes_nothing_and_reports_that_it_was_denied(two_backups: Deployment) -> None:
    allow(two_backups)
    result = two_backups.invoke("prune_backups", PRUNE)
    assert result["counts"] == {"kept": 1, "deleted": 0, "deferred": 0, "failed": 1, "not_found": 0}
    assert "PermissionDenied" in {record.get("error_type") for record in two_backups.records}
    assert len(two_backups.cloud.backups(ORDERS)) == 2


def test_without_the_permission_for_the_encryption_an_audit_has_all_but_that(deployment: Deployment) -> None:
    """The page advises against that permission, since it could change the encryption."""
    assert f"`{ENCRYPTION}`" in PAGE
    allow(deployment)
    coverage = deployment.invoke("audit_backups", {})
    assert coverage["audited"] > 0
    protections = [instance["protection"] for instance in coverage["instances"]]
    assert {each["encryption"] for each in protections} == {None}
    assert None not in {each["vault_lock"] and each["vault_lock"]["is_locked"] for each in protections}
    [remark] = coverage["remarks"]
    assert remark.startswith("encryption of 0 of ")
