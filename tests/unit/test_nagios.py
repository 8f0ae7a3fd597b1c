"""One line and an exit code, for Nagios."""

from typing import Any

import pytest

from gaussdb_backup.domain.coverage import State
from gaussdb_backup_cli.audit.nagios import MAX_NAMED, Level, describe_coverage, describe_unknown, evaluate
from tests.helpers.coverage import make_coverage, make_instance


@pytest.mark.parametrize(
    ("state", "level"),
    [
        (State.NEVER, Level.CRITICAL),
        (State.FAILING, Level.CRITICAL),
        (State.LATE, Level.CRITICAL),
        (State.BUILDING, Level.WARNING),
        (State.NEW, Level.OK),
        (State.OK, Level.OK),
    ],
)
def test_the_worst_instance_decides(state: State, level: Level) -> None:
    assert evaluate(make_coverage(make_instance("one", state=state), make_instance("two"))) is level


@pytest.mark.parametrize(
    ("instances", "changes", "level"),
    [
        ([make_instance()], {"not_found": ("a",)}, Level.WARNING),
        ([], {}, Level.CRITICAL),
        ([], {"not_found": ("a",)}, Level.CRITICAL),
    ],
    ids=["one not found", "none audited", "none of those selected"],
)
def test_an_instance_that_is_lost_is_not_well(instances: list[Any], changes: dict[str, Any], level: Level) -> None:
    assert evaluate(make_coverage(*instances, **changes)) is level


def test_the_line_counts_names_and_measures() -> None:
    instances = [
        make_instance("crm", state=State.NEVER, age_hours=None, last_good_backup=None),
        make_instance("billing", state=State.LATE, age_hours=51.0),
        make_instance("orders", state=State.LATE, age_hours=30.5),
        make_instance("stock", state=State.BUILDING, age_hours=27.0),
        make_instance("other"),
    ]
    assert describe_coverage(make_coverage(*instances, not_found=("f" * 32,))) == (
        "GAUSSDB-BACKUP CRITICAL - 3 of 5 instances without a recent good backup * never: crm * late: billing, orders"
        f" * building: stock * not found: {'f' * 32} | uncovered=3 not_found=1 oldest_age=183600s"
    )


def test_where_all_is_well_there_is_nothing_but_the_counts() -> None:
    assert describe_coverage(make_coverage(make_instance())) == (
        "GAUSSDB-BACKUP OK - 0 of 1 instances without a recent good backup | uncovered=0 not_found=0 oldest_age=25200s"
    )


def test_an_age_that_is_not_known_is_left_out() -> None:
    line = describe_coverage(make_coverage(make_instance(state=State.NEW, age_hours=None, last_good_backup=None)))
    assert line.endswith("| uncovered=0 not_found=0")


def test_no_name_ends_the_line_or_its_text() -> None:
    hostile = make_instance("a|b\nc\x1b[2J=d", state=State.LATE)
    line = describe_coverage(make_coverage(hostile))
    assert "late: a/b c�[2J=d | uncovered=1" in line
    assert line.count("|") == 1
    assert len(line.splitlines()) == 1
    assert describe_unknown("a\r\nb|c") == "GAUSSDB-BACKUP UNKNOWN - a b/c"


def test_of_many_instances_the_first_are_named() -> None:
    late = [make_instance(f"one-{index}", state=State.LATE) for index in range(MAX_NAMED + 5)]
    line = describe_coverage(make_coverage(*late))
    assert f"one-{MAX_NAMED - 1}, 5 more |" in line
    assert f"one-{MAX_NAMED}," not in line
