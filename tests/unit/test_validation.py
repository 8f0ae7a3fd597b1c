"""A wrong value is shown on one short line, and every wrong field is named with what it may be and what it is."""

from typing import Any

import pytest
from pydantic import Field, ValidationError, field_validator

from gaussdb_backup.domain.validation import (
    Strict,
    parse_object,
    parse_strictly,
    require_object,
    shorten,
    to_field_problems,
)
from gaussdb_backup.errors import FieldProblem, InvalidRequest


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "'text'"),
        ("über", "'über'"),
        ("a\nü", r"'a\n\xfc'"),
        ("x" * 78, f"'{'x' * 78}'"),
        ("x" * 79, f"'{'x' * 79}… (81 characters)"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (-3, "-3"),
        (10**79, "1" + "0" * 79),
        (10**80, "a huge number"),
        (-(10**80), "a huge number"),
        ({"a": 1}, "an object"),
        ([1], "a list"),
        (b"x", "bytes"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_wrong_value_is_shown_on_one_short_line(value: object, shown: str) -> None:
    assert shorten(value) == shown


class Box(Strict):
    """A format of ours."""

    size: int = Field(ge=1, description="a whole number from 1")
    label: str = "none"

    @field_validator("label")
    @classmethod
    def _check(cls, value: str) -> str:
        if value == "odd":
            raise ValueError("it is odd")
        return value


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        ({}, [FieldProblem("size", "a whole number from 1", "nothing")]),
        ({"size": 0}, [FieldProblem("size", "a whole number from 1", "0")]),
        ({"size": 1, "label": 7}, [FieldProblem("label", "Input should be a valid string", "7")]),
        ({"size": 1, "label": "odd"}, [FieldProblem("label", "Value error, it is odd", "'odd' (it is odd)")]),
        ({"size": 1, "sise": 2}, [FieldProblem("sise", "no such field (there are size, label)")]),
        (
            {"size": 0, "label": 7},
            [
                FieldProblem("size", "a whole number from 1", "0"),
                FieldProblem("label", "Input should be a valid string", "7"),
            ],
        ),
    ],
    ids=["missing", "out of range", "without a description", "refused by our own check", "unknown", "two"],
)
def test_every_wrong_field_is_named_with_what_it_may_be_and_what_it_is(
    data: dict[str, Any], problems: list[FieldProblem]
) -> None:
    with pytest.raises(InvalidRequest, match="invalid box: ") as raised:
        parse_strictly(Box, data, "box")
    assert list(raised.value.problems) == problems


def test_a_secret_is_not_shown() -> None:
    with pytest.raises(ValidationError) as raised:
        Box.model_validate({"size": 0, "label": "odd"})
    assert to_field_problems(raised.value, Box, show_values=False) == [
        FieldProblem("size", "a whole number from 1", None),
        FieldProblem("label", "Value error, it is odd", None),
    ]


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (" \n", "nothing"),
        (b"", "nothing"),
        ("x", "text that is not JSON (Expecting value: line 1 column 1 (char 0))"),
        ("[1]", "a list"),
    ],
)
def test_a_body_is_named_with_what_it_is(body: str | bytes, given: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid box: ") as raised:
        parse_object(body, "box")
    assert raised.value.problems == (FieldProblem("body", "a JSON object", given),)


def test_an_object_is_returned_as_it_is() -> None:
    assert parse_object('{"a": [1]}', "box") == require_object({"a": [1]}, "box") == {"a": [1]}


@pytest.mark.parametrize("count", [30, 31, 10_000])
def test_a_message_names_the_first_of_very_many_wrong_fields(count: int) -> None:
    """A record that is larger than CloudWatch takes would not be there at all."""
    error = InvalidRequest("audit", [FieldProblem(f"field_{index}", "1", "x" * 80) for index in range(count)])
    assert len(str(error)) < 5_000
    assert ("field_29" in str(error), "field_30" in str(error)) == (True, False)
    assert (f" | and {count - 30} more" in str(error)) == (count > 30)
    assert len(error.problems) == count
