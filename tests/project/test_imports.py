"""A function imports what it needs and nothing of another function's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "gaussdb_backup"

OF_EVERY_FUNCTION = {
    *(
        "aws.batching",
        "aws.circuit_breaker",
        "aws.error_code",
        "aws.invocation",
        "aws.messages",
        "aws.queues",
        "aws.secrets",
    ),
    "bootstrap.common",
    *("domain.backup_request", "domain.circuit_breaker", "domain.connection", "domain.deadline", "domain.models"),
    *("domain.naming", "domain.validation"),
    "errors",
    *("huawei.api", "huawei.auth", "huawei.calls", "huawei.error_body", "huawei.error_table", "huawei.http"),
    *("huawei.network", "huawei.paging", "huawei.redaction", "huawei.session", "huawei.signing", "huawei.transport"),
    "settings",
    *("telemetry.log_fields", "telemetry.logger", "telemetry.metrics", "telemetry.reporter"),
}
OF_ONE_FUNCTION = {
    "create_backup": {
        *("aws.consumer", "aws.first_seen", "aws.idempotency", "aws.tracker", "bootstrap.create"),
        *("domain.adoption", "domain.daily_limit", "domain.retry_policy", "domain.tracking"),
        *("operations.create", "telemetry.create"),
    },
    "dispatch_backups": {
        *("aws.consumer", "bootstrap.dispatch", "domain.plan", "domain.retry_policy"),
        *("operations.dispatch", "telemetry.dispatch"),
    },
    "track_backups": {
        *("aws.event_bus", "bootstrap.track", "domain.retry_policy", "domain.tracking"),
        *("operations.recent_backups", "operations.track", "telemetry.track"),
    },
}
OF_NO_FUNCTION_YET = {"domain.durations", "domain.keep_rules", "domain.retention", "reports.table"}
PROGRAM = """
import json, sys
import app
names = [name.removeprefix("gaussdb_backup.") for name in sys.modules if name.startswith("gaussdb_backup.")]
print(json.dumps([name for name in names if not hasattr(sys.modules["gaussdb_backup." + name], "__path__")]))
"""


def imported_by(function: str) -> set[str]:
    """The modules of the layer that are loaded when Lambda imports a function's app.py."""
    path = f"{ROOT / 'functions' / function}:{LAYER}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("function", OF_ONE_FUNCTION)
def test_a_function_imports_exactly_these_modules(function: str) -> None:
    assert imported_by(function) == OF_EVERY_FUNCTION | OF_ONE_FUNCTION[function]


def test_no_function_has_the_operation_the_reporter_or_the_dependencies_of_another() -> None:
    own = [
        {name for name in modules if name.startswith(("operations.", "telemetry.", "bootstrap."))}
        for modules in OF_ONE_FUNCTION.values()
    ]
    assert all(own)
    assert len(set().union(*own)) == sum(len(names) for names in own)


@pytest.mark.parametrize("function", sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))
def test_only_the_audit_pays_for_the_import_of_jinja(function: str) -> None:
    program = "import sys, app; print('jinja2' in sys.modules)"
    path = f"{ROOT / 'functions' / function}:{LAYER}"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(function == "audit_backups")


def test_every_function_is_listed() -> None:
    assert {path.parent.name for path in (ROOT / "functions").glob("*/app.py")} == set(OF_ONE_FUNCTION)


def test_every_module_of_the_layer_is_imported_by_some_function() -> None:
    package = LAYER / "gaussdb_backup"
    modules = {
        ".".join(path.relative_to(package).with_suffix("").parts)
        for path in package.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert modules - OF_NO_FUNCTION_YET == OF_EVERY_FUNCTION.union(*OF_ONE_FUNCTION.values())
