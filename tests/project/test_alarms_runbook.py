"""Each alarm names a section of the runbook, and the runbook names only what exists."""

import re
from collections.abc import Mapping
from typing import Any

from local.aws_emulator.stack import Stack
from tests.helpers.emitted_telemetry import emitted_telemetry

NO_ALARM = {
    "Operations": "the title",
    "Backups": "a group",
    "Functions": "a group",
    "Queues": "a group",
    "Audits and prunes": "a group",
    "The digest of an audit": "a notification without an alarm",
    "How to audit by hand": "several sections refer to it",
    "How to prune by hand": "several sections refer to it",
    "How to keep one backup for ever": "a decision of an operator",
    "How to process a dead-letter queue": "several sections refer to it",
    "How to roll back": "the sections of errors refer to it",
    "How to stop everything": "a decision of an operator",
}
"""Headings of the runbook that no alarm names, with the reason."""


def headings(runbook: str) -> set[str]:
    text = re.sub(r"^```.*?^```", "", runbook, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def sections(alarms: Mapping[str, Any]) -> dict[str, str]:
    """The section that each alarm names."""
    texts = {name: alarm["AlarmDescription"].partition("runbook, section ")[2] for name, alarm in alarms.items()}
    return {name: text.partition(": ")[0] for name, text in texts.items()}


def test_every_alarm_names_a_section_of_its_own(alarms: dict[str, Any], runbook: str) -> None:
    found = sections(alarms)
    assert set(found.values()) <= headings(runbook)
    assert len(set(found.values())) == len(alarms)


def test_every_section_has_an_alarm_or_a_reason(alarms: dict[str, Any], runbook: str) -> None:
    assert headings(runbook) - set(sections(alarms).values()) == set(NO_ALARM)


def test_every_section_describes_what_it_means_how_to_check_and_what_to_do(runbook: str) -> None:
    found = re.split(r"^### ", runbook, flags=re.MULTILINE)[1:]
    assert found
    for section in found:
        labels = re.findall(r"^\*\*([^*]+)\.\*\*", section, re.MULTILINE)
        assert labels == ["What it means", "How to check", "What to do"], section[:40]


def test_every_alarm_description_is_a_sentence_and_where_to_read_on(alarms: dict[str, Any], stack: Stack) -> None:
    """CloudWatch takes 1,024 characters; the runbook's address may take 256 of them."""
    for name, alarm in alarms.items():
        sentence, _, rest = alarm["AlarmDescription"].partition(" What to do: ")
        assert sentence.endswith("."), name
        assert rest == f"runbook, section {sections(alarms)[name]}: {stack.parameters['RunbookUrl']}", name
        assert len(sentence) < 700
    assert len({alarm["AlarmName"] for alarm in alarms.values()}) == len(alarms)


def test_the_commands_of_the_runbook_name_resources_of_the_stack(runbook: str, stack: Stack) -> None:
    named = set(re.findall(r"(?:id_of|arn_of|messages|logs) ([A-Z]\w+)", runbook))
    looped = {name for names in re.findall(r"for function in ([\w ]+);", runbook) for name in names.split()}
    assert named
    assert named | looped <= set(stack.template["Resources"])
    assert looped == set(stack.of_type("AWS::Serverless::Function"))


def test_the_parameters_that_the_runbook_names_exist(runbook: str, template: dict[str, Any]) -> None:
    endings = "Seconds|Email|Url|Days|State|Rules|Hours|Expression|Prefix|Deletions|Audit|Runs|Audits|Ids|Tags|Pattern"
    named = set(re.findall(rf"`([A-Z]\w+(?:{endings}))`", runbook))
    named |= set(re.findall(r"`([A-Z]\w+)=\w+`", runbook)) - {"STACK"}
    assert len(named) > 10
    assert named <= set(template["Parameters"])


def test_the_queries_that_the_runbook_names_are_saved_queries(runbook: str, stack: Stack) -> None:
    saved = {query["Name"].rpartition("/")[2] for query in stack.of_type("AWS::Logs::QueryDefinition").values()}
    named = set(re.findall(r"[Ss]aved query \"([^\"]+)\"", runbook))
    assert named
    assert named <= saved


def test_the_records_that_the_runbook_searches_for_are_logged(runbook: str) -> None:
    logged = {str(value) for record in emitted_telemetry().records for value in record.values()}
    named = {text.strip('"') for text in re.findall(r"grep '([^']+)'", runbook)}
    named |= set(re.findall(r"record `([^`]+)`", runbook))
    assert named
    assert named <= logged
