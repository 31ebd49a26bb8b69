"""The postmortem: one self-contained HTML or Markdown file; and the triage summary for the terminal."""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from smtplogs import detect
from smtplogs._durable import whole
from smtplogs._frames import narrow, table
from smtplogs._report import words
from smtplogs._report.contents import contents
from smtplogs._report.figures import NEEDED
from smtplogs._report.markdown import fenced, neutral
from smtplogs._report.pictures import pictures
from smtplogs._report.stories import LONGEST_LINE, evidence_lines, found
from smtplogs._report.triage import triage_text
from smtplogs._spans import zone
from smtplogs._visible import visible
from smtplogs.schema import COVERAGE, INPUTS, TRAFFIC
from smtplogs.sharing import share

if TYPE_CHECKING:
    import os
    from datetime import datetime

    from smtplogs.schema import Frame

__all__ = ["report", "triage_text"]

MISSING_LINE = "(this line is not in the event table)"


def report(
    events: Frame,
    path: str | os.PathLike[str],
    *,
    coverage: Frame | None = None,
    traffic: Frame | None = None,
    findings: Frame | None = None,
    inputs: Frame | None = None,
    title: str | None = None,
    tz: str | None = None,
    written_at: datetime | None = None,
    share_safe: bool = False,
) -> Path:
    """Write the postmortem: what happened, whom it hit, how it is known, what to do.

    The file stands alone: style and charts are inside, nothing is loaded from the network, no script runs. All text
    that comes out of a log is shown as text.

    Parameters
    ----------
    events
        Event table, Polars or pandas.
    path
        File to write: ``.html`` for a page with charts, ``.md`` for Markdown with tables only.
    coverage, traffic
        The other two tables of ``read(..., full=True)``: what was read and understood, and where log lines were seen.
    findings
        What to report; None takes ``smtplogs.findings`` with its default parameters.
    inputs
        Chain of custody of a dataset's logs, ``load(dataset, table="inputs")``: sizes, SHA-256, when they were read.
    title
        Headline; None names the weightiest finding.
    tz
        Zone in which times are shown; None is UTC.
    written_at
        Date of the report, shown if given. No clock is read, so the same events give the same bytes.
    share_safe
        To be handed on: all names and addresses are pseudonyms of this report alone, log lines are left out (`share`).
        `findings` cannot be given then, since they name the originals; a `title` is shown as it is.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    MissingColumns
        If a frame is no event table, or no table of findings.
    ValueError
        If the name of the file has another ending, the zone is unknown, or `findings` or `inputs` come with `share_safe`.
    OSError
        If the file cannot be written; what stood there before still does.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm", ".md"):
        raise ValueError(f"cannot tell the kind of report from {path.name!r}; let the name end in .html or .md")
    tz = zone(tz or "UTC").key
    if share_safe:
        if findings is not None:
            raise ValueError("findings name the originals: leave them out of a report that is safe to share")
        if inputs is not None:
            raise ValueError("the chain of custody names the logs: leave it out of a report that is safe to share")
        key = secrets.token_bytes(32)
        events = share(events, key=key)
        coverage, traffic = (None if t is None else share(t, key=key) for t in (coverage, traffic))
    given = findings is not None
    ranked, not_assessable = found(
        detect.findings(events, coverage=coverage, traffic=traffic) if findings is None else findings
    )
    narrowed = narrow(events, *NEEDED)
    seen = None if coverage is None else table(coverage, COVERAGE)
    page: dict[str, Any] = contents(
        narrowed,
        ranked,
        not_assessable,
        evidence_lines(events, ranked),
        coverage=seen,
        inputs=None if inputs is None else table(inputs, INPUTS),
        title=title,
        tz=tz,
        given=given,
        strip=coverage is not None or traffic is not None,
        written_at=written_at,
    )
    if path.suffix.lower() == ".md":
        text = _markdown(page)
    else:
        minutes = None if traffic is None else table(traffic, TRAFFIC)
        text = _html(page | {"pictures": pictures(narrowed, ranked, coverage=seen, traffic=minutes, tz=tz)})
    with whole(path) as file:
        file.write(text.encode())
    return path


def _html(page: dict[str, Any]) -> str:
    """Fill the HTML template: everything is escaped, and the style is the only thing the page may use."""
    jinja = _environment(autoescape=True, finalize=_show)
    css = jinja.get_template("report.css").render()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    style = Markup(css)  # noqa: S704 - our own file
    return jinja.get_template("report.html.j2").render(
        page, css=style, css_hash=Markup(f"sha256-{digest}"), line=_line  # noqa: S704 - base64
    )  # fmt: skip


def _markdown(page: dict[str, Any]) -> str:
    """Fill the Markdown template: everything is neutralised, evidence stands in fenced blocks."""
    jinja = _environment(autoescape=False, finalize=neutral)
    jinja.filters["inner"] = words.inner
    return jinja.get_template("report.md.j2").render(
        page, fenced=lambda evidence: fenced([f"{place}  {_line(text)}" for place, text in evidence])
    )


def _environment(**options: Any) -> Environment:
    """Return Jinja as both kinds of report need it: an undefined name is an error."""
    return Environment(  # noqa: S701 - HTML is autoescaped, Markdown neutralised by `finalize`
        loader=PackageLoader("smtplogs"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )


def _show(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _line(text: str | None) -> str:
    return MISSING_LINE if text is None else visible(text, limit=LONGEST_LINE)
