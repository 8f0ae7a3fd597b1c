"""The page in a real browser: headless Chromium, driven over pipes."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gaussdb_backup.domain.coverage import Coverage
from gaussdb_backup.reports.page import render_page
from tools.chromium import NO_FEATURES, Chromium, Tab, find_chromium

ROOT = Path(__file__).parents[2]
Open = Callable[..., Tab]


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    program = find_chromium()
    assert program, "there is no Chromium: `make test-browser` installs it"
    with Chromium(program) as chromium:
        yield chromium


@pytest.fixture
def open_page(browser: Chromium, tmp_path: Path) -> Iterator[Open]:
    """Open the page of a coverage in a tab, which is closed after the test."""
    tabs = []

    def open_tab(
        coverage: Coverage, *, width: int = 1200, media: str = "", features: Mapping[str, str] = NO_FEATURES
    ) -> Tab:
        path = tmp_path / "page.html"
        path.write_text(render_page(coverage))
        tabs.append(browser.open(path, width=width, media=media, features=features))
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.call("Page.close")
    browser.events.clear()


@pytest.fixture(scope="session")
def axe() -> str:
    path = ROOT / ".tools" / "axe" / "axe.min.js"
    assert path.is_file(), "axe-core is not there: `make test-browser` gets it"
    return path.read_text()


@pytest.fixture(scope="session")
def pdf_reader() -> Path:
    """The Python that has pypdf."""
    path = ROOT / ".tools" / "browser" / "bin" / "python"
    assert path.is_file(), "there is no environment for it: `make test-browser` makes it"
    return path
