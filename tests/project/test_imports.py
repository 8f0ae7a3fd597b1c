"""A function imports what it needs and nothing of another function's."""

import json
import subprocess
import sys
from functools import cache
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
        "aws.secrets",
    ),
    "bootstrap.common",
    *("domain.backup_request", "domain.circuit_breaker", "domain.connection", "domain.deadline", "domain.models"),
    *("domain.naming", "domain.validation", "domain.vendor_values"),
    "errors",
    *("huawei.api", "huawei.auth", "huawei.calls", "huawei.deletion", "huawei.error_body", "huawei.error_table"),
    *("huawei.http", "huawei.network", "huawei.paging", "huawei.redaction", "huawei.session", "huawei.signing"),
    "huawei.transport",
    "settings",
    *("telemetry.log_fields", "telemetry.logger", "telemetry.metrics", "telemetry.reporter"),
}
QUEUES = {"aws.messages", "aws.queues"}
SENDING = {"domain.plan", "domain.selection", "operations.requests", "telemetry.requests"}
"""What a plan and an audit that catches up send requests with."""
PRUNE_PLANS = {
    *(
        "domain.coverage",
        "domain.drill",
        "domain.instance_coverage",
        "domain.durations",
        "domain.keep_rules",
        "domain.prune",
        "domain.retention",
    ),
    *("domain.response_size", "domain.selection", "domain.tracking"),
}
"""What foresees and what makes deletions; an audit does the former."""
OF_ONE_FUNCTION = {
    "create_backup": QUEUES
    | {
        *("aws.consumer", "aws.first_seen", "aws.idempotency", "aws.tracker", "bootstrap.create"),
        *("domain.adoption", "domain.daily_limit", "domain.retry_policy", "domain.tracking"),
        *("operations.create", "telemetry.create"),
    },
    "dispatch_backups": QUEUES
    | SENDING
    | {
        *("aws.consumer", "bootstrap.dispatch", "domain.retry_policy", "operations.dispatch", "telemetry.dispatch"),
    },
    "track_backups": QUEUES
    | {
        *("aws.event_bus", "bootstrap.track", "domain.retry_policy", "domain.tracking"),
        *("operations.recent_backups", "operations.track", "telemetry.track"),
    },
    "audit_backups": QUEUES
    | PRUNE_PLANS
    | SENDING
    | {
        *("aws.event_bus", "aws.first_seen", "aws.report_store", "bootstrap.audit"),
        *("domain.audit", "domain.digest", "operations.audit", "operations.protection"),
        *("reports.page", "reports.rows", "reports.texts", "telemetry.audit"),
    },
    "prune_backups": PRUNE_PLANS | {"aws.event_bus", "bootstrap.prune", "operations.prune", "telemetry.prune"},
}
PROGRAM = """
import json, sys
import app
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
names = [name.removeprefix("gaussdb_backup.") for name in sys.modules if name.startswith("gaussdb_backup.")]
print(json.dumps([name for name in names if not hasattr(sys.modules["gaussdb_backup." + name], "__path__")]))
"""


@cache
def imported_by(function: str) -> tuple[set[str], set[str]]:
    """The packages, and the modules of the layer, that are loaded when Lambda imports a function's app.py."""
    path = f"{ROOT / 'functions' / function}:{LAYER}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    packages, modules = done.stdout.splitlines()
    return set(json.loads(packages)), set(json.loads(modules))


@pytest.mark.parametrize("function", OF_ONE_FUNCTION)
def test_a_function_imports_exactly_these_modules(function: str) -> None:
    _, modules = imported_by(function)
    assert modules == OF_EVERY_FUNCTION | OF_ONE_FUNCTION[function]


@pytest.mark.parametrize("function", OF_ONE_FUNCTION)
def test_only_an_audit_has_jinja2_which_takes_time_to_import(function: str) -> None:
    packages, _ = imported_by(function)
    assert {"pydantic", "httpx"} <= packages
    assert ("jinja2" in packages) == (function == "audit_backups")


def test_no_function_has_the_operation_the_reporter_or_the_dependencies_of_another() -> None:
    own = [
        {name for name in modules - SENDING if name.startswith(("operations.", "telemetry.", "bootstrap."))}
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
    assert modules == OF_EVERY_FUNCTION.union(*OF_ONE_FUNCTION.values())
