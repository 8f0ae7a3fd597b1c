"""Each alarm leads to a paragraph of the runbook, and the runbook names only what there is."""

import re
from collections.abc import Mapping
from typing import Any

from local.aws_emulator.stack import Stack

NO_ALARM = {
    "operations": "the title",
    "backups": "a group",
    "functions": "a group",
    "queues": "a group",
    "what-to-do-with-dead-letters": "what several paragraphs refer to",
    "how-to-stop-everything": "what a person decides",
}
"""Headings of the runbook that no alarm leads to, with the reason."""


def headings(runbook: str) -> set[str]:
    """The anchors of a document's headings, made as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", runbook, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in titles}


def anchors(alarms: Mapping[str, Any]) -> dict[str, str]:
    return {name: alarm["AlarmDescription"].rpartition("docs/operations.md#")[2] for name, alarm in alarms.items()}


def test_every_alarm_leads_to_a_paragraph_of_its_own(alarms: dict[str, Any], runbook: str) -> None:
    found = anchors(alarms)
    assert set(found.values()) <= headings(runbook)
    assert len(set(found.values())) == len(alarms)


def test_every_paragraph_has_an_alarm_or_a_reason(alarms: dict[str, Any], runbook: str) -> None:
    assert headings(runbook) - set(anchors(alarms).values()) == set(NO_ALARM)


def test_every_paragraph_says_what_it_means_how_to_look_and_what_to_do(runbook: str) -> None:
    paragraphs = re.split(r"^### ", runbook, flags=re.MULTILINE)[1:]
    assert paragraphs
    for paragraph in paragraphs:
        labels = re.findall(r"^\*\*([^*]+)\.\*\*", paragraph, re.MULTILINE)
        assert labels == ["What it means", "How to look", "What to do"], paragraph[:40]


def test_every_alarm_is_worded_for_a_person(alarms: dict[str, Any], stack: Stack) -> None:
    """CloudWatch takes 1,024 characters; the runbook's address may take 256 of them."""
    for name, alarm in alarms.items():
        sentence, _, rest = alarm["AlarmDescription"].partition(" What to do: ")
        assert sentence.endswith("."), name
        assert rest.startswith("docs/operations.md#"), name
        assert len(sentence) < 700
    assert len({alarm["AlarmName"] for alarm in alarms.values()}) == len(alarms)


def test_the_commands_of_the_runbook_name_what_the_stack_has(runbook: str, stack: Stack) -> None:
    named = set(re.findall(r"(?:id_of|arn_of|letters|logs) ([A-Z]\w+)", runbook))
    looped = {name for names in re.findall(r"for function in ([\w ]+);", runbook) for name in names.split()}
    assert named
    assert named | looped <= set(stack.template["Resources"]) | {"QUEUE"}
    assert looped == set(stack.of_type("AWS::Serverless::Function"))


def test_the_parameters_that_the_runbook_names_are_there(runbook: str, template: dict[str, Any]) -> None:
    named = set(re.findall(r"`([A-Z]\w+(?:Seconds|Email|Url|Days))`", runbook))
    assert named
    assert named <= set(template["Parameters"])


def test_the_queries_that_the_runbook_names_are_saved(runbook: str, stack: Stack) -> None:
    saved = {query["Name"].rpartition("/")[2] for query in stack.of_type("AWS::Logs::QueryDefinition").values()}
    named = set(re.findall(r"[Ss]aved query \"([^\"]+)\"", runbook))
    assert named
    assert named <= saved
