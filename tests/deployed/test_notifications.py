"""What a backup that fails brings about: an event on the bus, a text for people, and nothing in another stack."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from local.aws_emulator.stack import read_template
from tests.helpers.deployed import DeployedStack, Inbox, Project, eventually, scheduled_time
from tests.helpers.notifications import stack_with_all_channels, targets_of

pytestmark = pytest.mark.deployed


@pytest.fixture
def failed(stack: DeployedStack, project: Project) -> str:
    """The id of an instance whose backup was requested and fails."""
    instance = project.add_instance(backup_ends="FAILED")
    request = {"instance_id": instance, "name_template": "bad-night", "scheduled_time": scheduled_time()}
    stack.send("BackupQueue", request)
    return instance


@pytest.fixture
def events(stack: DeployedStack) -> Iterator[Inbox]:
    with Inbox.of_bus(stack, {"source": ["gaussdb-backup"]}) as inbox:
        yield inbox


@pytest.fixture
def texts(stack: DeployedStack) -> Iterator[Inbox]:
    with Inbox.of_topic(stack) as inbox:
        yield inbox


def test_a_backup_that_fails_is_an_event_and_a_text(
    stack: DeployedStack, project: Project, events: Inbox, texts: Inbox, failed: str
) -> None:
    event = json.loads(events.wait_for(failed))
    assert event["detail-type"] == "GaussDB Backup State Change"
    detail = event["detail"]
    assert (detail["service"], detail["status"], detail["backup_name"]) == (stack.name, "FAILED", "bad-night")
    assert project.backups(failed) == [("bad-night", "FAILED")]
    text = json.loads(texts.wait_for(failed))["Message"]
    assert "A GaussDB backup FAILED." in text
    assert f"Instance: {failed}" in text
    assert f"Backup id: {detail['backup_id']}" in text
    assert "runbook, section Backup failed" in text


def test_a_backup_that_ends_well_is_an_event_and_no_text(
    stack: DeployedStack, project: Project, events: Inbox, texts: Inbox
) -> None:
    instance = project.add_instance()
    stack.send("BackupQueue", {"instance_id": instance, "name_template": "good-night"})
    assert json.loads(events.wait_for(instance))["detail"]["status"] == "COMPLETED"
    assert texts.holding(instance) == []


def test_a_failure_in_one_stack_is_not_notified_by_another(
    scheduled_stack: DeployedStack, events: Inbox, texts: Inbox, failed: str
) -> None:
    with Inbox.of_topic(scheduled_stack) as other:
        assert json.loads(events.wait_for(failed))["detail"]["status"] == "FAILED"
        texts.wait_for(failed)
        assert other.holding(failed) == []
    assert scheduled_stack.logged("TrackBackupsFunction", failed) == []
    assert eventually(lambda: scheduled_stack.count("TrackingQueue") == 0)


def test_a_backup_that_fails_is_a_message_for_a_chat(scheduled_stack: DeployedStack, project: Project) -> None:
    instance, time = project.add_instance(backup_ends="FAILED"), scheduled_time()
    with Inbox.of_topic(scheduled_stack, "ChatNotificationsTopic") as chat:
        request = {"instance_id": instance, "name_template": "bad-night", "schedule": "one", "scheduled_time": time}
        scheduled_stack.send("BackupQueue", request)
        message = json.loads(json.loads(chat.wait_for(instance))["Message"])
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert message["content"]["title"] == f"Backup FAILED: instance {instance}"
    assert "\nBackup: `bad-night`\n" in message["content"]["description"]
    assert f"Request another backup: `gaussdb-backup run {instance}`" in message["content"]["nextSteps"]
    assert message["metadata"]["threadId"] == f"second/default/one/{time}"


def test_an_audit_is_a_message_for_a_chat_whatever_an_instance_is_called(
    scheduled_stack: DeployedStack, project: Project
) -> None:
    instance = project.add_instance('", "title": "<!channel> all is well')
    with Inbox.of_topic(scheduled_stack, "ChatNotificationsTopic") as chat:
        audit = {"select": {"instance_ids": [instance]}, "scheduled_time": scheduled_time()}
        scheduled_stack.invoke("AuditBackupsFunction", audit)
        message = json.loads(json.loads(chat.wait_for(instance))["Message"])
    assert message["content"]["title"] == "Instances WITHOUT a recent good backup: 1 of 1"
    assert f"never: ----title------channel--all-is-well ({instance})" in message["content"]["description"]


def test_by_default_there_is_no_topic_for_chats(stack: DeployedStack) -> None:
    assert not {"ChatNotificationsTopic", "ChatNotificationsPolicy"} & set(stack.resources)
    assert "ChatNotificationsArn" not in stack.outputs


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A server that takes requests: its address, and the header and body of each request."""
    received: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.headers["X-Gaussdb-Backup"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", received
        server.shutdown()


@pytest.fixture
def webhook(stack: DeployedStack) -> Iterator[list[tuple[str, str]]]:
    """What the template's own target for a webhook sends of a failed backup: header and body of each request.

    The destination is made here, since the emulator makes none of a template.
    """
    events, rule = stack.client("events"), stack.resources["BackupFailedRule"]
    target = targets_of(stack_with_all_channels(read_template()), "BackupFailedRule")["webhook"]
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Gaussdb-Backup", "ApiKeyValue": "notification"}}
    with receiver() as (address, received):
        connection = events.create_connection(Name="webhook", AuthorizationType="API_KEY", AuthParameters=key)
        destination = events.create_api_destination(
            Name="webhook",
            ConnectionArn=connection["ConnectionArn"],
            InvocationEndpoint=address,
            HttpMethod="POST",
        )
        own = {"Id": "webhook", "Arn": destination["ApiDestinationArn"], "InputTransformer": target["InputTransformer"]}
        events.put_targets(Rule=rule, Targets=[own | {"RoleArn": stack.role_arn("NotificationsRole")}])
        yield received
        events.remove_targets(Rule=rule, Ids=["webhook"])
        events.delete_api_destination(Name="webhook")
        events.delete_connection(Name="webhook")


def test_a_backup_that_fails_is_a_request_to_a_webhook(webhook: list[tuple[str, str]], failed: str) -> None:
    def own() -> list[tuple[str, str]]:
        return [(header, body) for header, body in webhook if failed in body]

    [(header, body), *_] = eventually(own, what="a request to the webhook")
    assert header == "notification"
    message = json.loads(body)
    assert list(message) == ["text"]
    assert message["text"].startswith(
        f"*Backup FAILED: instance {failed}*\nThe instance has no good backup of this run.\n"
    )
    assert f"`gaussdb-backup run {failed}`" in message["text"]
