"""Moto's server in this process, on loopback."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from threading import Lock, Thread
from typing import Any

import boto3
import httpx
from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from .cloudformation import CloudFormation
from .physical_ids import resolve_stack
from .resources import create_resources
from .stack import Stack, read_template
from .wsgi import Emulated, named_service, read_request, write_response

IDENTITY = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "eu-central-1"}
"""Invented credentials, so that nothing can reach a real account."""


@dataclass(frozen=True)
class Endpoint:
    """The address of the emulator, and clients of it."""

    url: str
    _session: boto3.Session = field(
        default_factory=lambda: boto3.Session(
            aws_access_key_id=IDENTITY["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=IDENTITY["AWS_SECRET_ACCESS_KEY"],
            region_name=IDENTITY["AWS_DEFAULT_REGION"],
        )
    )

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        """Make a boto3 client."""
        return self._session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]  # any service


@dataclass(frozen=True)
class LocalAws:
    """A running emulator and the stack in it."""

    at: Endpoint
    stack: Stack
    emulated: dict[str, Emulated] = field(default_factory=dict)
    """What is emulated here in place of moto's, by the name of the service."""

    @property
    def endpoint(self) -> str:
        """The address."""
        return self.at.url

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return {"AWS_ENDPOINT_URL": self.endpoint, **IDENTITY}

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        """Make a boto3 client of it."""
        return self.at.client(service)

    def put_secret(self, name: str, text: str) -> None:
        """Store a secret, or another value of it."""
        secrets = self.client("secretsmanager")
        try:
            secrets.create_secret(Name=name, SecretString=text)
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=name, SecretString=text)


@contextmanager
def start(
    *,
    template: Mapping[str, Any] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    known_as: str | None = None,
    **parameters: str,
) -> Iterator[LocalAws]:
    """Start moto's server with fresh state and the stack in it; stop it at the end.

    `known_as` is the name by which others reach this machine, where it is not `host`; the addresses of queues have
    it. `parameters` are the stack's, where they differ from their defaults.
    """
    emulated: dict[str, Emulated] = {}
    with _serve(host, port, emulated) as bound:
        at = Endpoint(f"http://{known_as or host}:{bound}")
        httpx.post(f"{at.url}/moto-api/reset", trust_env=False).raise_for_status()  # moto's state is the process's
        stack = resolve_stack(template or read_template(), at.url, **parameters)
        create_resources(cache(at.client), stack)
        emulated["cloudformation"] = CloudFormation(stack, datetime.now(UTC))
        yield LocalAws(at, stack, emulated)


@contextmanager
def _serve(host: str, port: int, emulated: Mapping[str, Emulated]) -> Iterator[int]:
    """Serve moto, and what is emulated here, until the block ends; give the port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = _Dispatcher(emulated, _OneAtATime(DomainDispatcherApplication(create_backend_app)))
    server = make_server(host, port, app, threaded=True, request_handler=MotoRequestHandler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Dispatcher:
    """Passes a request on to the service that its signature names: one that is emulated here, else moto."""

    def __init__(self, emulated: Mapping[str, Emulated], moto: Callable[..., Iterable[bytes]]) -> None:
        self._emulated = emulated
        self._moto = moto

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's own
        """Handle one request."""
        service = named_service(environ.get("HTTP_AUTHORIZATION", ""))
        if emulated := self._emulated.get(service):
            return write_response(emulated(read_request(environ)), start_response)
        return self._moto(environ, start_response)


class _OneAtATime:
    """Lets one request at a time into moto, whose state is not made for threads.

    Otherwise several workers may all win one conditional write, or be given one message, which the real services never
    let happen. The price: a receive that waits for messages holds up everybody, so ask with `WaitTimeSeconds` 0.
    """

    def __init__(self, app: Any) -> None:  # noqa: ANN401 - moto has no annotations
        self._app = app
        self._lock = Lock()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's own
        """Handle one request."""
        with self._lock:
            body: Iterable[bytes] = self._app(environ, start_response)
            return body
