"""AWS by moto in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import botocore.session
from botocore.loaders import Loader
from moto import mock_aws

_MODELS = Loader(extra_search_paths=[str(Path(boto3.__file__).parent / "data")])
"""The descriptions of the services. To read them takes most of the time that a new session's first client takes."""


@contextmanager
def emulated_aws() -> Iterator[None]:
    """Run a block with an AWS account that is empty, and with a default session of boto3's of its own."""
    with mock_aws():  # at its end it puts back the session that was there
        boto3.DEFAULT_SESSION = _new_session()
        yield


def _new_session() -> boto3.Session:
    inner = botocore.session.Session()
    inner.register_component("data_loader", _MODELS)
    session = boto3.Session(botocore_session=inner)
    _MODELS.search_paths.pop()  # each session adds boto3's own once more
    return session
