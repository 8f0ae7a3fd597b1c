"""While the demo runs, a terminal has one line that changes, and a file a line for each part."""

import io
import time

import pytest

from local.demo.progress import CLEAR, Progress


def run(*, is_live: bool, width: int = 80) -> str:
    """What is written by a run of two parts that takes 3 s."""
    stream, seconds = io.StringIO(), iter([0.0, *[3.0] * 1000])
    with Progress(stream, is_live=is_live, width=width, clock=lambda: next(seconds)) as progress:
        progress.begin("starting")
        progress.begin("running the plan")
        progress.detail("2 of 3 requests have ended")
    return stream.getvalue()


def test_elsewhere_each_part_has_a_line_and_nothing_moves() -> None:
    assert run(is_live=False) == "  starting\n  running the plan\n"


def test_a_terminal_has_one_line_with_seconds_and_details_that_is_cleared_at_the_end() -> None:
    written = run(is_live=True)
    assert "\n" not in written
    shown = written.split(CLEAR)
    assert shown[1:3] == ["   3 s  starting", "   3 s  running the plan"]
    assert "   3 s  running the plan, 2 of 3 requests have ended" in shown
    assert shown[-1] == ""


@pytest.mark.parametrize("width", [40, 60])
def test_no_line_is_as_wide_as_the_terminal(width: int) -> None:
    assert max(len(line) for line in run(is_live=True, width=width).split(CLEAR)) < width


def test_the_seconds_go_on_while_a_part_shows_nothing() -> None:
    stream = io.StringIO()
    with Progress(stream, is_live=True, width=80) as progress:
        progress.begin("starting")
        end = time.monotonic() + 10
        while "   1 s  starting" not in stream.getvalue() and time.monotonic() < end:
            time.sleep(0.05)
    assert "   1 s  starting" in stream.getvalue()


def test_the_line_is_cleared_when_the_run_is_interrupted() -> None:
    stream = io.StringIO()

    def interrupt() -> None:
        with Progress(stream, is_live=True, width=80) as progress:
            progress.begin("starting")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert stream.getvalue().endswith(CLEAR)
