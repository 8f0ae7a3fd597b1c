"""Local runs without the user's own settings for the real clouds."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_NOTHING: Mapping[str, str] = {}
_LEAKING = ("AWS_", "POWERTOOLS_")
_NO_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


@contextmanager
def isolated(variables: Mapping[str, str] = _NOTHING) -> Iterator[None]:
    """Run a block with `variables` and without the user's own AWS profile, endpoints, log level and proxies.

    A profile that is named but absent makes boto3 fail, a proxy takes even calls to this machine. The environment of
    the whole process changes: blocks may nest, but not overlap in several threads.
    """
    before = dict(os.environ)
    try:
        _replace({name: value for name, value in before.items() if not _leaks(name)} | _NO_FILES | dict(variables))
        yield
    finally:
        _replace(before)


def _leaks(name: str) -> bool:
    return name.startswith(_LEAKING) or name.lower().endswith("_proxy")


def _replace(variables: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(variables):
        del os.environ[name]
    os.environ.update(variables)
