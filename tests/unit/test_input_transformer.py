"""The tests fill in templates as the guide of EventBridge describes it, and refuse what it leaves open."""

import json

import pytest

from local.aws_emulator.input_transformer import render

EVENT = {"time": "2026-11-23T02:00:00Z", "detail": {"name": "a", "count": 2, "lines": {"line_1": "x"}}}
PATHS = {
    "name": "$.detail.name",
    "count": "$.detail.count",
    "line": "$.detail.lines.line_1",
    "none": "$.detail.none",
    "time": "$.time",
}


def transformed(template: str, event: object = EVENT) -> str:
    assert isinstance(event, dict)
    return render({"InputPathsMap": PATHS, "InputTemplate": template}, event)


def test_fields_of_any_depth_are_filled_in() -> None:
    assert transformed('"<name> <count> <line> <time>"') == '"a 2 x 2026-11-23T02:00:00Z"'


def test_nothing_is_left_of_a_field_that_the_event_does_not_have() -> None:
    assert json.loads(transformed('{"a": "b<none>c"}')) == {"a": "bc"}


def test_no_value_is_escaped() -> None:
    broken = transformed('{"a": "<name>"}', {"detail": {"name": '", "b": "'}})
    assert json.loads(broken) == {"a": "", "b": ""}


@pytest.mark.parametrize("template", ['{"a": <name>}', '{"a": "<name>", "b": <none>}'])
def test_a_variable_outside_of_a_string_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="outside of a string"):
        transformed(template)


def test_a_variable_without_a_path_is_refused() -> None:
    with pytest.raises(KeyError):
        transformed('"<other>"')


def test_a_template_that_eventbridge_would_refuse_for_its_length_is_refused() -> None:
    assert transformed(f'"{"a" * 8190}"') == f'"{"a" * 8190}"'
    with pytest.raises(ValueError, match="8193 characters"):
        transformed(f'"{"a" * 8191}"')
