"""Functions run in this process as Lambda would run them."""

import importlib.util
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import IO, Any
from uuid import uuid4

from local.isolation import isolated

from .stack import Stack

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


class LocalFunctions:
    """The functions of a stack, each loaded when it is first invoked, and run one at a time."""

    def __init__(self, stack: Stack, environment: Mapping[str, str], output: IO[str]) -> None:
        """`environment` is added to the one that the template gives each function."""
        self._stack = stack
        self._environment = environment
        self._output = output
        self._loaded: dict[str, LocalFunction] = {}
        self._lock = Lock()

    def invoke(self, logical_id: str, event: object) -> Any:  # noqa: ANN401 - JSON
        """Invoke a function, given by its logical id; wait while another one runs. Raises what the handler raises."""
        with self._lock:
            if logical_id not in self._loaded:
                self._loaded[logical_id] = self._load(logical_id)
            return self._loaded[logical_id](event)

    def close(self) -> None:
        """Close what the functions keep open, once none runs any more."""
        with self._lock:
            for function in self._loaded.values():
                function.close()
            self._loaded.clear()

    def _load(self, logical_id: str) -> LocalFunction:
        folder = Path(self._stack.template["Resources"][logical_id]["Properties"]["CodeUri"]).name
        return LocalFunction(folder, self._stack.environment(logical_id) | dict(self._environment), self._output)


def load_app(folder: str) -> ModuleType:
    """Load a function's app.py under a name of its own: all of them are called app."""
    path = ROOT / "functions" / folder / "app.py"
    spec = importlib.util.spec_from_file_location(f"functions_{folder}_app", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no function in {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
