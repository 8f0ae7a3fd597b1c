"""The resources of template.yaml in moto, so that local queues have the deployed settings."""

import json
import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
KEPT = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    }
)
"""What a local run needs; roles, layers, alarms and the functions themselves are for the real AWS."""

STACK_NAME = "gaussdb-backup"
PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": STACK_NAME,
}


def read_template(path: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """Read a template with its short forms (`!Ref`) written out."""
    template: dict[str, Any] = yaml_parse(path.read_text())
    return template


@dataclass(frozen=True)
class Stack:
    """A created stack: what the template says, with names filled in."""

    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    resources: Mapping[str, str] = field(default_factory=dict)
    """Logical id to what `Ref` gives: of a queue its address."""

    def environment(self, function: str, **overrides: str) -> dict[str, str]:
        """Return the variables of a function, by its logical id. Raises `KeyError` for an unknown reference."""
        own = self.template["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {})
        shared = self.template["Globals"]["Function"]["Environment"]["Variables"]
        return {name: self.resolve(value) for name, value in {**shared, **own}.items()} | overrides

    def resolve(self, value: Any) -> str:  # noqa: ANN401 - a value of a template
        """Fill in `Ref`, `Sub`, `Join` and `If`. Raises `KeyError` for an unknown reference or another function."""
        if not isinstance(value, dict):
            return str(value)
        [(function, argument)] = value.items()
        known: dict[str, Callable[[Any], str]] = {
            "Ref": self._lookup,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
        }
        return known[function](argument)

    def _lookup(self, name: str) -> str:
        return ChainMap(dict(self.parameters), dict(self.resources), PSEUDO_PARAMETERS)[name]

    def _sub(self, argument: Any) -> str:  # noqa: ANN401 - a value of a template
        text, names = argument if isinstance(argument, list) else (argument, {})
        own = {name: self.resolve(value) for name, value in names.items()}
        return re.sub(r"\$\{([\w:.]+)\}", lambda match: own.get(match[1]) or self._lookup(match[1]), text)

    def _join(self, argument: list[Any]) -> str:
        """Join a list, or a parameter of type CommaDelimitedList."""
        separator, parts = argument
        values = self.resolve(parts).split(",") if isinstance(parts, dict) else [self.resolve(part) for part in parts]
        return str(separator).join(values)

    def _if(self, argument: list[Any]) -> str:
        condition, then, otherwise = argument
        return self.resolve(then if self._holds(self.template["Conditions"][condition]) else otherwise)

    def _holds(self, condition: Mapping[str, Any]) -> bool:
        [(function, argument)] = condition.items()
        if function == "Fn::Not":
            return not self._holds(argument[0])
        first, second = argument if function == "Fn::Equals" else condition["Fn::Equals"]
        return self.resolve(first) == self.resolve(second)

    def event(self, function: str, kind: str) -> dict[str, Any]:
        """Return the properties of a function's event of a kind, such as `SQS` or `ScheduleV2`."""
        events = self.template["Resources"][function]["Properties"]["Events"].values()
        found: dict[str, Any] = next(event["Properties"] for event in events if event["Type"] == kind)
        return found


def create_stack(client: Callable[[str], Any], template: Mapping[str, Any], **overrides: str) -> Stack:
    """Create the resources a local run needs, with the template's defaults where no parameter is given.

    Raises `KeyError` for a parameter that the template does not have: CloudFormation refuses it, moto does not.
    """
    defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    if unknown := overrides.keys() - defaults.keys():
        raise KeyError(f"the template has no such parameter: {', '.join(sorted(unknown))}")
    parameters = defaults | overrides
    kept = {name: resource for name, resource in template["Resources"].items() if resource["Type"] in KEPT}
    body = {key: template[key] for key in ("AWSTemplateFormatVersion", "Parameters", "Conditions") if key in template}
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK_NAME,
        TemplateBody=json.dumps({**body, "Resources": kept}),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    made = cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    names = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in made}
    return Stack(template, parameters, {name: _reference(client, kept[name], id_) for name, id_ in names.items()})


def _reference(client: Callable[[str], Any], resource: Mapping[str, Any], physical_id: str) -> str:
    """Return what `Ref` gives; of a queue its address on this machine."""
    if resource["Type"] != "AWS::SQS::Queue":
        return physical_id
    name = physical_id.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    url: str = client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return url
