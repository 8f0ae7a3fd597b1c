"""The walk of one queue message, from the handler to the call that creates a backup, enters each file once."""

import json
import re
import traceback
from itertools import groupby
from pathlib import Path

import httpx

from tests.helpers.clock import RUN
from tests.helpers.gaussdb import ORDERS
from tests.helpers.scenario import start_scenario

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "gaussdb_backup" / "gaussdb_backup"


class RecordingTransport(httpx.BaseTransport):
    """Records the files on the call stack when a backup is created."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.files: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.files = [frame.filename for frame in traceback.extract_stack()]
        return self._inner.handle_request(request)


def project_files(files: list[str]) -> list[str]:
    """The project's own files, each run of calls within one file counted once."""
    ours = [Path(name) for name in files if name.startswith((str(LAYER), str(ROOT / "functions")))]
    names = [str(path.relative_to(LAYER if path.is_relative_to(LAYER) else ROOT)) for path in ours]
    return [name for name, _ in groupby(names)]


def test_a_message_passes_the_files_in_the_order_that_the_architecture_names() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.partition("## The walk of one queue message")[2].partition("\n## ")[0]
    documented = re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)
    with start_scenario() as scenario:
        transport = RecordingTransport(scenario.transport)
        request = {"instance_id": ORDERS, "name_template": "nightly", "scheduled_time": RUN.isoformat()}
        scenario.requests.send(json.dumps(request))
        scenario.deliver_requests(scenario.function("create_backup", transport=transport))
    assert project_files(transport.files) == documented
    assert len(set(documented)) == len(documented)
