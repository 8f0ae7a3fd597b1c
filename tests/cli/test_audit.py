"""`gaussdb-backup audit`: which instances have a recent good backup, as a table, a page, or a line for Nagios."""

import json
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
from botocore.exceptions import EndpointConnectionError

from gaussdb_backup_cli.audit.event import format_time
from gaussdb_backup_cli.command import fit_encoding
from local import gaussdb_emulator
from tests.helpers.command_line import AUDIT, NAME, SCHEMAS, StackUnderTest, hold_to_golden
from tests.helpers.coverage import make_coverage, make_instance
from tests.helpers.deployment import Deployment
from tests.helpers.function_responses import respond_by
from tests.helpers.gaussdb import BILLING, ORDERS, STOCK
from tests.helpers.stack_in_moto import refusal

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "audit.md"


def sample() -> dict[str, Any]:
    """The response on the page about audits."""
    text = PAGE.read_text().partition("## Response")[2]
    found: dict[str, Any] = json.loads(text.partition("```json\n")[2].partition("```")[0])
    return found


def back_up(deployment: Deployment, *instances: str, hours: float = 5) -> None:
    begin = datetime.now(UTC) - timedelta(hours=hours)
    deployment.cloud.add_backups(
        *(
            gaussdb_emulator.PastBackup(instance_id=instance, name=f"nightly-{instance[-6:]}", begin_time=begin)
            for instance in instances
        )
    )


@pytest.fixture
def covered(stack: StackUnderTest, deployment: Deployment) -> StackUnderTest:
    """A stack whose instances all have a good backup."""
    back_up(deployment, ORDERS, STOCK, BILLING)
    return stack


def test_where_all_is_well_a_table_is_printed(covered: StackUnderTest) -> None:
    ran = covered.run("audit")
    assert ran.code == 0, ran.stderr
    head, *rows = ran.stdout.splitlines()
    assert re.fullmatch(
        r"COVERAGE  default · 30 days to [\d-]{10} \(Europe/Berlin\) +All 3 instances are covered", head
    )
    assert [row.split()[0] for row in rows if row.endswith("✓ OK")] == ["orders", "stock", "billing"]
    assert ran.stderr.startswith("page: s3://reports/audit/default/direct/")


def test_an_instance_without_a_recent_good_backup_needs_you(stack: StackUnderTest, deployment: Deployment) -> None:
    back_up(deployment, ORDERS, STOCK, hours=5)
    back_up(deployment, BILLING, hours=50)
    ran = stack.run("audit", width=140)
    assert ran.code == 3
    assert "1 of 3 instances needs you" in ran.stdout
    assert "its last good backup is 50 h old, of at most 26 h" in ran.stdout


def test_a_project_without_instances_needs_you(stack: StackUnderTest) -> None:
    stack.put_schedule(
        "of-none", {**AUDIT, "schedule": "none", "select": {"name_pattern": "no-*"}}, target=audits(stack)
    )
    ran = stack.run("audit", "none")
    assert ran.code == 3
    assert "No instance was audited: the project lists none that is selected" in ran.stdout


def audits(stack: StackUnderTest) -> str:
    return stack.outputs["AuditBackupsFunctionAliasArn"]


# What is audited


def test_it_audits_what_the_stacks_own_schedule_does_without_its_label_and_requests_nothing(
    covered: StackUnderTest, deployment: Deployment
) -> None:
    before = format_time(datetime.now(UTC))
    covered.run("audit")
    [(function, event)] = covered.invoked
    assert function == "audit_backups"
    assert before <= event.pop("scheduled_time") <= format_time(datetime.now(UTC))
    expected = {**AUDIT, "catch_up": False}
    expected["name_template"] = "nightly-{instance_name:.20}-{scheduled_time:%Y%m%d-%H%M}"
    assert event == {key: value for key, value in expected.items() if key not in ("schedule", "scheduled_time")}
    assert deployment.dimensions("InstancesUncovered") == [["service"], ["service", "connection"]]
    assert deployment.counts("BACKUP_QUEUE_URL") == (0, 0)


def test_another_plan_is_named_by_its_label_or_its_schedule(stack: StackUnderTest) -> None:
    payload = {**AUDIT, "schedule": "weekly", "select": {"name_pattern": "orders"}}
    stack.put_schedule("weekly.audit", payload, target=audits(stack))
    for name in ("weekly", "weekly.audit"):
        assert [one["instance_name"] for one in stack.run("audit", name, "--json").result["instances"]] == ["orders"]


def test_a_plan_that_the_stack_does_not_have_is_a_wrong_command_line(stack: StackUnderTest) -> None:
    ran = stack.run("audit", "weekly")
    assert (ran.code, ran.stdout) == (2, "")
    assert "no audit schedule of a plan weekly\n  → there are: nightly" in ran.stderr


def test_a_schedule_whose_input_is_no_payload_is_no_audit_of_everything(stack: StackUnderTest) -> None:
    stack.put_schedule("odd", "no JSON", target=audits(stack))
    ran = stack.run("audit", "odd")
    assert ran.code == 1
    assert "the input of the schedule odd is no JSON object" in ran.stderr
    assert stack.invoked == []


def test_with_catch_up_a_backup_of_each_gap_is_requested_under_the_names_of_the_plan(
    stack: StackUnderTest, deployment: Deployment
) -> None:
    back_up(deployment, ORDERS, STOCK)
    back_up(deployment, BILLING, hours=50)
    ran = stack.run("audit", "--catch-up")
    assert ran.code == 3
    assert "catch-up: 1 backup requested" in ran.stdout
    [message] = deployment.messages("BACKUP_QUEUE_URL")
    request = json.loads(message.body)
    assert request["instance_id"] == BILLING
    assert request["name_template"].startswith("nightly-billing-")


@pytest.mark.parametrize("days", ["0", "93", "x"])
def test_days_that_an_audit_does_not_have_are_refused_before_anything_is_called(
    stack: StackUnderTest, days: str
) -> None:
    ran = stack.run("audit", "--days", days)
    assert (ran.code, stack.invoked) == (2, [])
    assert stack.run("audit", "--days", "3", "--json").result["instances"][0]["days"] == "nnn"


# How it is shown


def test_the_json_form_is_the_response_of_the_function(stack: StackUnderTest) -> None:
    respond_by(stack, AuditBackups=sample())
    ran = stack.run("audit", "--json")
    assert ran.code == 3
    assert ran.result == sample()
    hold_to_golden(ran, "audit")


def test_the_json_form_of_a_real_response_has_the_fields_of_its_schema(covered: StackUnderTest) -> None:
    ran = covered.run("audit", "--json")
    assert ran.code == 0
    schema = json.loads((SCHEMAS / "audit.schema.json").read_text())
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(json.loads(ran.stdout))


@pytest.mark.parametrize(("options", "shown"), [((), 20), (("--all",), 25)], ids=["the worst", "all"])
def test_of_many_instances_the_worst_have_a_line_or_all(
    stack: StackUnderTest, options: tuple[str, ...], shown: int
) -> None:
    coverage = make_coverage(*(make_instance(f"one-{index}") for index in range(25)))
    respond_by(stack, AuditBackups=coverage.to_json())
    ran = stack.run("audit", *options)
    assert sum(line.startswith("one-") for line in ran.stdout.splitlines()) == shown


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_table_fits_the_terminal(stack: StackUnderTest, width: int) -> None:
    respond_by(stack, AuditBackups=sample())
    assert max(len(line) for line in stack.run("audit", width=width).stdout.splitlines()) <= width


def test_the_marks_of_a_terminal_without_them_are_ascii() -> None:
    table = "COVERAGE  default · 3 days\norders ■▨×  ✗ Never  ✓ OK … 名"
    assert fit_encoding(table, "ascii") == "COVERAGE  default - 3 days\norders #=x  X Never  v OK ~ ?"
    assert fit_encoding(table, "latin-1").startswith("COVERAGE  default · 3 days\norders #=×  X")
    assert fit_encoding(table, "utf-8") == table


def test_no_name_of_the_cloud_steers_the_terminal(stack: StackUnderTest) -> None:
    hostile = make_instance("a\x1b]0;x\x07\nb")
    respond_by(stack, AuditBackups=make_coverage(hostile).to_json())
    ran = stack.run("audit")
    assert "a�]0;x��b" in ran.stdout
    assert "\x1b" not in ran.stdout


# The page


def test_the_page_of_the_audit_is_written_to_a_file(covered: StackUnderTest, tmp_path: Path) -> None:
    file = tmp_path / "coverage.html"
    ran = covered.run("audit", "--html", str(file))
    assert ran.code == 0, ran.stderr
    assert file.read_text().startswith("<!doctype html>")
    assert ran.stdout.startswith("COVERAGE")
    assert [each.name for each in tmp_path.iterdir()] == ["coverage.html"]


def test_a_file_that_is_there_is_replaced_and_keeps_its_permissions(covered: StackUnderTest, tmp_path: Path) -> None:
    file = tmp_path / "coverage.html"
    file.write_text("old")
    file.chmod(0o640)
    covered.run("audit", "--html", str(file))
    assert file.read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_the_page_alone_goes_to_stdout(covered: StackUnderTest) -> None:
    ran = covered.run("audit", "--html", "-")
    assert ran.code == 0
    assert ran.stdout.startswith("<!doctype html>")
    assert "COVERAGE" not in ran.stdout


def test_the_page_and_json_cannot_both_go_to_stdout(stack: StackUnderTest) -> None:
    ran = stack.run("audit", "--html", "-", "--json")
    assert (ran.code, ran.stdout, stack.invoked) == (2, "", [])
    assert ran.error["code"] == "usage"


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        (refusal("AccessDenied", "GetObject"), "not_allowed", "get the permission s3:GetObject of that bucket"),
        (refusal("NoSuchBucket", "GetObject"), "no_page", "gaussdb-backup doctor"),
        (refusal("NoSuchKey", "GetObject"), "no_page", "gaussdb-backup doctor"),
        (EndpointConnectionError(endpoint_url="https://s3"), "no_connection", "check the network"),
    ],
    ids=["no permission", "no bucket", "no page", "no network"],
)
def test_a_page_that_cannot_be_read_is_one_line_after_the_table(
    covered: StackUnderTest, tmp_path: Path, error: Exception, code: str, hint: str
) -> None:
    def get_object(**_: Any) -> None:
        raise error

    covered.change("s3", get_object=get_object)
    ran = covered.run("audit", "--html", str(tmp_path / "coverage.html"), "--json")
    assert ran.code == 1
    assert ran.result["audited"] == 3
    assert ran.error["code"] == code
    assert hint in ran.error["hint"]
    assert list(tmp_path.iterdir()) == []


def test_an_audit_that_stored_no_page_names_where_its_reason_is(covered: StackUnderTest, tmp_path: Path) -> None:
    boto3.client("s3").delete_bucket(Bucket="reports")
    ran = covered.run("audit", "--html", str(tmp_path / "coverage.html"))
    assert ran.code == 1
    assert "the audit stored no page" in ran.stderr
    assert "aws logs tail /aws/lambda/gaussdb-backup-audit-backups --since 10m" in ran.stderr


def test_a_file_that_cannot_be_written_is_one_line(covered: StackUnderTest, tmp_path: Path) -> None:
    ran = covered.run("audit", "--html", str(tmp_path / "absent" / "coverage.html"))
    assert ran.code == 1
    assert "coverage.html: No such file or directory\n  → name another --html FILE" in ran.stderr


# Nagios


def test_a_plugin_prints_one_line_and_has_the_exit_codes_of_nagios(
    stack: StackUnderTest, deployment: Deployment
) -> None:
    back_up(deployment, STOCK, BILLING)
    back_up(deployment, ORDERS, hours=50)
    ran = stack.run("audit", "--nagios")
    assert ran.code == 2
    expected = r"GAUSSDB-BACKUP CRITICAL - 1 of 3 instances without a recent good backup \* late: orders \| uncovered=1"
    assert re.fullmatch(rf"{expected} not_found=0 oldest_age=\d+s\n", ran.stdout)


def test_a_plugin_is_well_where_all_is(covered: StackUnderTest) -> None:
    ran = covered.run("audit", "--nagios")
    assert ran.code == 0
    assert ran.stdout.startswith("GAUSSDB-BACKUP OK - 0 of 3 instances without a recent good backup | uncovered=0 ")


def test_a_plugin_of_a_missing_instance_warns(stack: StackUnderTest) -> None:
    respond_by(stack, AuditBackups=make_coverage(make_instance(), not_found=("f" * 32,)).to_json())
    ran = stack.run("audit", "--nagios")
    assert ran.code == 1
    assert ran.stdout.startswith("GAUSSDB-BACKUP WARNING - 0 of 1")


@pytest.mark.parametrize(
    "arguments",
    [("--stack", "other"), ("weekly",), ("--json",), ("--html", "-")],
    ids=["no stack", "no plan", "JSON", "page on stdout"],
)
def test_a_plugin_that_could_not_audit_does_not_know(stack: StackUnderTest, arguments: tuple[str, ...]) -> None:
    ran = stack.run("audit", "--nagios", *arguments)
    assert (ran.code, ran.stdout.count("\n")) == (3, 1)
    assert ran.stdout.startswith("GAUSSDB-BACKUP UNKNOWN - ")


def test_a_plugin_whose_audit_failed_for_any_reason_does_not_know(stack: StackUnderTest) -> None:
    respond_by(stack, AuditBackups=[{"errorType": "CredentialsRefused", "errorMessage": "refused"}, {}, None])
    assert stack.run("audit", "--nagios").stdout == "GAUSSDB-BACKUP UNKNOWN - refused\n"
    assert "none of this version" in stack.run("audit", "--nagios").stdout
    assert "returned no JSON object" in stack.run("audit", "--nagios").stdout
    stack.change("scheduler", get_paginator=ZeroDivisionError("division by zero"))
    ran = stack.run("audit", "--nagios")
    assert (ran.code, ran.stdout) == (3, "GAUSSDB-BACKUP UNKNOWN - ZeroDivisionError: division by zero\n")


# What fails


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("CredentialsRefused", "correct the secret"),
        ("TryLater", "repeat the command"),
        ("InvalidRequest", "correct what is named above"),
        ("KeyError", f"aws logs tail /aws/lambda/{NAME}-audit-backups"),
    ],
)
def test_an_audit_that_failed_is_one_line_with_a_hint(stack: StackUnderTest, error: str, hint: str) -> None:
    respond_by(stack, AuditBackups={"errorType": error, "errorMessage": "it is\nso"})
    ran = stack.run("audit", "--json")
    assert (ran.code, ran.stdout) == (1, "")
    assert (ran.error["code"], ran.error["message"]) == (error, "it is so")
    assert hint in ran.error["hint"]


def test_an_response_of_another_version_is_one_line(stack: StackUnderTest) -> None:
    respond_by(stack, AuditBackups={**sample(), "audited": "many"})
    ran = stack.run("audit")
    assert (ran.code, ran.stdout) == (1, "")
    assert "is none of this version" in ran.stderr


@pytest.mark.parametrize("service", ["cloudformation", "scheduler", "lambda"])
def test_what_aws_refuses_is_one_line(stack: StackUnderTest, service: str) -> None:
    error = refusal("AccessDeniedException", "Anything")

    def refuse(**_: Any) -> None:
        raise error

    names = {"cloudformation": "describe_stacks", "scheduler": "get_schedule", "lambda": "invoke"}
    stack.change(service, **{names[service]: refuse})
    ran = stack.run("audit")
    assert (ran.code, ran.stdout) == (1, "")
    assert "AccessDenied" in ran.stderr
    assert "\n  → get this permission" in ran.stderr
