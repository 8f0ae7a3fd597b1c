"""The report of `make mutants` counts each change, and shows where those are that no test noticed."""

from pathlib import Path

import pytest

from tools.mutants import OTHER_TESTS, TESTS, find_modules
from tools.mutation_report import ModuleReport, Survivor, find_survivor, format_report, parse_results

SOURCE = """import re

LIMIT = 3


def first(number):
    # a comment
    return number + 1


class Box:
    size = 1

    def add(self, number):
        \"\"\"Add.\"\"\"
        self.size = (
            number + 1
        )
        return number + 1
"""
DIFF = """# gaussdb_backup.domain.box.{name}: survived
--- src/gaussdb_backup/domain/box.py
+++ src/gaussdb_backup/domain/box.py
@@ -1,3 +1,3 @@
{lines}
"""
PATH = Path("domain/box.py")


@pytest.mark.parametrize(
    ("name", "lines", "line", "before", "after"),
    [
        (
            "x_first__mutmut_1",
            " def first(number):\n     # a comment\n-    return number + 1\n+    return number - 1",
            8,
            "return number + 1",
            "return number - 1",
        ),
        (
            "xǁBoxǁadd__mutmut_2",
            "     )\n-    return number + 1\n+    return number + 2",
            19,
            "return number + 1",
            "return number + 2",
        ),
        (
            "xǁBoxǁadd__mutmut_3",
            "-    self.size = (\n-        number + 1\n-    )\n+    self.size = None\n     return number + 1",
            16,
            "self.size = ( number + 1 )",
            "self.size = None",
        ),
    ],
    ids=["a function", "a method", "several lines"],
)
def test_a_change_that_no_test_noticed_has_its_line(name: str, lines: str, line: int, before: str, after: str) -> None:
    survivor = find_survivor(PATH, SOURCE, f"gaussdb_backup.domain.box.{name}", DIFF.format(name=name, lines=lines))
    assert survivor == Survivor(PATH, line, before, after)
    assert str(survivor) == f"domain/box.py:{line}\n    - {before}\n    + {after}\n"


def test_the_status_of_each_change_is_read() -> None:
    printed = "    a.b.x_first__mutmut_1: survived\n    a.b.xǁBoxǁadd__mutmut_2: not checked\n"
    assert parse_results(printed) == {"a.b.x_first__mutmut_1": "survived", "a.b.xǁBoxǁadd__mutmut_2": "not checked"}


def test_the_score_counts_what_was_tried_only() -> None:
    counts = {"killed": 5, "timeout": 1, "survived": 1, "no tests": 1, "not checked": 4}
    survivor = Survivor(PATH, 8, "a", "b")
    report = format_report([ModuleReport("domain.box", counts, [survivor]), ModuleReport("domain.other", {}, [])])
    assert report.startswith("domain/box.py:8\n    - a\n    + b\n\nmodule")
    assert [line.split() for line in report.splitlines()[-3:]] == [
        ["domain.box", "6", "2", "4", "75.0%"],
        ["domain.other", "no", "result:", ".cache/mutants/domain.other/log.txt", "has", "the", "reason"],
        ["all", "6", "2", "4", "75.0%"],
    ]


def test_the_modules_and_their_tests_exist(root: Path) -> None:
    modules = find_modules([])
    assert set(TESTS) <= set(modules)
    assert {"domain.naming", "operations.create", "aws.consumer"} <= set(modules)
    for path in {*OTHER_TESTS, *(path for paths in TESTS.values() for path in paths)}:
        assert (root / path).exists(), path


def test_modules_are_chosen_by_patterns() -> None:
    assert find_modules(["domain.naming", "aws.*"]) == ["domain.naming", "aws.consumer"]
    assert find_modules(["absent"]) == []
