"""The notifications of each channel, for events as the code publishes them.

`PYTHONPATH=layers/gaussdb_backup python -m tests.helpers.notifications` writes the golden files in
tests/data/notifications, which the tests compare.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gaussdb_backup.aws.event_bus import AUDIT_FINISHED, SOURCE, STATE_CHANGE
from gaussdb_backup.domain.tracking import Status
from local.aws_emulator.input_transformer import render
from local.aws_emulator.stack import STACK_NAME, Stack, default_parameters, read_template
from tests.helpers.coverage_samples import COVERED, NEVER, UNCOVERED, event_of_audit, make_coverage
from tests.helpers.emitted_telemetry import event_of

FOLDER = Path(__file__).parents[1] / "data" / "notifications"
CHANNELS = {"notifications": "email", "chat": "chat", "webhook": "webhook", "ping": "ping"}
"""The channel of a target, by its id."""
ENABLED = {
    "NotifyOfEachAudit": "true",
    "ChatNotifications": "true",
    "WebhookUrl": "https://hooks.example/T0/B0/secret",
    "PingUrl": "https://ping.example/0a1b2c3d",
}
"""Parameters with which each channel exists."""
HOSTILE = (
    '", "title": "all is well',
    "<!channel> @here",
    "a\\",
    "*_`~x~`_*",
    "http://evil.test/x",
    "a\r\nb",
    "\u202ea",
)
"""Names of instances that somebody may choose."""

HOSTILE_AUDIT = make_coverage(
    *(
        NEVER.model_copy(update={"instance_name": name, "reason": f"its status is {name}", "instance_status": name})
        for name in HOSTILE
    )
)
RULES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "backup_failed": ("BackupFailedRule", STATE_CHANGE, event_of(Status.FAILED)),
    "backup_overdue": ("BackupOverdueRule", STATE_CHANGE, event_of(Status.OVERDUE)),
    "backup_missing": ("BackupMissingRule", STATE_CHANGE, event_of(Status.MISSING)),
    "backup_missing_little_known": ("BackupMissingRule", STATE_CHANGE, event_of(Status.MISSING, bare=True)),
    "audit_uncovered": ("AuditUncoveredRule", AUDIT_FINISHED, event_of_audit(UNCOVERED)),
    "audit_hostile": ("AuditUncoveredRule", AUDIT_FINISHED, event_of_audit(HOSTILE_AUDIT)),
    "audit_covered": ("AuditDigestRule", AUDIT_FINISHED, event_of_audit(COVERED)),
    "audit_ping": ("AuditCoveredPingRule", AUDIT_FINISHED, event_of_audit(COVERED)),
}
"""For each sample its rule, and the detail type and detail of an event."""


def make_event(detail_type: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """An event as a rule sees it."""
    own = {"service": STACK_NAME, **detail}
    return {"source": SOURCE, "detail-type": detail_type, "time": "2026-11-23T02:00:00Z", "detail": own}


def targets_of(stack: Stack, rule: str) -> dict[str, dict[str, Any]]:
    """The targets of a rule, by their ids."""
    return {target["Id"]: target for target in stack.of_type("AWS::Events::Rule")[rule]["Targets"]}


def stack_with_all_channels(template: Mapping[str, Any]) -> Stack:
    """The template, resolved with each channel: `Ref` returns a logical id, `GetAtt` an id and an attribute."""
    ids = {name: name for name in template["Resources"]}
    attributes = {f"{name}.Arn": f"{name}.Arn" for name in ids}
    return Stack(template, default_parameters(template) | ENABLED, ids, attributes)


def rendered(stack: Stack) -> Iterator[tuple[str, str]]:
    """Each message, by the name of its golden file: texts as they arrive, JSON with one key a line."""
    for sample, (rule, detail_type, detail) in RULES.items():
        for target_id, target in targets_of(stack, rule).items():
            text = render(target["InputTransformer"], make_event(detail_type, detail))
            channel = CHANNELS[target_id]
            if channel == "email":
                yield f"{channel}_{sample}.txt", text
            else:
                yield f"{channel}_{sample}.json", json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def write_golden_files() -> None:
    """Write them, and delete those of messages that there are no longer."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    messages = dict(rendered(stack_with_all_channels(read_template())))
    for path in FOLDER.iterdir():
        if path.name not in messages:
            path.unlink()
    for name, text in messages.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    write_golden_files()
