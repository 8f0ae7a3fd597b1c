"""Backups requested directly and by message; the cloud's own list is the judge."""

import time

import pytest

from tests.helpers.deployed import DeployedStack, InvocationFailed, Project, attributes_of, eventually, scheduled_time

pytestmark = pytest.mark.deployed


def test_the_same_direct_request_twice_makes_one_backup(stack: DeployedStack, project: Project) -> None:
    instance = project.add_instance()
    request = {"instance_id": instance, "name_template": "direct", "scheduled_time": scheduled_time()}
    first, second = (stack.invoke("CreateBackupFunction", request) for _ in range(2))
    assert (first["outcome"], second) == ("created", {**first, "outcome": "adopted"})
    assert project.names(instance) == ["direct"]


def test_a_queue_message_becomes_a_backup_and_is_tracked_to_its_end(stack: DeployedStack, project: Project) -> None:
    instance = project.add_instance()
    stack.send("BackupQueue", {"instance_id": instance, "name_template": "by-message"})
    eventually(lambda: project.backups(instance) == [("by-message", "COMPLETED")])
    eventually(lambda: stack.logged("TrackBackupsFunction", '"COMPLETED"'))


def test_a_poison_message_is_dead_lettered_and_its_neighbours_become_backups(
    stack: DeployedStack, project: Project
) -> None:
    instances = [project.add_instance() for _ in range(4)]
    stack.send("BackupQueue", "poison: not even JSON")
    for instance in instances:
        stack.send("BackupQueue", {"instance_id": instance, "name_template": "neighbour"})
    eventually(lambda: [project.names(each) for each in instances] == [["neighbour"]] * 4)
    message = stack.message("BackupDeadLetterQueue", "poison")
    assert message["Body"] == "poison: not even JSON"
    assert attributes_of(message)["ErrorType"] == "InvalidRequest"


def test_an_invalid_direct_request_fails_with_what_is_wrong(stack: DeployedStack) -> None:
    with pytest.raises(InvocationFailed, match="instance_id"):
        stack.invoke("CreateBackupFunction", {"instance": "misspelt"})


def test_every_record_of_the_state_table_expires(stack: DeployedStack, project: Project) -> None:
    """By the attribute that the template names, which the emulator does not apply: others would stay for ever."""
    request = {"instance_id": project.add_instance(), "name_template": "expires"}  # without a time: first seen, too
    stack.invoke("CreateBackupFunction", request)
    table, name = stack.client("dynamodb"), stack.resources["StateTable"]
    specified = stack.template["Resources"]["StateTable"]["Properties"]["TimeToLiveSpecification"]
    assert specified["Enabled"]
    items = table.scan(TableName=name)["Items"]
    assert len(items) >= 3  # an idempotency record, the time of an invocation, a circuit breaker
    expiring = {item["id"]["S"]: float(item.get(specified["AttributeName"], {"N": "0"})["N"]) for item in items}
    assert [key for key, seconds in expiring.items() if not time.time() < seconds < time.time() + 32 * 86_400] == []
