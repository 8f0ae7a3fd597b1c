"""Backups requested directly and by message; the cloud's own list is the judge."""

import pytest

from tests.helpers.deployed import DeployedStack, InvocationFailed, Project, attributes_of, eventually, scheduled_time

pytestmark = pytest.mark.deployed


def test_the_same_direct_request_twice_makes_one_backup(stack: DeployedStack, project: Project) -> None:
    instance = project.add_instance()
    request = {"instance_id": instance, "name_template": "direct", "scheduled_time": scheduled_time()}
    first, second = (stack.invoke("CreateBackupFunction", request) for _ in range(2))
    assert first == second
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
    message = stack.dead_letter("BackupDeadLetterQueue", "poison")
    assert message["Body"] == "poison: not even JSON"
    assert attributes_of(message)["ErrorType"] == "InvalidRequest"


def test_an_invalid_direct_request_fails_with_what_is_wrong(stack: DeployedStack) -> None:
    with pytest.raises(InvocationFailed, match="instance_id"):
        stack.invoke("CreateBackupFunction", {"instance": "misspelt"})
