"""Each alarm links to a section of the runbook, and the runbook names only what exists."""

import re
from collections.abc import Mapping
from typing import Any

from local.aws_emulator.stack import Stack
from tests.helpers.emitted_telemetry import emitted_telemetry

NO_ALARM = {
    "operations": "the title",
    "backups": "a group",
    "functions": "a group",
    "queues": "a group",
    "how-to-process-a-dead-letter-queue": "several sections refer to it",
    "how-to-stop-everything": "a decision of an operator",
}
"""Headings of the runbook that no alarm links to, with the reason."""


def headings(runbook: str) -> set[str]:
    """The anchors of a document's headings, made as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", runbook, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in titles}


def anchors(alarms: Mapping[str, Any]) -> dict[str, str]:
    return {name: alarm["AlarmDescription"].rpartition("docs/operations.md#")[2] for name, alarm in alarms.items()}


def test_every_alarm_links_to_a_section_of_its_own(alarms: dict[str, Any], runbook: str) -> None:
    found = anchors(alarms)
    assert set(found.values()) <= headings(runbook)
    assert len(set(found.values())) == len(alarms)


def test_every_section_has_an_alarm_or_a_reason(alarms: dict[str, Any], runbook: str) -> None:
    assert headings(runbook) - set(anchors(alarms).values()) == set(NO_ALARM)


def test_every_section_describes_what_it_means_how_to_check_and_what_to_do(runbook: str) -> None:
    sections = re.split(r"^### ", runbook, flags=re.MULTILINE)[1:]
    assert sections
    for section in sections:
        labels = re.findall(r"^\*\*([^*]+)\.\*\*", section, re.MULTILINE)
        assert labels == ["What it means", "How to check", "What to do"], section[:40]


def test_every_alarm_description_is_a_sentence_and_a_link(alarms: dict[str, Any], stack: Stack) -> None:
    """CloudWatch takes 1,024 characters; the runbook's address may take 256 of them."""
    for name, alarm in alarms.items():
        sentence, _, rest = alarm["AlarmDescription"].partition(" What to do: ")
        assert sentence.endswith("."), name
        assert rest.startswith("docs/operations.md#"), name
        assert len(sentence) < 700
    assert len({alarm["AlarmName"] for alarm in alarms.values()}) == len(alarms)


def test_the_commands_of_the_runbook_name_resources_of_the_stack(runbook: str, stack: Stack) -> None:
    named = set(re.findall(r"(?:id_of|arn_of|messages|logs) ([A-Z]\w+)", runbook))
    looped = {name for names in re.findall(r"for function in ([\w ]+);", runbook) for name in names.split()}
    assert named
    assert named | looped <= set(stack.template["Resources"])
    assert looped == set(stack.of_type("AWS::Serverless::Function"))


def test_the_parameters_that_the_runbook_names_exist(runbook: str, template: dict[str, Any]) -> None:
    named = set(re.findall(r"`([A-Z]\w+(?:Seconds|Email|Url|Days))`", runbook))
    assert named
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
