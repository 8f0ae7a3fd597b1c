"""The page about the GaussDB API lists the errors as the code classes them, and has every heading that is cited."""

import re

from gaussdb_backup.huawei.error_table import TABLE, find_rule
from tests.helpers.markdown import REFERENCE, ROOT, code_words, headings, reference_page, section, table


def test_the_service_errors_are_classed_as_listed() -> None:
    rows = table(section(reference_page("gaussdb_api"), "Error codes of the service"), "HTTP")
    listed = {
        (int(row[0]), f"DBS.{number}"): row[3].partition(",")[0]
        for row in rows
        for number in re.findall(r"\b\d{6,8}\b", row[1])
    }
    assert listed == {key: find_rule(*key).error.__name__ for key in listed}
    assert {key for key in listed if key[0] < 500} == {key for key in TABLE if key[1].startswith("DBS.")}


def test_the_gateway_errors_are_classed_as_listed() -> None:
    rows = table(section(reference_page("gaussdb_api"), "Error codes of the gateway"), "code")
    listed = {
        (int(status), code): re.split(r"[, ]", row[3])[0]
        for row in rows
        for code in code_words(row[0])
        for status in row[1].split(", ")
    }
    assert listed == {key: find_rule(*key).error.__name__ for key in listed}
    assert {key for key in listed if key[0] < 500} == {key for key in TABLE if key[1].startswith("APIGW.")}


def test_unlisted_errors_are_classed_as_listed_by_status() -> None:
    rows = table(section(reference_page("gaussdb_api"), "Error codes of the service"), "status")
    listed = {word: row[1].partition(":")[0] for row in rows for word in row[0].split(", ")}
    examples = {"3xx": 302, "other 4xx": 418, "5xx": 599}
    assert listed == {word: find_rule(examples.get(word) or int(word), "").error.__name__ for word in listed}


CITING = [
    path
    for pattern in ("*.md", "template.yaml", "Makefile", "pyproject.toml", "docs/**/*.md")
    for path in sorted(ROOT.glob(pattern))
] + sorted(
    path for folder in ("functions", "layers", "local", "tests", "tools") for path in (ROOT / folder).rglob("*.py")
)


def cited_headings(text: str) -> list[str]:
    """The headings of the API's page that a file cites, each in quotes behind the name of the page."""
    one_line = re.sub(r"\s*\n[\s#]*", " ", text)
    groups = re.findall(r'docs/reference/gaussdb_api\.md, ("[\w ]+"(?:(?:, | and |, and )"[\w ]+")*)', one_line)
    return [heading for group in groups for heading in re.findall(r'"([^"]+)"', group)]


def test_every_cited_heading_of_the_api_exists() -> None:
    known = headings(reference_page("gaussdb_api"))
    cited = {path: cited_headings(path.read_text()) for path in CITING}
    assert sum(map(len, cited.values())) > 20
    wrong = {str(path): heading for path, found in cited.items() for heading in found if heading not in known}
    assert wrong == {}


def test_a_citation_is_found_across_lines() -> None:
    page = "docs/reference/gaussdb_api" + ".md"
    text = f'# ({page}, "Times and\n    # paging") and {page},\n    "Signing" and "Tokens".'
    assert cited_headings(text) == ["Times and paging", "Signing", "Tokens"]


def test_every_cited_reference_page_exists() -> None:
    cited = {(path, name) for path in CITING for name in re.findall(r"docs/reference/(\w+\.md)", path.read_text())}
    assert len(cited) > 20
    assert [f"{path}: {name}" for path, name in cited if not (REFERENCE / name).is_file()] == []
