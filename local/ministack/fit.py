"""Fits a built template to the emulator: `python -m local.ministack.fit BUILT FITTED --endpoint URL NAME=VALUE …`.

Each fit is for something that AWS does and the emulator does not. Every change is printed. What a stack is tested for
is everything else.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

type Template = dict[str, Any]

DESTINATIONS = ("AWS::Events::ApiDestination", "AWS::Events::Connection")
HAVE_BATCH_CALLS = ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")


@dataclass(frozen=True)
class Fitted:
    """A fitted template, and a line for each change."""

    template: Template
    changes: tuple[str, ...]


def fit(template: Template, *, endpoint: str, parameters: Mapping[str, str]) -> Fitted:
    """Return a fitted copy of a template for an account at `endpoint`. `parameters` are those of the deployment."""
    fitted = deepcopy(template)
    values = {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()} | dict(parameters)
    changes = [
        *_leave_out_saved_queries(fitted),
        *_leave_out_alarms_with_metric_math(fitted),
        *_leave_out_destinations(fitted),
        *_write_concurrency_as_numbers(fitted, values),
        *_permit_batch_calls(fitted),
        *_evaluate_conditions_with_a_join(fitted, values),
        *_name_sessions_of_roles(fitted),
        *_direct_functions_to(fitted, endpoint),
    ]
    return Fitted(fitted, tuple(changes))


def _leave_out_saved_queries(template: Template) -> Iterator[str]:
    """Leave out what the emulator has not: AWS::Logs::QueryDefinition."""
    for name in _of_type(template, "AWS::Logs::QueryDefinition"):
        del template["Resources"][name]
        yield f"{name}: left out, saved queries are not emulated"


def _leave_out_alarms_with_metric_math(template: Template) -> Iterator[str]:
    """Leave out alarms of several metrics, which the emulator does not make, here and in the dashboard."""
    for name in _of_type(template, "AWS::CloudWatch::Alarm"):
        if "Metrics" not in template["Resources"][name]["Properties"]:
            continue
        del template["Resources"][name]
        yield f"{name}: left out, here and in the dashboard, alarms with metric math are not emulated"
        for dashboard in _of_type(template, "AWS::CloudWatch::Dashboard").values():
            _leave_out_of_dashboard(dashboard, name)


def _leave_out_of_dashboard(dashboard: dict[str, Any], alarm: str) -> None:
    text, values = dashboard["DashboardBody"]["Fn::Sub"]
    text = re.sub(rf'"\${{{alarm}\.Arn}}",?\s*', "", text)
    for name, value in list(values.items()):
        if f"${{{alarm}.Arn}}" in json.dumps(value):
            values[name] = ""
    dashboard["DashboardBody"]["Fn::Sub"][0] = re.sub(r",\s*\]", "]", text)


def _leave_out_destinations(template: Template) -> Iterator[str]:
    """Leave out API destinations, which the emulator has but makes of no template, and what is for them alone."""
    gone = {name for kind in DESTINATIONS for name in _of_type(template, kind)}
    for rule in _of_type(template, "AWS::Events::Rule").values():
        rule["Targets"] = [each for each in rule["Targets"] if not _refers_to(each, gone)]
    rules = _of_type(template, "AWS::Events::Rule")
    gone |= {name for name, rule in rules.items() if not rule["Targets"]}
    roles = _of_type(template, "AWS::IAM::Role")
    gone |= {name for name, role in roles.items() if _refers_to(role, gone)}
    for name in sorted(gone):
        del template["Resources"][name]
        yield f"{name}: left out, with the targets of rules, API destinations are not made of a template"


def _refers_to(value: Any, names: set[str]) -> bool:  # noqa: ANN401 - any part of a template
    return any(path[0] in names for path in _find(value, "Fn::GetAtt"))


def _write_concurrency_as_numbers(template: Template, values: Mapping[str, str]) -> Iterator[str]:
    """Write numbers: the emulator's event sources take a reference to a Number parameter as text, and stop."""
    for name, function in _of_type(template, "AWS::Serverless::Function").items():
        for event in function.get("Events", {}).values():
            scaling = event["Properties"].get("ScalingConfig", {})
            if isinstance(scaling.get("MaximumConcurrency"), dict):
                parameter = scaling["MaximumConcurrency"]["Ref"]
                scaling["MaximumConcurrency"] = int(values[parameter])
                yield f"{name}: MaximumConcurrency of its event source is the number, not a reference to {parameter}"


def _permit_batch_calls(template: Template) -> Iterator[str]:
    """In AWS the permission of the single call is also that of the batch call, which has no action of its own."""
    for owner, statement in _statements(template):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        batch = [f"{action}Batch" for action in actions if action in HAVE_BATCH_CALLS]
        if batch:
            statement["Action"] = [*actions, *batch]
            yield f"{owner}: {statement.get('Sid')} also names {', '.join(batch)}"


def _evaluate_conditions_with_a_join(template: Template, values: Mapping[str, str]) -> Iterator[str]:
    """Join lists: the emulator evaluates no Fn::Join in a condition, so an empty list would not equal an empty text."""
    for name, condition in template.get("Conditions", {}).items():
        for equals in _find(condition, "Fn::Equals"):
            if isinstance(equals[0], dict) and "Fn::Join" in equals[0]:
                separator, reference = equals[0]["Fn::Join"]
                equals[0] = values[reference["Ref"]].replace(",", separator)
                yield f"{name}: the list {reference['Ref']} is joined here"


def _name_sessions_of_roles(template: Template) -> Iterator[str]:
    """In AWS aws:PrincipalArn is the ARN of the role; in the emulator it is that of the role's session."""
    for owner, statement in _statements(template):
        for operator, keys in statement.get("Condition", {}).items():
            roles = [each for each in _as_list(keys.get("aws:PrincipalArn", [])) if _is_role(each)]
            sessions = [
                {"Fn::Sub": f"arn:${{AWS::Partition}}:sts::${{AWS::AccountId}}:assumed-role/${{{role}}}/*"}
                for role in dict.fromkeys(_role_of(each) for each in roles)
            ]
            if sessions:
                keys["aws:PrincipalArn"] = [*_as_list(keys["aws:PrincipalArn"]), *sessions]
                yield f"{owner}: {operator} of {statement.get('Sid')} also has the sessions of the roles"


def _is_role(value: Any) -> bool:  # noqa: ANN401 - any part of a template
    return isinstance(value, dict) and value.get("Fn::GetAtt", [None, None])[1] == "Arn"


def _role_of(value: dict[str, Any]) -> str:
    return str(value["Fn::GetAtt"][0])


def _direct_functions_to(template: Template, endpoint: str) -> Iterator[str]:
    """Name the emulator as the functions' AWS, and permit a cloud without TLS."""
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    for name, value in (("AWS_ENDPOINT_URL", endpoint), ("ALLOW_HTTP_ENDPOINT", "true")):
        variables[name] = value
        yield f"all functions: {name} is {value}"


def _of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of each resource of a type, by logical id."""
    found = {name: each for name, each in template["Resources"].items() if each["Type"] == kind}
    return {name: each.get("Properties", {}) for name, each in found.items()}


def _statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each statement of a policy, with the logical id of its resource."""
    for name, resource in template["Resources"].items():
        for statements in _find(resource, "Statement"):
            for statement in statements:
                yield name, statement["Fn::If"][1] if "Fn::If" in statement else statement


def _find(value: Any, key: str) -> Iterator[Any]:  # noqa: ANN401 - any part of a template
    """Yield what a key has, wherever it is."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for each in value.values():
            yield from _find(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from _find(each, key)


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401 - any part of a template
    return value if isinstance(value, list) else [value]


def main(print_line: Callable[[str], None] = print) -> None:
    """Read a built template, write the fitted one, print each change."""
    parser = argparse.ArgumentParser(prog="python -m local.ministack.fit", description=__doc__.splitlines()[0])
    parser.add_argument("built", type=Path)
    parser.add_argument("fitted", type=Path)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    given = parser.parse_args()
    parameters = dict(text.split("=", 1) for text in given.parameters)
    fitted = fit(yaml_parse(given.built.read_text()), endpoint=given.endpoint, parameters=parameters)
    given.fitted.write_text(json.dumps(fitted.template, indent=1))
    for change in fitted.changes:
        print_line(change)


if __name__ == "__main__":
    main()
