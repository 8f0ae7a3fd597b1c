"""YAML whose every value is known by its line.

PyYAML reads YAML 1.1, in which `no`, `1:30` and `010` are not what they seem. Such a value is a problem here, in
whatever field it is, and so are tags, keys that are no text, and keys that are given twice.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_NODES = 100_000
"""Values of a file in which aliases are replaced by what they stand for."""
MOST_LEVELS = 40
_TAG = "tag:yaml.org,2002:"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?([+-]\d\d:\d\d|Z)?)?")

type Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is in a file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, and where. `path` names the value, such as `plans.nightly.backup`; empty for the file."""

    place: Place
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A value that would be a date if it were not taken as the text that it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """What a file has, with the places of each key and value by its path.

    `plain` are the texts of unquoted numbers, truth values and dates.
    """

    data: Any
    problems: list[Problem] = field(default_factory=list)
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    plain: dict[Path, str] = field(default_factory=dict)

    def place_of(self, path: Path, *, key: bool = False) -> Place:
        """Return the place of a value, or of its key; of one that is absent that of the innermost object around it."""
        places: Mapping[Path, Place] = {**self.values, **self.keys} if key or path not in self.values else self.values
        while path and path not in places:
            path, places = path[:-1], {**self.values, **self.keys}
        return places.get(path, Place(1, 1))


def show_path(path: Path) -> str:
    """Return a path as text."""
    return ".".join(str(part) for part in path)


def read_yaml(text: str) -> Document:
    """Read one document. What is wrong with it are its `problems`; of a text that is no YAML that is the only one."""
    try:
        node = yaml.SafeLoader(text).get_single_node()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return Document(None, [Problem(place, "", f"character {chr(error.character)!a} is not allowed in YAML")])
    except yaml.MarkedYAMLError as error:
        return Document(None, [_explain(error, text)])
    except RecursionError:
        return Document(None, [Problem(Place(1, 1), "", f"nested more than {MOST_LEVELS} levels deep")])
    document = Document(None)
    if node is None:
        return document
    converter = _Converter(document)
    try:
        data = converter.convert(node, ())
    except _Refused as refused:
        document.problems[:] = [refused.problem]
        return document
    return Document(data, sorted(set(document.problems)), document.keys, document.values, document.plain)


def _explain(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(1, 1) if mark is None else _place(mark)
    problem = error.problem or error.context or "not YAML"
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\\t" in problem or "\t" in line[: len(line) - len(line.lstrip())]:
        problem = "a tab: YAML is indented with spaces"
    elif "got '?'" in problem:
        problem = "a ? inside { } or [ ]: write the schedule in quotes there"
    elif "another document" in problem:
        problem = "a second document begins here: a file has one, without further lines of ---"
    elif "undefined alias" in problem:
        problem = f"{problem}: an alias stands behind its anchor; a text that begins with * is written in quotes"
    elif "duplicate anchor" in problem:
        problem = "this anchor is given twice"
    return Problem(place, "", " ".join(problem.split()))


def _place(mark: yaml.Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Refused(Exception):
    """Nothing more is read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class _Converter:
    """Turns nodes into values, and notes where each is."""

    document: Document
    count: int = 0

    def convert(self, node: yaml.Node, path: Path) -> Any:
        self.count += 1
        if self.count > MOST_NODES:
            raise _Refused(Problem(_place(node.start_mark), "", f"more than {MOST_NODES:,} values, aliases replaced"))
        if len(path) > MOST_LEVELS:
            raise _Refused(Problem(_place(node.start_mark), "", f"nested more than {MOST_LEVELS} levels deep"))
        self.document.values[path] = _place(node.start_mark)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return {key: self.convert(value, (*path, key)) for key, value in self._entries(node, path)}
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.convert(each, (*path, number)) for number, each in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        return self._problem(node, path, f"the tag {_short(node.tag)} is not used here")

    def _entries(self, node: yaml.MappingNode, path: Path) -> list[tuple[str, yaml.Node]]:
        """Return the entries of an object, with those that `<<` merges into it."""
        merged: dict[str, yaml.Node] = {}
        own: dict[str, yaml.Node] = {}
        first: dict[str, Place] = {}
        for key, value in node.value:
            place = _place(key.start_mark)
            if key.tag == f"{_TAG}merge":
                merged = {**dict(self._merged(value, path)), **merged}
            elif not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                text = key.value if isinstance(key, yaml.ScalarNode) else "this"
                self._problem(key, path, f"the key {_short(text)} is no text: write it in quotes")
            elif key.value in own:
                message = f"given twice, first in line {first[key.value].line}"
                self._problem(key, (*path, key.value), message)
            else:
                own[key.value], first[key.value] = value, place
                self.document.keys[*path, key.value] = place
        return list({**merged, **own}.items())

    def _merged(self, node: yaml.Node, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        self.count += 1
        if len(path) > MOST_LEVELS or self.count > MOST_NODES:
            raise _Refused(Problem(_place(node.start_mark), "", "too many values, aliases replaced"))
        for each in reversed(nodes):
            if isinstance(each, yaml.MappingNode):
                yield from self._entries(each, (*path, "<<"))
            else:
                self._problem(each, path, "<< merges objects only")

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text, kind = node.value, node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        if kind == "null":
            return None
        if node.style is None and kind in ("bool", "int", "float", "timestamp"):
            self.document.plain[path] = text
            return self._plain(node, path, kind)
        return self._problem(node, path, f"the tag {_short(node.tag)} is not used here")

    def _plain(self, node: yaml.ScalarNode, path: Path, kind: str) -> Any:
        text = node.value
        quotes = f'write "{text}", in quotes, where a text is meant'
        if kind == "timestamp":
            return (
                Unquoted(text)
                if _DATE.fullmatch(text)
                else self._problem(
                    node,
                    path,
                    f"{_short(text)} is read as a time: {quotes}, else a date or time such as 2026-12-01T03:30",
                )
            )
        if kind == "bool":
            if text in ("true", "false"):
                return text == "true"
            meant = "true" if text.lower() in ("yes", "on", "true") else "false"
            return self._problem(node, path, f"{text} is read as {meant}: {quotes}, and {meant} where that is meant")
        if not _NUMBER.fullmatch(text) or len(text) > MOST_LEVELS:
            return self._problem(node, path, f"{_short(text)} is read as another number than it shows: {quotes}")
        return float(text) if "." in text else int(text)

    def _problem(self, node: yaml.Node, path: Path, message: str) -> None:
        self.document.problems.append(Problem(_place(node.start_mark), show_path(path), message))


def _short(text: object) -> str:
    shown = str(text)
    return shown if len(shown) <= MOST_LEVELS else f"{shown[:MOST_LEVELS]}…"
