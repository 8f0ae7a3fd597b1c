"""The tests' own ground: nothing of the machine's environment reaches them."""

import os
import socket
from pathlib import Path

import pytest
from pytest_socket import SocketConnectBlockedError


def test_credentials_and_proxies_of_the_machine_do_not_reach_a_test() -> None:
    assert {name for name in os.environ if name.startswith(("AWS_", "HTTP", "POWERTOOLS_", "HUAWEI", "PIP_"))} == set()


def test_the_home_directory_is_a_tests_own(tmp_path: Path) -> None:
    assert Path.home() == tmp_path


def test_the_network_ends_at_this_machine() -> None:
    with socket.socket() as outside, pytest.raises((SocketConnectBlockedError, UserWarning), match="192.0.2.1"):
        outside.connect(("192.0.2.1", 443))
