"""The rules keep what restic itself kept, for the same reasons: cases that restic 0.18.0 made.

Left out are rules over tags, which backups have not, and two groups in which restic is no model: `future`, whose
snapshots of 2030 use up its counts, and `mixedtz`, where each has a zone of its own (backups have the policy's).
"""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gaussdb_backup.domain.keep_rules import apply_rules
from tests.helpers.retention import from_restic

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "retention_cases.json").read_text())
CASES = [
    case for case in RECORDED["cases"] if case["host"] not in ("future", "mixedtz") and "keep-tag" not in case["policy"]
]


def describe(case: dict[str, Any]) -> str:
    return " ".join([case["host"], *(f"{option} {value}" for option, value in case["policy"].items())])


def test_all_cases_with_rules_that_backups_have_are_compared() -> None:
    assert len(CASES) == 400
    assert sum(len(case["keep"]) for case in CASES) > 2000


@pytest.mark.parametrize("case", CASES, ids=describe)
def test_the_rules_keep_what_restic_kept_and_for_its_reasons(case: dict[str, Any]) -> None:
    times = [datetime.fromisoformat(time) for time, _tags in RECORDED["snapshots"][case["host"]]]
    expected = [[word.removesuffix(" snapshot") for word in case["keep"].get(str(i), ())] for i in range(len(times))]
    kept = apply_rules(times, from_restic(case["policy"]))
    differing = [
        f"index {index} ({time}): {list(ours)}, restic {theirs}"
        for index, (time, ours, theirs) in enumerate(zip(times, kept, expected, strict=True))
        if list(ours) != theirs
    ]
    # Of several in one second restic takes any first.
    as_restic = Counter((time, tuple(reasons)) for time, reasons in zip(times, expected, strict=True))
    assert Counter(zip(times, kept, strict=True)) == as_restic, f"{describe(case)}: {differing}"
