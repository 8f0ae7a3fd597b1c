"""One word for one thing: the field's terms in identifiers and log messages, and none that a newcomer has to learn."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.helpers.emitted_telemetry import emitted_telemetry

ROOT = Path(__file__).parents[2]
FOLDERS = ("functions", "layers/gaussdb_backup", "cli", "local", "tools", "tests")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

REPLACED = {
    "wiring services": "bootstrap, …Dependencies",
    "facts readable": "log fields, to_json",
    "deferral patience spread waited": "retry policy, max_age, jitter, age",
    "intake": "consumer, process, retry later",
    "bury buried letter letters": "dead-letter queue, message, dead-lettered",
    "claim claims claimed": "idempotency key, run_once",
    "guard guarded circuit pause paused": "circuit breaker, call, recovery timeout",
    "follow followed following follows look looks looked looking": "track, poll",
    "judge judged finding findings": "evaluate, observation",
    "told tell tells": "reported, logged, notified, returns",
    "came asks asked ask": "given, requested",
    "unforeseen unreadable": "unexpected, malformed",
    "verdict verdicts meaning meanings": "action, error rule",
    "family families answer answers answered": "api prefix, response",
    "buy buys bought": "requests a token",
    "pump": "event source mapping",
    "gate pipeline journal strike strikes": "gateway, request handler, request log, apply",
    "world way": "environment, channel",
    "night nights dying emission figure figures": "scenario, crash process, emitted telemetry, measurement",
}
"""Words, separated by spaces, and what is used in their place."""
PAIRS = {
    ("stand", "in"): "emulator",
    ("stand", "ins"): "emulator",
    ("stands", "still"): "is stalled",
    ("stand", "still"): "is stalled",
    ("put", "back"): "retry later, change visibility",
    ("put", "off"): "deferred",
    ("given", "up"): "dead-lettered",
    ("has", "ended"): "is_final",
    ("bad", "end"): "is_failure",
}
EXCEPTIONS = {
    "circuit_breaker": "the field's term",
    "dead_letter": "the field's term",
    "follow_redirects": "httpx's name",
}


def words_of(name: str) -> list[str]:
    """The words of an identifier: `readTheBody` and `read_the_body` have three."""
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    for exception in EXCEPTIONS:
        parts = parts.replace(exception, "")
    return [word for word in parts.split("_") if word]


def find_replaced(words: list[str]) -> list[str]:
    single = {word: instead for group, instead in REPLACED.items() for word in group.split()}
    found = [f"{word} (use: {single[word]})" for word in words if word in single]
    pairs = [pair for pair in pairwise(words) if pair in PAIRS]
    return found + [f"{' '.join(pair)} (use: {PAIRS[pair]})" for pair in pairs]


def names_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a file defines: modules' own, not those of libraries that it uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield 0, node.asname


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_identifier_is_made_of_the_fields_words(path: Path) -> None:
    found = {
        f"line {line}: {name}: {problem}"
        for line, name in [(0, path.stem), *names_of(ast.parse(path.read_text()))]
        for problem in find_replaced(words_of(name))
    }
    assert sorted(found) == []


def test_every_log_message_is_made_of_the_fields_words() -> None:
    messages = {record["message"] for record in emitted_telemetry().records}
    assert messages
    assert [message for message in messages if find_replaced(re.findall(r"[a-z]+", message.lower()))] == []


NEVER_IN_PROSE = re.compile(
    r"\b(bury|buried|patience|wiring|unforeseen|stand-ins?|pumps?|put off|put back|given up|told)\b", re.IGNORECASE
)
TEXTS = [
    path
    for path in [*SOURCES, *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "template.yaml", ROOT / "Makefile"]
    if path.name not in ("CHANGELOG.md", "test_words.py")  # both list the replaced words
]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_has_a_word_that_was_replaced_everywhere(path: Path) -> None:
    lines = enumerate(path.read_text().splitlines(), 1)
    assert [f"line {number}: {line.strip()}" for number, line in lines if NEVER_IN_PROSE.search(line)] == []


def test_no_folder_is_left_out() -> None:
    folders = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    with_code = {path.name for path in folders if any(path.rglob("*.py"))}
    assert with_code == {folder.split("/")[0] for folder in FOLDERS}


@pytest.mark.parametrize("name", ["answer", "is_bad_end", "PumpQueue", "put_back", "readFacts"])
def test_the_search_would_find_a_replaced_word(name: str) -> None:
    assert find_replaced(words_of(name))


@pytest.mark.parametrize("name", ["circuit_breaker", "CircuitBreakerOpen", "response", "put", "given"])
def test_the_search_lets_the_fields_words_pass(name: str) -> None:
    assert find_replaced(words_of(name)) == []
