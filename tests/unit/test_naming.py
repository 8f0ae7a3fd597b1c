"""Names: whatever the template and the instance, the result is a legal name or an error that says what is wrong."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.naming import DEFAULT_NAME_TEMPLATE, render_backup_name, uses_instance_name
from gaussdb_backup.errors import FieldProblem, InvalidRequest

INSTANCE = "d8e6ca5a624745bcb546a227aa3ae1cfin07"
RUN = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
LEGAL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{3,63}")


def render(template: str, **fields: Any) -> str:
    return render_backup_name(template, **{"instance_id": INSTANCE, "scheduled_time": RUN, **fields})


@pytest.mark.parametrize(
    ("template", "fields", "name"),
    [
        (DEFAULT_NAME_TEMPLATE, {}, "auto-d8e6ca5a-20261123T013000Z"),
        (DEFAULT_NAME_TEMPLATE, {"timezone": "Europe/Berlin"}, "auto-d8e6ca5a-20261123T013000Z"),
        ("backup-1", {}, "backup-1"),
        ("{schedule}-{instance_name}", {"schedule": "nightly", "instance_name": "orders"}, "nightly-orders"),
        ("x-{instance_name}", {"instance_name": "orders (übung) 1"}, "x-orders---bung--1"),
        ("x-{instance_name:.6}", {"instance_name": "orders-eu"}, "x-orders"),
        ("t-{scheduled_time:%Y%m%d-%H%M}", {"timezone": "Europe/Berlin"}, "t-20261123-0230"),
        ("t-{scheduled_time}", {}, "t-20261123T013000Z"),
        ("t-{scheduled_time}", {"timezone": "America/New_York"}, "t-20261122T203000"),
        ("t-{scheduled_time:%Y%%}".replace("%%", ""), {}, "t-2026"),
        ("a" * 64, {}, "a" * 64),
    ],
)
def test_a_template_renders_to_a_name(template: str, fields: dict[str, Any], name: str) -> None:
    assert render(template, **fields) == name


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("{0}", "{0}"),
        ("{}", "{}"),
        ("{instance_id.__class__}", "{instance_id.__class__}"),
        ("{instance_id[0]}", "{instance_id[0]}"),
        ("{instance_id!r}", "'!r'"),
        ("{x}", "{x}"),
        ("{", "Python format syntax"),
        ("}", "Python format syntax"),
        ("{instance_id:{schedule}}", "no fields inside a field"),
        ("{instance_id:>1000000000}", "{instance_id:>1000000000}"),
        ("{instance_id:.9999}", "nothing but a precision"),
        ("{scheduled_time:%1000000000d}", "'%1'"),
        ("{scheduled_time:%s}", "'%s'"),
        ("{scheduled_time:%}", "a letter after the last %"),
        ("x-\ud800", "'x-\\ud800' (3 characters)"),
        ("a" * 65, "(65 characters): it is too long"),
        ("t-{scheduled_time:%Y%%}", "character '%' at position 7"),
        ("abc", "(3 characters): it is too short"),
        ("1abc", "begins with '1'"),
        ("_abc", "begins with '_'"),
        ("-{instance_id}", "begins with '-'"),
        ("nightly backup", "character ' ' at position 8"),
        ("nächtlich", "character 'ä' at position 2"),
        ("name-{scheduled_time:%H:%M}", "'name-01:30' (10 characters): character ':' at position 8"),
        ("name\n", "character '\\n' at position 5"),
        ("{schedule}-x", "schedule is not known"),
        ("{instance_name}-x", "instance_name is not known"),
    ],
)
def test_what_is_wrong_with_a_template_is_named(template: str, named: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(named)) as raised:
        render(template)
    assert [problem.field for problem in raised.value.problems] == ["name_template"]


FIELDS = "{instance_id}, {instance_name}, {schedule}, {scheduled_time}"


@pytest.mark.parametrize(
    ("template", "expected", "given"),
    [
        ("{x}", f"only the fields {FIELDS}", "'{x}'"),
        ("a}", "Python format syntax", "'a}' (Single '}' encountered in format string)"),
        ("{instance_id!r}", "no conversions", "'!r'"),
        ("{instance_id:{schedule}}", "no fields inside a field", "'{instance_id:{schedule}}'"),
        ("{instance_id:>9}", "nothing but a precision such as '{instance_id:.8}'", "'{instance_id:>9}'"),
        ("{schedule}-x", "a value for '{schedule}'", "'a request whose schedule is not known'"),
        ("{scheduled_time:%}", "a letter after the last %", "'{scheduled_time:%}'"),
        ("{scheduled_time:%1%\n}", "strftime directives that mean the same everywhere", r"'%1, %\n'"),
        (
            "abc",
            "a template that renders to 4 to 64 characters, a letter first, then letters, digits, - or _",
            "'abc' (3 characters): it is too short",
        ),
    ],
)
def test_the_error_says_what_a_template_may_have_and_what_it_has(template: str, expected: str, given: str) -> None:
    with pytest.raises(InvalidRequest, match="^invalid backup request: name_template: ") as raised:
        render(template)
    assert list(raised.value.problems) == [FieldProblem("name_template", expected, given)]


def test_all_faults_of_a_template_are_named_at_once_each_kind_with_all_that_have_it() -> None:
    template = "{schedule}{x}{y}{instance_id!r}{instance_id:>9}{scheduled_time:%s%1%}{instance_name:{z}}"
    with pytest.raises(InvalidRequest) as raised:
        render(template)
    assert [(problem.field, problem.given) for problem in raised.value.problems] == [
        ("name_template", given)
        for given in (
            "'a request whose schedule is not known'",
            "'{x}, {y}'",
            "'!r'",
            "'{instance_id:>9}'",
            "'%s, %1'",
            "'{scheduled_time:%s%1%}'",
            "'{instance_name:{z}}'",
            "'a request whose instance_name is not known'",
        )
    ]


def test_a_huge_number_of_faults_does_not_make_a_huge_message() -> None:
    with pytest.raises(InvalidRequest) as raised:
        render("".join(f"{{{number}}}" for number in range(10_000)))
    assert len(str(raised.value)) < 400


@given(
    template=st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    "{instance_id",
                    "{instance_name",
                    "{schedule",
                    "{scheduled_time",
                    ":.8",
                    ":%Y%m%d",
                    ":%",
                    "}",
                    "!r",
                    "{",
                    "a",
                    "-",
                    "é",
                    "%",
                ]
            )
        ).map("".join),
    ),
    instance_name=st.none() | st.text(max_size=80),
    schedule=st.none() | st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    scheduled_time=st.datetimes(timezones=st.just(UTC), min_value=datetime(1971, 1, 2), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_any_template_gives_a_legal_name_or_an_error_that_names_the_problem(template: str, **fields: Any) -> None:
    try:
        name = render(template, **fields)
    except InvalidRequest as error:
        assert "name_template" in str(error)
        assert len(str(error)) < 1000
    else:
        assert LEGAL.fullmatch(name)


def test_a_name_is_a_function_of_its_input_alone() -> None:
    assert render(DEFAULT_NAME_TEMPLATE) == render(DEFAULT_NAME_TEMPLATE)


@pytest.mark.parametrize(
    ("template", "used"), [("{instance_name}-x", True), ("{schedule}", False), ("{{instance_name}}", False)]
)
def test_the_instances_name_is_needed_only_where_the_template_shows_it(template: str, used: bool) -> None:
    assert uses_instance_name(template) is used
