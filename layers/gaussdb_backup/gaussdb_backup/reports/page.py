"""The page of an audit: one HTML file that needs nothing else, with no script and no address of another host."""

from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gaussdb_backup.domain.coverage import Coverage, Day, State
from gaussdb_backup.reports import texts
from gaussdb_backup.reports.rows import list_months, make_rows

MAX_DELETIONS = 200
"""Deletions of the next prune that are listed; the page has the number of the others."""
MAX_UNSELECTED = 200
"""Instances that the audit does not select which are listed; the page has the number of the others."""


def _show(value: object) -> object:
    """Return what the template writes: each text without the characters that are not shown, before it is escaped."""
    return texts.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_show,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_page(coverage: Coverage) -> str:
    """Return the page. The same coverage gives the same page; ages count up to its `audited_at`."""
    zone = ZoneInfo(coverage.timezone)
    return _ENVIRONMENT.get_template("coverage.html.j2").render(
        coverage=coverage,
        summary=texts.summarize(coverage),
        months=list_months(coverage),
        dates=[f"{day.day} {day:%b}" for month in list_months(coverage) for day in month.days],
        rows=make_rows(coverage, zone),
        states=[(state, coverage.states.get(state, 0)) for state in State],
        state_words=texts.STATE_WORDS,
        state_descriptions=texts.STATE_DESCRIPTIONS,
        state_marks=texts.STATE_MARKS,
        days=list(Day),
        day_classes={day: day.name[0].lower() for day in Day},
        day_words=texts.DAY_WORDS,
        names={one.instance_id: one.instance_name for one in coverage.instances if one.instance_name},
        max_deletions=MAX_DELETIONS,
        max_unselected=MAX_UNSELECTED,
        count=texts.count,
        show_size=texts.show_size,
        show_time=lambda instant: texts.show_time(instant, zone),
        show_age=lambda instant: texts.show_age(instant, coverage.audited_at),
    )
