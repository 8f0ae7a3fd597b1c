"""YAML whose every value is known by its line, and in which nothing is read as something else than it shows."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup_cli.plans.yaml_lines import Place, Unquoted, read_yaml

BILLION_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED_LAUGHS = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{','.join([f'*{before}'] * 10)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def problems(text: str) -> list[tuple[int, int, str, str]]:
    return [(each.place.line, each.place.column, each.path, each.message) for each in read_yaml(text).problems]


def test_each_key_and_value_has_its_place() -> None:
    document = read_yaml("plans:\n  nightly:\n    select: {tags: {env: prod}}\n    ids:\n      - one\n")
    assert document.data == {"plans": {"nightly": {"select": {"tags": {"env": "prod"}}, "ids": ["one"]}}}
    assert document.problems == []
    assert document.place_of(("plans", "nightly"), key=True) == Place(2, 3)
    assert document.place_of(("plans", "nightly", "select", "tags", "env")) == Place(3, 26)
    assert document.place_of(("plans", "nightly", "ids", 0)) == Place(5, 9)


def test_what_is_absent_is_at_the_key_around_it() -> None:
    document = read_yaml("plans:\n  nightly:\n    backup: {}\n")
    assert document.place_of(("plans", "nightly", "backup", "schedule")) == Place(3, 5)
    assert read_yaml("").place_of(("plans",)) == Place(1, 1)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\na: 2\n", 2, 1, "given twice, first in line 1"),
        ("1: a\n", 1, 1, "the key 1 is no text: write it in quotes"),
        ("no: a\n", 1, 1, "the key no is no text: write it in quotes"),
        ("2026-12-01: a\n", 1, 1, "the key 2026-12-01 is no text: write it in quotes"),
        ("? [a]\n: b\n", 1, 3, "the key this is no text"),
        ("a:\n\tb: 1\n", 2, 1, "a tab: YAML is indented with spaces"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here"),
        ("a: no\n", 1, 4, 'no is read as false: write "no", in quotes'),
        ("a: on\n", 1, 4, 'on is read as true: write "on", in quotes'),
        ("a: True\n", 1, 4, "True is read as true"),
        ("a: 13:30\n", 1, 4, 'read as another number than it shows: write "13:30", in quotes'),
        ("a: 010\n", 1, 4, "010 is read as another number than it shows"),
        ("a: 0x10\n", 1, 4, "0x10 is read as another number than it shows"),
        ("a: 1_000\n", 1, 4, "1_000 is read as another number than it shows"),
        ("a: 1.0e+3\n", 1, 4, "1.0e+3 is read as another number than it shows"),
        ("a: .inf\n", 1, 4, ".inf is read as another number than it shows"),
        ("a: 2001-12-14t21:59:43.10-05:00\n", 1, 4, "is read as a time"),
        ("a: !python/object:os.system ls\n", 1, 4, "the tag !python/object:os.system is not used here"),
        ("a: !!set {b: null}\n", 1, 4, "the tag tag:yaml.org,2002:set is not used here"),
        ("a: !!binary aGk=\n", 1, 4, "the tag tag:yaml.org,2002:binary is not used here"),
        ("a: *b\n", 1, 4, "found undefined alias 'b'"),
        ("a: {b: cron(0 7 * * ? *)}\n", 1, 21, "a ? inside { } or [ ]: write the schedule in quotes there"),
        ("a: [1\nb: 2\n", 2, 2, "expected ',' or ']'"),
        ("a: 'x\n", 2, 1, "found unexpected end of stream"),
        ("a: {<<: 1}\n", 1, 9, "<< merges objects only"),
        ("a: \x07\n", 1, 4, "character '\\x07' is not allowed in YAML"),
        ("a: &a [*a]\n", 1, 4, "nested more than 40 levels deep"),
        ("a: &a {<<: *a}\n", 1, 4, "too many values, aliases replaced"),
        ("[" * 100, 1, 101, "but found '<stream end>'"),
        ("[" * 5000, 1, 1, "nested more than 40 levels deep"),
        (BILLION_LAUGHS, 0, 0, "more than 100,000 values, aliases replaced"),
        (MERGED_LAUGHS, 0, 0, "too many values, aliases replaced"),
    ],
    ids=lambda value: ascii(value)[:40] if isinstance(value, str) else None,
)
def test_what_is_wrong_has_its_place(text: str, line: int, column: int, words: str) -> None:
    [found, *more] = problems(text)
    assert words in found[3]
    assert not line or found[:2] == (line, column)
    assert more == []


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: true\nb: 26\nc: -1\nd: 1.5\ne: ~\n", {"a": True, "b": 26, "c": -1, "d": 1.5, "e": None}),
        (
            "a: 2026-12-01\nb: 2026-12-01 03:30:00\n",
            {"a": Unquoted("2026-12-01"), "b": Unquoted("2026-12-01 03:30:00")},
        ),
        ("a: 'no'\nb: \"010\"\nc: !!str 1\n", {"a": "no", "b": "010", "c": "1"}),
        (
            "a: &x {b: c, d: e}\nf: *x\ng: {<<: *x, d: h}\n",
            {
                "a": {"b": "c", "d": "e"},
                "f": {"b": "c", "d": "e"},
                "g": {"b": "c", "d": "h"},
            },
        ),
        ("a: cron(30 3 * * ? *)\n", {"a": "cron(30 3 * * ? *)"}),
        ("", None),
        ("# nothing\n", None),
    ],
    ids=["plain", "times", "quoted", "aliases", "schedule", "empty", "comment"],
)
def test_what_is_meant_is_read(text: str, data: object) -> None:
    document = read_yaml(text)
    assert (document.data, document.problems) == (data, [])


def test_a_value_behind_an_alias_has_the_place_of_its_anchor() -> None:
    document = read_yaml("a: &x\n  b: c\nd: *x\ne:\n  <<: *x\n")
    assert [document.place_of((key, "b")) for key in "ade"] == [Place(2, 6)] * 3


def test_all_problems_are_found_at_once_in_the_order_of_their_lines() -> None:
    found = problems("b: no\na: yes\nb: 010\n")
    assert [(line, path) for line, _, path, _ in found] == [(1, "b"), (2, "a"), (3, "b")]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, DATA, max_size=4))
def test_whatever_yaml_writes_is_read_without_a_problem(data: dict[str, object]) -> None:
    document = read_yaml(yaml.safe_dump(data, allow_unicode=True))
    assert (document.data, document.problems) == (data, [])


@given(st.text(alphabet="ab:{}[]-&*<!?|>'\"#,01.\n\t ~", max_size=60))
def test_any_text_is_read_or_has_a_problem(text: str) -> None:
    document = read_yaml(text)
    for problem in document.problems:
        assert problem.place.line <= text.count("\n") + 1
        assert "\n" not in problem.message
