"""The demo types commands as an operator does, whatever variables the user has."""

import pytest

from local.demo.typed import Terminal, Typed, find_command_differences


@pytest.fixture
def terminal() -> Terminal:
    """Where no stack answers: port 9 is nobody's."""
    return Terminal("http://127.0.0.1:9", 60, "utf-8")


def test_commands_are_returned_in_their_order_with_both_streams_and_their_exit_codes(terminal: Terminal) -> None:
    version, wrong = terminal.run("--version", "nonsense")
    assert (version.line, version.code) == ("gaussdb-backup --local --version", 0)
    assert version.printed.startswith("gaussdb-backup")
    assert wrong.code == 2
    assert "nonsense" in wrong.printed


def test_the_users_own_stack_is_not_called(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAUSSDB_BACKUP_LOCAL_ENDPOINT", "nonsense")
    variables = terminal._variables({"GAUSSDB_BACKUP_STACK": "mine", "HOME": "/somewhere"})
    assert "GAUSSDB_BACKUP_STACK" not in variables
    assert variables["GAUSSDB_BACKUP_LOCAL_ENDPOINT"] == "http://127.0.0.1:9"
    assert (variables["HOME"], variables["COLUMNS"]) == ("/somewhere", "60")


def test_a_command_that_ends_otherwise_than_expected_is_a_difference() -> None:
    typed = [Typed("a", "fine", 3), Typed("b", "not\nallowed\n", 1)]
    assert find_command_differences(typed, {"a": 3, "b": 0}) == ["`b` ended with 1, expected 0: not allowed"]
