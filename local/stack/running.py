"""Starts both emulated clouds and the functions between them."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, NamedTuple

from local import aws_emulator, gaussdb_emulator
from local.aws_emulator.deliveries import delivering
from local.aws_emulator.event_source_mapping import EventSourceMapping
from local.aws_emulator.lambda_api import LambdaApi
from local.aws_emulator.physical_ids import find_mappings
from local.isolation import isolated

RETRY_AFTER_SECONDS = 5
"""The deployed functions retry a deferred request for the first time after 15 to 30 seconds."""
RETRIED = frozenset({"PlanQueue", "BackupQueue"})
"""The queues whose deferred messages are retried that soon. What is tracked is polled when its function asks for it."""
_NOTHING: Mapping[str, str] = {}


class Listen(NamedTuple):
    """Where both clouds are reached; port 0 is a free one.

    `known_as` is the name by which others reach this machine, where it is not `host`.
    """

    gaussdb_port: int = 0
    aws_port: int = 0
    host: str = "127.0.0.1"
    known_as: str | None = None


ANYWHERE = Listen()


@dataclass(frozen=True)
class RunningStack:
    """Everything that runs.

    While a function runs, this process has its environment variables, and what is printed goes to its output. So while
    queues are delivered in the background, whoever uses either does so in a process of its own.
    """

    cloud: gaussdb_emulator.Cloud
    gaussdb_url: str
    aws: aws_emulator.LocalAws
    functions: aws_emulator.LocalFunctions
    mappings: Mapping[str, EventSourceMapping]
    """The event source mapping of each queue, by the queue's logical id."""
    disabled: AbstractSet[str]
    """The queues whose event source mapping is disabled."""

    @property
    def endpoint(self) -> str:
        """The address of AWS."""
        return self.aws.endpoint

    def invoke(self, function: str, event: object) -> Any:  # noqa: ANN401 - JSON
        """Invoke a function, given by its logical id. Raises what the handler raises."""
        return self.functions.invoke(function, event)

    def deliver(self) -> None:
        """Deliver what is visible in the queues, and what results from it."""
        while sum(len(self.mappings[queue].run_until_empty()) for queue in self.mappings.keys() - self.disabled):
            pass

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Deliver the queues by itself until the block ends."""
        with delivering(self.mappings, disabled=self.disabled):
            yield


@contextmanager
def serve(
    cloud: gaussdb_emulator.Cloud,
    key: gaussdb_emulator.AccessKey,
    *,
    parameters: Mapping[str, Any] = _NOTHING,
    settings: Mapping[str, str] = _NOTHING,
    output: IO[str] | None = None,
    listen: Listen = ANYWHERE,
    control: bool = False,
) -> Iterator[RunningStack]:
    """Serve both clouds until the block ends, the secret of the stack's connection stored with `key`.

    `parameters` are the stack's, where they differ from their defaults; `settings` are variables of all functions, in
    place of the template's. What the functions print goes to `output`. `control` serves the emulator's own commands
    beside the GaussDB API.
    """
    with isolated(), ExitStack() as stack:
        gaussdb = stack.enter_context(
            gaussdb_emulator.serve(cloud, listen.gaussdb_port, control=control, host=listen.host)
        )
        aws = stack.enter_context(
            aws_emulator.start(host=listen.host, port=listen.aws_port, known_as=listen.known_as, **parameters)
        )
        url = f"http://{listen.known_as or listen.host}:{gaussdb.port}"
        _store_secret(aws, url, key)
        environment = {**settings, "ALLOW_HTTP_ENDPOINT": "true", **aws.environment}
        functions = aws_emulator.LocalFunctions(aws.stack, environment, output or io.StringIO())
        stack.callback(functions.close)
        api = LambdaApi(aws.stack, functions.invoke)
        stack.callback(api.close)
        aws.emulated["lambda"] = api
        yield RunningStack(cloud, url, aws, functions, _map(aws, functions), api.disabled)


def _store_secret(aws: aws_emulator.LocalAws, url: str, key: gaussdb_emulator.AccessKey) -> None:
    name = f"{aws.stack.parameters['SecretPrefix']}{aws.stack.parameters['Connection']}"
    secret = {
        "endpoint": url,
        "project_id": key.project_id,
        "access_key": key.access_key,
        "secret_key": key.secret_key,
    }
    aws.put_secret(name, json.dumps(secret))


def _map(aws: aws_emulator.LocalAws, functions: aws_emulator.LocalFunctions) -> dict[str, EventSourceMapping]:
    sqs = aws.client("sqs")

    def map_one(queue: str, function: str, batch_size: int) -> EventSourceMapping:
        url, invoke = aws.stack.resources[queue], partial(functions.invoke, function)
        if queue in RETRIED:
            invoke = partial(_retry_soon, sqs, url, invoke)
        return EventSourceMapping(url, invoke, sqs=sqs, batch_size=batch_size)

    return {
        each.queue: map_one(each.queue, each.function, each.properties["BatchSize"])
        for each in find_mappings(aws.stack)
    }


def _retry_soon(sqs: Any, url: str, invoke: Callable[[object], Any], event: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Shorten the visibility timeout that a function gave to each message that it deferred: nobody waits here."""
    response = invoke(event)
    deferred = {item["itemIdentifier"] for item in response["batchItemFailures"]}
    for record in event["Records"]:
        if record["messageId"] in deferred:
            handle = record["receiptHandle"]
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=RETRY_AFTER_SECONDS)
    return response
