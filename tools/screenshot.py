"""Draw the page of a coverage in Chromium as a picture: `python -m tools.screenshot [COVERAGE.json] --output FILE`.

Without a file the coverage is that of the example. The file is one that an audit returned, such as the response of a
direct invoke.
"""

import argparse
import base64
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gaussdb_backup.domain.coverage import Coverage
from gaussdb_backup.reports.page import render_page
from local.sample_coverage import make_sample_coverage
from tools.chromium import BrowserError, Chromium, find_chromium
from tools.png import reduce_colours


def take_screenshot(coverage: Coverage, program: str, *, width: int, scheme: str, media: str, until: str) -> bytes:
    """Return the picture of the page as a PNG, from its top to the end of what the selector `until` finds."""
    with tempfile.TemporaryDirectory() as folder, Chromium(program) as browser:
        path = Path(folder) / "page.html"
        path.write_text(render_page(coverage))
        tab = browser.open(path, width=width, media=media, features={"prefers-color-scheme": scheme})
        height = tab.evaluate(f"Math.ceil(document.querySelector({until!r}).getBoundingClientRect().bottom) + 24")
        area = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = tab.call("Page.captureScreenshot", clip=area, captureBeyondViewport=True)
    return reduce_colours(base64.b64decode(shot["data"]))


def main(arguments: Sequence[str]) -> int:
    """Draw the picture; return 1 and print why where that is not possible."""
    parser = argparse.ArgumentParser(prog="screenshot", description=__doc__)
    parser.add_argument("coverage", nargs="?", type=Path, help="the JSON of a coverage; without it an example")
    parser.add_argument("--output", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--width", type=int, default=1200, help="of the picture, in pixels")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--media", choices=("screen", "print"), default="screen")
    parser.add_argument("--until", default="body", help="the CSS selector of what the picture ends with")
    given = parser.parse_args(arguments)
    program = find_chromium()
    if program is None:
        sys.stderr.write("screenshot: there is no Chromium: run tools/get-chromium\n")
        return 1
    coverage = Coverage.model_validate_json(given.coverage.read_text()) if given.coverage else make_sample_coverage()
    options = {"width": given.width, "scheme": given.scheme, "media": given.media, "until": given.until}
    try:
        picture = take_screenshot(coverage, program, **options)
    except BrowserError as error:
        sys.stderr.write(f"screenshot: {error}\n")
        return 1
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_bytes(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
