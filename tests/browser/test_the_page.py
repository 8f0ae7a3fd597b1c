"""What a person sees of the page, hears of it and prints."""

import base64
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gaussdb_backup.domain.coverage import State
from gaussdb_backup.reports.page import render_page
from local.sample_coverage import make_sample_coverage
from tests.browser.conftest import Open
from tests.helpers.coverage import make_coverage, make_instance, make_large_coverage
from tools.chromium import Tab

pytestmark = pytest.mark.browser

SAMPLE = make_sample_coverage()
LIGHT, DARK = {"prefers-color-scheme": "light"}, {"prefers-color-scheme": "dark"}
SECONDS = 4.0
"""Of processor time, for a thousand instances: 0.3 to 0.5 for the text, 1.3 to 2.3 to draw it on two shared cores."""
NAMES = "[...document.querySelectorAll('.coverage tbody th bdi')].map(name => name.innerText)"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
READ_PDF = """
import json, sys
from pypdf import PdfReader
print(json.dumps([page.extract_text() for page in PdfReader(sys.argv[1]).pages]))
"""


def marks_of(tab: Tab) -> list[str]:
    """How each kind of day is drawn: a character or a background."""
    drawn: list[str] = tab.evaluate(
        "['g', 'b', 'f', 'n'].map(kind => document.querySelector(`.coverage td.${kind}`)).map(cell => {"
        "  const character = getComputedStyle(cell, '::before').content;"
        "  return character === 'none' ? getComputedStyle(cell).backgroundImage : character })"
    )
    return drawn


def test_it_shows_the_instances_worst_first(open_page: Open) -> None:
    assert open_page(SAMPLE).evaluate(NAMES) == [one.instance_name for one in SAMPLE.instances]


def test_all_columns_are_visible_without_scrolling_on_a_desktop(open_page: Open) -> None:
    tab = open_page(SAMPLE, width=1200)
    assert tab.evaluate("[...document.querySelectorAll('.scroll')].every(one => one.scrollWidth <= one.clientWidth)")


@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("features", [LIGHT, DARK], ids=["light", "dark"])
def test_it_breaks_no_rule_of_accessibility(open_page: Open, axe: str, features: dict[str, str], width: int) -> None:
    tab = open_page(SAMPLE, width=width, features=features)
    tab.evaluate(f"{axe};0")
    results = tab.evaluate(f"axe.run({{runOnly: {RULES}}})")
    broken = [(rule["id"], rule["nodes"][0]["failureSummary"]) for rule in results["violations"]]
    assert broken == []
    assert {"color-contrast", "td-headers-attr"} <= {one["id"] for one in results["passes"]}


def test_a_screen_reader_reads_the_days_as_words(open_page: Open) -> None:
    nodes = open_page(SAMPLE).call("Accessibility.getFullAXTree")["nodes"]
    cells = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "cell"]
    assert {"good", "running", "failed", "none", "did not exist"} <= set(cells)


@pytest.mark.parametrize(
    ("media", "features"),
    [
        pytest.param("screen", LIGHT, id="light"),
        pytest.param("screen", DARK, id="dark"),
        pytest.param("screen", {"forced-colors": "active"}, id="forced colours"),
        pytest.param("print", {}, id="print"),
    ],
)
def test_each_kind_of_day_is_drawn_differently(open_page: Open, media: str, features: dict[str, str]) -> None:
    marks = marks_of(open_page(SAMPLE, media=media, features=features))
    assert len(set(marks)) == 4
    assert "none" not in marks


def test_with_forced_colours_and_on_paper_every_mark_is_a_character(open_page: Open) -> None:
    expected = ['"■" / ""', '"▨" / ""', '"×" / ""', '"·" / ""']
    assert marks_of(open_page(SAMPLE, features={"forced-colors": "active"})) == expected
    assert marks_of(open_page(SAMPLE, media="print")) == expected


@pytest.mark.parametrize(("features", "is_dark"), [(LIGHT, False), (DARK, True)], ids=["light", "dark"])
def test_it_has_the_colours_that_the_person_prefers(open_page: Open, features: dict[str, str], is_dark: bool) -> None:
    colour = open_page(SAMPLE, features=features).evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    assert (brightness < 3 * 64) is is_dark


@pytest.mark.parametrize("name", ["orders-eu-1", "x" * 64, "a-" * 5000], ids=["ordinary", "long", "very long"])
def test_on_a_phone_only_the_tables_scroll(open_page: Open, name: str) -> None:
    instances = (make_instance(name, state=State.LATE, reason=name), *SAMPLE.instances)
    tab = open_page(SAMPLE.model_copy(update={"instances": instances, "remarks": (name,)}), width=360)
    assert tab.evaluate("document.documentElement.scrollWidth") == 360


def test_the_names_stay_where_they_are_while_the_days_scroll(open_page: Open) -> None:
    tab = open_page(SAMPLE, width=360)
    tab.evaluate("document.querySelector('.scroll').scrollLeft = 400")
    assert tab.evaluate("document.querySelector('.scroll').scrollLeft") == 400
    left = "Math.round(document.querySelector('.coverage tbody th').getBoundingClientRect().left)"
    assert 0 <= tab.evaluate(left) < 20


def test_printed_it_has_every_instance_and_the_head_on_each_page(
    open_page: Open, pdf_reader: Path, tmp_path: Path
) -> None:
    coverage = make_large_coverage(100)
    printed = open_page(coverage).call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"]
    path = tmp_path / "page.pdf"
    path.write_bytes(base64.b64decode(printed))
    done = subprocess.run([pdf_reader, "-c", READ_PDF, path], capture_output=True, text=True, check=True)
    pages = json.loads(done.stdout)
    words = set(" ".join(pages).split())
    assert [one.instance_name for one in coverage.instances if one.instance_name not in words] == []
    with_rows = [page for page in pages if "orders-eu-production" in page]
    assert len(with_rows) > 1
    assert all("Protection" in page and "November 2026" in page for page in with_rows)


@pytest.mark.parametrize(
    "name", ["<script>window.ran = 1</script>", '"><img src=x onerror="window.ran = 1">', "<svg onload=window.ran=1>"]
)
def test_a_name_that_is_markup_is_shown_and_runs_nothing(open_page: Open, name: str) -> None:
    tab = open_page(make_coverage(make_instance(name)))
    assert tab.evaluate(NAMES) == [name]
    assert tab.evaluate("typeof window.ran") == "undefined"


def test_the_policy_of_the_page_lets_no_script_run(open_page: Open) -> None:
    """Were a text ever not escaped, it would still run nothing."""
    tab = open_page(SAMPLE)
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x: onerror=\"window.ran = 1\">')")
    tab.evaluate("new Promise(done => setTimeout(done, 200))")
    assert tab.evaluate("typeof window.ran") == "undefined"
    assert any("Content Security Policy" in entry["entry"]["text"] for entry in tab.events("Log.entryAdded"))


def test_nothing_is_requested_but_the_page_itself(open_page: Open) -> None:
    tab = open_page(SAMPLE)
    requests = [event["request"]["url"] for event in tab.events("Network.requestWillBeSent")]
    assert len(requests) == 1
    assert requests[0].startswith("file:")
    assert tab.events("Log.entryAdded") == []


def test_a_thousand_instances_are_drawn_in_a_moment(open_page: Open, measurement: Callable[[str], None]) -> None:
    coverage = make_large_coverage(1000)
    begin = time.process_time()
    render_page(coverage)
    rendered = time.process_time() - begin
    drawn = []
    for _ in range(3):
        tab = open_page(coverage)
        assert tab.evaluate("document.body.offsetHeight") > 1000 * 40
        tab.call("Page.captureScreenshot")
        drawn.append(tab.metrics()["TaskDuration"])
    best = min(drawn)
    measurement(f"a page of 1,000 instances and 30 days: rendered in {rendered:.2f} s, drawn in {best:.2f} s")
    assert rendered < SECONDS
    assert best < SECONDS
