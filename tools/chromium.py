"""Drive headless Chromium by its own protocol over a pair of pipes: no driver, no port, no library.

The protocol is that of Chromium's developer tools. Each message is one JSON object that ends with a zero byte; the
browser reads them from its file descriptor 3 and writes them to 4 (`--remote-debugging-pipe`).
"""

import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # root in a container has no other choice; only pages of our own are opened
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--remote-debugging-pipe",
)
TIMEOUT_SECONDS = 60.0
NO_FEATURES: Mapping[str, str] = MappingProxyType({})


class BrowserError(Exception):
    """The browser could not be started, or did not do what was requested."""


def find_chromium() -> str | None:
    """Return the path of Chromium, `None` where there is none."""
    return next((path for program in PROGRAMS if (path := shutil.which(program))), None)


class Chromium:
    """One browser with an empty profile, to be used as a context manager. Raises `BrowserError`."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        self._received = b""
        self._last_id = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        """Start the browser; it has a second and a half for that on a small machine."""
        browser_reads, self._output = _make_pipe()
        self._input, browser_writes = _make_pipe()
        nothing = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, nothing, number) for number in (0, 1, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, browser_reads, 3), (os.POSIX_SPAWN_DUP2, browser_writes, 4)]
        arguments = [self._program, *ARGUMENTS, f"--user-data-dir={self._profile}", "about:blank"]
        environment = {**os.environ, "HOME": self._profile}
        self._process = os.posix_spawn(self._program, arguments, environment, file_actions=actions, setpgroup=0)
        for descriptor in (browser_reads, browser_writes, nothing):
            os.close(descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the browser and all its processes."""
        with suppress(BrowserError, OSError):
            self.call("Browser.close")
        with suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._input)
        os.close(self._output)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(
        self,
        page: Path,
        *,
        width: int = 1200,
        height: int = 900,
        media: str = "",
        features: Mapping[str, str] = NO_FEATURES,
    ) -> "Tab":
        """Open a file in a tab of its own and wait until it is loaded.

        `features` are those of CSS media queries, such as `{"prefers-color-scheme": "dark"}`.
        """
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        tab = Tab(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.call(f"{domain}.enable")
        tab.call("Performance.enable", timeDomain="threadTicks")
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        named = [{"name": name, "value": value} for name, value in features.items()]
        tab.call("Emulation.setEmulatedMedia", media=media, features=named)
        tab.call("Page.navigate", url=page.resolve().as_uri())
        self.wait_for("Page.loadEventFired", tab.session)
        return tab

    def call(self, method: str, *, session: str = "", **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._output, data) :]
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while (response := self._receive(deadline)).get("id") != self._last_id:
            self.events.append(response)
        if "error" in response:
            raise BrowserError(f"{method}: {response['error']['message']}")
        result: dict[str, Any] = response["result"]
        return result

    def wait_for(self, event: str, session: str) -> None:
        """Wait until an event was received in a session."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not any(one.get("method") == event and one.get("sessionId") == session for one in self.events):
            self.events.append(self._receive(deadline))

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._input], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._input, 1 << 20) if ready else b""
            if not data:
                raise BrowserError("the browser ended" if ready else f"no response within {TIMEOUT_SECONDS:.0f} s")
            self._received += data
        message, self._received = self._received.split(b"\0", 1)
        received: dict[str, Any] = json.loads(message)
        return received


class Tab:
    """One page that is open."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self.session = session

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol for this page."""
        return self._browser.call(method, session=self.session, **parameters)

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever the expression is
        """Return the value of a JavaScript expression, of its promise once that is fulfilled."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise BrowserError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def metrics(self) -> dict[str, float]:
        """Return Chromium's metrics of this page by their names; durations are processor time, in seconds."""
        return {one["name"]: one["value"] for one in self.call("Performance.getMetrics")["metrics"]}

    def events(self, method: str) -> Sequence[dict[str, Any]]:
        """Return the parameters of the events of one kind that this page sent."""
        events = [one for one in self._browser.events if one.get("sessionId") == self.session]
        return [one["params"] for one in events if one.get("method") == method]


def _make_pipe() -> tuple[int, int]:
    """Return the ends of a pipe, with numbers that are not those which the browser has."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
