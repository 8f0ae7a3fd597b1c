"""The README has an extract of what the demo prints, between two markers."""

from pathlib import Path

import pytest

from local.demo.layout import Layout
from local.demo.report import write_report
from tests.helpers.demo_outcome import OUTCOME
from tools.demo_extract import BEGIN, END, choose_extract, main, read_extract, replace_extract

DOCUMENT = f"Before\n\n{BEGIN}\n```\nold\n```\n{END}\n\nAfter\n"


def test_only_what_is_between_the_markers_is_replaced() -> None:
    changed = replace_extract(DOCUMENT, ["new \\1", "lines"])
    assert changed == f"Before\n\n{BEGIN}\n```\nnew \\1\nlines\n```\n{END}\n\nAfter\n"
    assert read_extract(changed) == ["new \\1", "lines"]


@pytest.mark.parametrize("document", ["", f"{BEGIN}\n```\n```\n", f"```\n```\n{END}"])
def test_a_document_without_both_markers_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="no block of code between"):
        replace_extract(document, ["new"])


def test_the_extract_begins_with_what_held_and_has_the_run_and_a_notification(tmp_path: Path) -> None:
    report, readme = tmp_path / "report.txt", tmp_path / "README.md"
    files = {"page": "page.html", "log": "functions.log", "report": "report.txt"}
    report.write_text("\n".join(write_report(OUTCOME, Layout(80), files)))
    readme.write_text(DOCUMENT)
    assert main([str(report), str(readme)]) == 0
    extract = read_extract(readme.read_text())
    assert extract == choose_extract(report.read_text().splitlines())
    assert extract[0].startswith("Held: ")
    assert "orders     COMPLETED  nightly: created" in extract
    assert '  | "A GaussDB backup FAILED."' in extract
    assert extract.count("...") == 3
