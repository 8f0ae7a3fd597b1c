"""Whatever file is checked, the result has its form and its text fits the terminal."""

import json
from pathlib import Path

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussdb_backup_cli.plans.check import check
from gaussdb_backup_cli.plans.plan_file import parse_plans
from gaussdb_backup_cli.plans.rendering import Rendered
from gaussdb_backup_cli.plans.texts import show_check
from tests.helpers.plan_files import FILES, NOW

SCHEMA = Path(__file__).parents[2] / "cli/gaussdb_backup_cli/schemas/plans_check.schema.json"
HOSTILE = st.text(st.characters(codec="utf-8") | st.sampled_from("\x1b\u202e\n"), max_size=40)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"instance_id": HOSTILE}, optional={"instance_name": HOSTILE, "backup_name": HOSTILE, "reason": HOSTILE}
    ),
    max_size=12,
)
RENDERED = st.none() | st.builds(
    Rendered, queued=ENTRIES, skipped=ENTRIES, rejected=ENTRIES, failure=st.none() | HOSTILE
)


@settings(max_examples=40)
@given(FILES, RENDERED, st.integers(60, 120))
def test_the_result_of_any_file_and_any_response_has_its_form(text: str, rendered: Rendered | None, width: int) -> None:
    plans = parse_plans(text, now=NOW)
    result = check("plans.yaml", plans, (lambda *_: rendered) if rendered else None, now=NOW)
    schema = json.loads(SCHEMA.read_text())["properties"]["result"]
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(result)))
    shown = show_check(result, width)
    assert not {"\x1b", "\u202e", "\x07"} & set(shown)
    for line in shown.splitlines():
        assert len(line) <= width or max(len(word) for word in line.split()) > width - 30


@given(st.text(max_size=200))
def test_the_result_of_any_text_has_its_form(text: str) -> None:
    plans = parse_plans(text, now=NOW)
    result = check("plans.yaml", plans, None, now=NOW)
    assert len(show_check(result, 60).splitlines()) >= 1
    assert plans.problems
