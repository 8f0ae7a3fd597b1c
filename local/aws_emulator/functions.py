"""Functions run in this process as Lambda would run them."""

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import IO, Any
from uuid import uuid4

from local.isolation import isolated

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Context:
    """What Lambda passes to a function besides the event. `milliseconds_left` never become less."""

    function_name: str = "gaussdb-backup-local"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:gaussdb-backup-local"
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    milliseconds_left: int = 180_000

    def get_remaining_time_in_millis(self) -> int:
        """Return after how long Lambda ends the function."""
        return self.milliseconds_left


class LocalFunction:
    """One function with its environment; what it prints goes to `output`, not to the terminal.

    For one thread: while it runs, the process has the function's environment.
    """

    def __init__(self, folder: str, environment: dict[str, str], output: IO[str]) -> None:
        """`folder` is a folder below `functions/`."""
        self._environment = environment
        self._output = output
        with self._as_lambda():
            self._app = load_app(folder)

    def __call__(self, event: object) -> Any:  # noqa: ANN401 - JSON
        """Invoke it: event and response are JSON. Raises what the handler raises."""
        with self._as_lambda():
            return json.loads(json.dumps(self._app.handler(json.loads(json.dumps(event)), Context())))

    def close(self) -> None:
        """Close the connections it keeps open between invocations."""
        with self._as_lambda():
            self._app.dependencies().api_clients.close()

    @contextmanager
    def _as_lambda(self) -> Iterator[None]:
        with isolated(self._environment), redirect_stdout(self._output):
            yield


def load_app(folder: str) -> ModuleType:
    """Load a function's app.py under a name of its own: all of them are called app."""
    path = ROOT / "functions" / folder / "app.py"
    spec = importlib.util.spec_from_file_location(f"functions_{folder}_app", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no function in {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
