"""The demo's report begins with whether everything held, and is legible at any width and without colours."""

import re
from dataclasses import replace

import pytest

from local.demo.layout import Layout
from local.demo.report import write_report
from tests.helpers.demo_outcome import COUNTS, OUTCOME, PRUNE, REQUESTS, make_request

FILES = {"page": ".cache/demo/coverage.html", "log": ".cache/demo/functions.log", "report": ".cache/demo/report.txt"}
ESCAPE = re.compile(r"\x1b\[[\d;]*m")
WIDTHS = pytest.mark.parametrize("width", [60, 80, 120])
BROKEN = replace(OUTCOME, differences=["the cloud has 'x', which was not reported", "nightly: expected 'created'"])


def report(width: int = 80, **fields: object) -> list[str]:
    return write_report(replace(OUTCOME, **fields), Layout(width), FILES)  # type: ignore[arg-type]  # fields of it


def section(lines: list[str], number: int) -> list[str]:
    """The lines below a title, up to an empty line."""
    begin = next(index for index, line in enumerate(lines) if line.startswith(f"{number}. "))
    return lines[begin + 1 : lines.index("", begin)]


def run_lines(width: int = 80, **fields: object) -> list[str]:
    lines = section(report(width, **fields), 2)
    return lines[next(index for index, line in enumerate(lines) if re.search("FAILED|rejected|COMPLETED", line)) :]


@WIDTHS
def test_the_report_begins_with_what_held_and_ends_with_it(width: int) -> None:
    lines = report(width)
    assert lines[0].startswith("Held: 8 requests made 5 backups, none twice")
    assert lines[-1] == "Held."


@WIDTHS
def test_a_broken_guarantee_is_in_the_first_lines_and_at_the_end(width: int) -> None:
    lines = write_report(BROKEN, Layout(width), FILES)
    text = " ".join(" ".join(lines[: lines.index("")]).split())
    assert text.startswith("BROKEN: 2 differences between what was reported and the cloud's own list.")
    assert text.endswith("- the cloud has 'x', which was not reported - nightly: expected 'created'")
    assert lines[-1] == "BROKEN: see the beginning of this report."
    assert not any("Held" in line for line in lines)


@WIDTHS
def test_no_name_of_an_instance_is_in_more_than_one_line_of_the_run(width: int) -> None:
    lines = run_lines(width)
    names = {"customers", "stock-01", "orders", "payments", "reports", "legacy"}
    found = [word for line in lines for word in line.split() if word in names]
    assert sorted(found) == sorted(names)


def test_what_failed_is_first_in_the_run_and_each_request_has_one_line_with_its_end() -> None:
    assert run_lines(120) == [
        "reports    FAILED     nightly, the backup fails: created",
        "stock-01   rejected   message with an invalid id: in the dead-letter queue with its reason",
        "legacy     skipped    nightly: it is frozen (status FROZEN)",
        "customers  COMPLETED  direct request before an upgrade: created",
        "           COMPLETED  requested again: the same backup",
        "           COMPLETED  nightly, busy: deferred, then created",
        "orders     COMPLETED  nightly: created",
        "payments   COMPLETED  nightly, the response is lost: its backup was found, no second one made",
    ]


def test_a_repetition_that_made_another_backup_is_not_shown_as_the_same() -> None:
    again = make_request("customers", "requested again", "created", "COMPLETED", backup_id="b-second")
    lines = run_lines(requests=[REQUESTS[0], again])
    assert lines[1] == "           COMPLETED  requested again: created"


def test_an_outcome_that_was_not_expected_is_shown_as_it_was_reported() -> None:
    odd = make_request("orders", "nightly", "failed", reason="no such instance")
    assert run_lines(requests=[*REQUESTS[:1], odd])[-1] == "orders     failed     nightly: failed no such instance"


def test_a_request_that_is_deferred_at_the_end_is_shown_so() -> None:
    odd = make_request("orders", "nightly", "deferred")
    assert run_lines(requests=[*REQUESTS[:1], odd])[-1] == "orders     deferred   nightly: still deferred"


@WIDTHS
def test_no_line_is_wider_than_the_terminal_but_those_of_files_and_commands(width: int) -> None:
    others = {line for part in (1, 6) for line in section(report(width), part)}
    assert [line for line in report(width) if len(line) > width and line not in others] == []


def test_the_plan_file_is_shown_as_it_is_and_applied() -> None:
    lines = section(report(60), 1)
    assert [line.removeprefix("  | ") for line in lines[:3]] == OUTCOME.plan_file.splitlines()
    assert lines[3:] == ["$ gaussdb-backup --local plans apply plans.yaml", "created  nightly.backup"]


def test_the_audit_shows_what_is_not_well_and_then_only_what_changed() -> None:
    assert section(report(), 3) == [
        "stock      Never     it has no good backup; a backup is requested",
        "orders     Late      its last good backup is 30 h old, of at most 26 h",
        "The other 0 are OK. Once the requested backup was there:",
        "stock      OK        before: Never",
        "The page of this audit, with every instance and its last thirty days:",
        ".cache/demo/coverage.html",
    ]


def test_a_long_dry_run_is_shown_by_both_its_ends_with_reasons_and_counts() -> None:
    kept = "keep      nightly-orders-20261123-0130 last, daily"
    gone = "would go  nightly-orders-20261001-0130 no rule keeps it"
    assert section(report(), 4) == [
        *(kept, kept, "keep      5 others", kept, kept),
        *(gone, gone, "would go  5 others", gone, gone),
        "Of all instances: deleted 9 (18 GB), kept 9, failed 0.",
    ]


def test_a_short_dry_run_is_shown_whole_and_without_other_instances() -> None:
    other = {"instance_id": "another", "backup_name": "x", "reasons": ["last"]}
    few = {**PRUNE, "kept": [*PRUNE["kept"][:5], other], "deleted": [], "counts": COUNTS}
    lines = section(report(morning=replace(OUTCOME.morning, dry_run=few)), 4)
    assert lines[:-1] == ["keep      nightly-orders-20261123-0130 last, daily"] * 5


def test_the_text_that_is_mailed_is_framed_and_whole() -> None:
    lines = report(60)
    begin = lines.index("5. What is mailed to operators@example.com")
    framed = lines[begin + 1 : lines.index("", begin)]
    assert all(line.startswith("  | ") for line in framed)
    assert " ".join(" ".join(line.removeprefix("  | ") for line in framed).split()) == " ".join(
        OUTCOME.notification.split()
    )


def test_a_command_is_shown_after_a_prompt_with_what_it_printed() -> None:
    lines = report()
    begin = lines.index("$ gaussdb-backup --local status")
    assert lines[begin + 1] == "ok  8 backups ■"


def test_without_colours_there_are_no_escape_codes_and_with_them_the_same_words() -> None:
    plain, coloured = (write_report(OUTCOME, Layout(80, has_colours=each), FILES) for each in (False, True))
    assert not any("\x1b" in line for line in plain)
    assert coloured[0].startswith("\x1b[1;32mHeld: ")
    assert [ESCAPE.sub("", line) for line in coloured] == plain


def test_a_report_that_is_stored_has_no_colours() -> None:
    assert write_report(OUTCOME, Layout(80, has_colours=True).plain(), FILES) == report(80)
