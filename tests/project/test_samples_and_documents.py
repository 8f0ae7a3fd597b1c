"""Sample events and documents stay true to the code."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup.names import render_name
from gaussdb_backup.requests import BackupRequest, parse_backup_request
from gaussdb_backup.telemetry import Metric

NOW = datetime(2026, 11, 23, 1, 31, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "events" / "create_backup").glob("*.json"))


def requests_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(record["body"]) for record in event["Records"]] if "Records" in event else [event]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_of_create_backup_is_what_its_name_says(sample: Path) -> None:
    for data in requests_of(json.loads(sample.read_text())):
        if "invalid" in sample.stem and len(data["instance_id"]) < 32:
            with pytest.raises(InvalidRequest, match="instance_id"):
                parse_backup_request(data, default_time=NOW, now=NOW)
        else:
            parse_backup_request(data, default_time=NOW, now=NOW)


def test_there_is_a_sample_for_each_way_of_calling() -> None:
    assert {sample.stem for sample in SAMPLES} >= {"direct", "schedule", "queue_message"}


def test_the_templates_schedule_sends_a_valid_request_with_a_legal_name(template: dict[str, Any]) -> None:
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()} | {
        "InstanceId": "a" * 32
    }
    text = template["Resources"]["CreateBackupFunction"]["Properties"]["Events"]["Schedule"]["Properties"]["Input"][
        "Fn::Sub"
    ]
    filled = re.sub(r"\$\{(\w+)\}", lambda match: str(defaults[match[1]]), text)
    data = json.loads(filled.replace("<aws.scheduler.scheduled-time>", "2026-11-23T01:30:00Z"))
    request = parse_backup_request(data, default_time=NOW, now=NOW)
    assert request.scheduled_time == datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    render_name(
        request.name_template,
        instance_id=request.instance_id,
        scheduled_time=request.scheduled_time,
        timezone=request.timezone,
    )


def test_every_field_of_a_request_is_in_the_readme(readme: str) -> None:
    assert [field for field in BackupRequest.model_fields if f"`{field}`" not in readme and field != "version"] == []


def test_every_metric_is_in_the_readme_with_its_unit(readme: str) -> None:
    for metric in Metric:
        assert re.search(rf"^\|.*`{metric.value}`.*\| {metric.unit.value} \|", readme, re.MULTILINE), metric


def test_every_message_that_the_code_logs_is_in_the_readme(readme: str) -> None:
    source = (ROOT / "layers/gaussdb_backup/gaussdb_backup/telemetry.py").read_text()
    messages = re.findall(r"_logger\.(?:info|warning|error|exception)\(\s*\"([^\"]+)\"", source)
    assert messages
    assert [message for message in messages if message.split(":")[0] not in readme] == []


def test_no_file_names_a_package_registry_or_a_machines_path() -> None:
    tracked = [*ROOT.glob("*.*"), *ROOT.glob("layers/**/*"), *ROOT.glob("requirements/*"), *ROOT.glob("docs/**/*")]
    pattern = re.compile(r"(pypi|pythonhosted|npmjs)\.(org|com)|(^|\W)/(root|home)/")
    texts = {path: path.read_text(errors="ignore") for path in tracked if path.is_file()}
    assert [str(path) for path, text in texts.items() if pattern.search(text)] == []
