"""Moto's server in this process, on loopback."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import boto3
from moto.server import ThreadedMotoServer

from .stack import Stack, create_stack, read_template

REGION = "eu-central-1"


@dataclass(frozen=True)
class LocalAws:
    """A running stand-in: its address, the variables that lead boto3 to it, and the stack in it."""

    endpoint: str
    stack: Stack

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return {"AWS_ENDPOINT_URL": self.endpoint, **_identity()}

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        """Make a boto3 client of it."""
        return boto3.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]  # any service

    def put_secret(self, name: str, text: str) -> None:
        """Store a secret, or another value of it."""
        secrets = self.client("secretsmanager")
        try:
            secrets.create_secret(Name=name, SecretString=text)
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=name, SecretString=text)


@contextmanager
def start(*, template: Mapping[str, Any] | None = None, **parameters: str) -> Iterator[LocalAws]:
    """Start moto's server with fresh state and the stack in it; stop it at the end.

    While it runs, this process has invented credentials and a region, so nothing can reach a real account.
    `parameters` are the stack's, where they differ from their defaults.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with mock.patch.dict(os.environ, _identity()):
        server.start()
        try:
            host, port = server.get_host_and_port()
            endpoint = f"http://{host}:{port}"
            boto3.client("sts", endpoint_url=endpoint).get_caller_identity()
            yield LocalAws(endpoint, create_stack(endpoint, template or read_template(), **parameters))
        finally:
            server.stop()


def _identity() -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION}
