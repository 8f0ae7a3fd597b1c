"""The project's own files: a README that is read to its end, links that lead somewhere, decisions, one version."""

import re
from itertools import chain
from pathlib import Path

import pytest

from gaussdb_backup import __version__

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DOCUMENTS = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")))
SECTIONS = ["Context", "Decision", "Alternatives refused", "Consequences"]
SOURCES = (
    "*.yaml",
    "functions/**/*.py",
    "layers/gaussdb_backup/**/*.py",
    "local/**/*.py",
    "tools/*.py",
    "tests/**/*.py",
)
CITATION = re.compile(r"docs/reference/(\w+\.md)`?,(?:\s|#)+\"([^\"]+)\"")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def without_code_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def words_of(text: str) -> list[str]:
    """The words of a document: code blocks, code in tables, and addresses of links are not read as text."""
    lines = LINK.sub(lambda link: link[0].split("](")[0], without_code_blocks(text)).splitlines()
    prose = [re.sub(r"`[^`]*`", "", line) if line.startswith("|") else line for line in lines]
    return [word for line in prose for word in line.split() if re.search(r"\w", word)]


def broken_links(document: Path, text: str) -> list[str]:
    targets = [target for target in LINK.findall(without_code_blocks(text)) if not re.match(r"[a-z]+:|#", target)]
    return [target for target in targets if not (document.parent / target.split("#")[0]).exists()]


def citations_of(text: str) -> list[tuple[str, str]]:
    """(page, heading) of each citation of a reference page, also where a line ends within it."""
    return [(page, re.sub(r"[\s#]+", " ", heading)) for page, heading in CITATION.findall(text)]


def headings_of(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", without_code_blocks(page.read_text()), re.MULTILINE) if page.exists() else []


def announced_version(changelog: str) -> str | None:
    """The version that is coming, or else that of the newest release."""
    found = re.search(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$|^The coming version is (\d+\.\d+\.\d+)\b",
        changelog,
        re.MULTILINE,
    )
    return found and (found[1] or found[2])


def test_the_readme_has_600_to_800_words() -> None:
    assert 600 <= len(words_of((ROOT / "README.md").read_text())) <= 800


def test_words_are_counted_without_code_blocks_addresses_and_the_code_of_tables() -> None:
    text = "One [two](docs/x.md) `three` - four.\n```sh\nnot this\n```\n| `nor this` | five |\n"
    assert words_of(text) == ["One", "[two", "`three`", "four.", "five"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_relative_link_leads_to_a_file(document: Path) -> None:
    assert broken_links(document, document.read_text()) == []


def test_a_link_to_a_file_that_does_not_exist_is_found() -> None:
    text = "[a](docs/none.md#part) [b](README.md) [c](https://example.com/none.md)\n```\n[d](none)\n```\n"
    assert broken_links(ROOT / "README.md", text) == ["docs/none.md#part"]


def test_each_heading_of_a_reference_page_that_is_cited_exists() -> None:
    files = [*DOCUMENTS, *(path for pattern in SOURCES for path in ROOT.glob(pattern) if path != Path(__file__))]
    cited = {(page, heading, name_of(path)) for path in files for page, heading in citations_of(path.read_text())}
    assert cited
    headings = {page: headings_of(ROOT / "docs" / "reference" / page) for page, _, _ in cited}
    assert sorted(citation for citation in cited if citation[1] not in headings[citation[0]]) == []


def test_a_citation_is_found_in_prose_and_over_the_end_of_a_comments_line() -> None:
    text = '(`docs/reference/plan.md`, "Dry run") # docs/reference/gaussdb_api.md,\n    # "Times and\n    # paging"'
    assert citations_of(text) == [("plan.md", "Dry run"), ("gaussdb_api.md", "Times and paging")]


@pytest.mark.parametrize("record", DECISIONS, ids=name_of)
def test_each_decision_has_its_number_date_status_and_sections(record: Path) -> None:
    text = record.read_text()
    number = int(record.name.split("-")[0])
    assert re.match(rf"# {number}\. \w", text)
    assert re.search(r"^Date: \d{4}-\d{2}-\d{2}$", text, re.MULTILINE)
    assert re.search(r"^Status: (accepted|superseded by decision \d+)$", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("record", DECISIONS, ids=name_of)
def test_each_section_of_a_decision_has_text_and_the_alternatives_have_reasons(record: Path) -> None:
    parts = re.split(r"^## (.+)$", record.read_text(), flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    assert [title for title, text in sections.items() if not text.strip()] == []
    assert re.search(r"^- \*\*[^*]+\.\*\* \S", sections["Alternatives refused"], re.MULTILINE)


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(record.name[:4]) for record in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_changelog_announces_the_version_of_the_code() -> None:
    assert announced_version((ROOT / "CHANGELOG.md").read_text()) == __version__


@pytest.mark.parametrize(
    ("changelog", "version"),
    [
        ("## [Unreleased]\n\nThe coming version is 0.2.0.\n\n## [0.1.0] - 2026-12-01\n", "0.2.0"),
        ("## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n", "0.1.0"),
        ("## [Unreleased]\n", None),
    ],
    ids=["a version is coming", "just released", "none yet"],
)
def test_the_version_of_a_changelog_is_the_coming_one_or_the_newest(changelog: str, version: str | None) -> None:
    assert announced_version(changelog) == version


def test_the_changelog_has_the_headings_of_keep_a_changelog() -> None:
    headings = re.findall(r"^##+ (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    allowed = r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}|Added|Changed|Deprecated|Removed|Fixed|Security"
    assert [heading for heading in headings if not re.fullmatch(allowed, heading)] == []


def test_the_license_is_the_whole_text_of_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text) > 11_000
