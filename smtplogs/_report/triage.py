"""The terminal's summary: what was read, then the weightiest findings in plain words, then what to do next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Group
from rich.table import Table
from rich.text import Text

from smtplogs._frames import table
from smtplogs._report import words
from smtplogs._report.alike import folded, named
from smtplogs._report.asked import standing
from smtplogs._report.figures import Figures, Reading, figures, reading
from smtplogs._report.refusals import refusals
from smtplogs._report.stories import EVERYBODYS, LONGEST_LINE, Story, evidence_lines, found, stories
from smtplogs._spans import zone
from smtplogs._visible import visible
from smtplogs.schema import COVERAGE, OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from smtplogs.schema import Frame

STYLES = {"serious": "bold red", "warning": "yellow", "info": "cyan"}
MOST_ERRORS = 5
MOST_NOTES = 3
MOST_PARTS = 3
MOST_UNKNOWN = 2
QUOTED = 500
"""Most characters of a quoted line."""

MOST_QUOTED = 100
"""Findings whose lines are looked up; of a story only the first is quoted."""

FEW_LINES = 100
"""A paste or a transcript: each line of it can be explained."""

PLACES = "/var/log/mail.log, /var/log/maillog, /var/log/exim4/mainlog, journalctl -u 'postfix*' -o short-iso"
"""Where logins are logged, for those who brought another file."""


Line = tuple[str, str, str]
"""Label, text and style of a line of the summary of what was read."""


BEGUN: tuple[Line, ...] = (
    ("Since", "who got in before the moment asked for is not known here; without --since it counts", "yellow"),
)
"""What is said where only a part of the logs was asked for: a device that had worked for years looks like a stranger."""


def triage_text(
    events: Frame,
    coverage: Frame | None,
    findings: Frame,
    *,
    clients: pl.DataFrame | None = None,
    asked: str | None = None,
    limit: int = 10,
    tz: str | None = None,
    windowed: bool = False,
    begun: bool = False,
) -> Group:
    """Return the triage summary for a rich console; without colours it reads the same.

    Parameters
    ----------
    events, coverage, findings
        The tables; without coverage the summary says so.
    clients, asked
        Where the question is about one account or client: the answer of `smtplogs.clients`, and whom it is about in
        words. The findings are those that concern it then.
    limit
        Most findings to tell, the weightiest first; what is part of one is named under it and does not count.
    tz
        Zone in which times are shown; None is UTC.
    windowed
        Whether only a stretch of time was asked for (``since``, ``until``), so that the logs may hold more.
    begun
        Whether its beginning was: who had got in before is not known then, and the summary says so.

    Returns
    -------
    rich.console.Group
        Print it with ``rich.console.Console().print``. Log text in it can neither colour nor move anything.
    """
    tz = zone(tz or "UTC").key
    known = figures(events)
    read = reading(None if coverage is None else table(coverage, COVERAGE))
    ranked, not_assessable = found(findings)
    if clients is not None:  # what is theirs alone before what met everybody
        ranked = ranked.sort(pl.col("subject_kind").is_in(EVERYBODYS).fill_null(value=False), maintain_order=True)
    lines = evidence_lines(events, ranked, limit=MOST_QUOTED, refusals=True)
    told = stories(ranked, lines, {}, tz, limit=MOST_QUOTED)
    blocks: list[RenderableType] = [_summary(known, read, tz, BEGUN if begun else ()), Text()]
    if clients is not None:
        for block in standing(events, clients, ranked.head(limit), asked=asked or "", zone=tz):
            blocks += [block, Text()]
    explained = clients is not None or {story.detector for story in told} - {"exposure"}
    refused = [] if explained else list(refusals(events, tz))
    if not told and (clients is None or clients.height):  # of whom there is no attempt there cannot be a finding
        why = _nothing_found(known, read, refused=bool(refused), windowed=windowed)
        blocks += [Text(f"No finding{' about it' if asked else ''}: {why}."), *([Text()] if refused else [])]
    blocks += refused
    brief = clients is None and any(story.severity != "info" for story in told)
    shown, left = folded(_together(told), limit)
    for (story, *parts), like in shown:
        grid = _brief(story) if brief and story.severity == "info" else _finding(story, parts, tz)
        if like:
            grid.add_row("like", Text(named(like), style="dim"))
        blocks += [grid, Text()]
    if left:
        blocks.append(Text(f"{words.many(left, 'more finding')} not shown here."))
    for title in not_assessable["title"].drop_nulls().unique(maintain_order=True).head(MOST_UNKNOWN):
        blocks.append(Text.assemble(("Not known: ", "bold"), visible(words.localised(title, tz))))
    if (left := not_assessable.height - MOST_UNKNOWN) > 0:
        blocks.append(Text(f"{words.many(left, 'more question')} could not be assessed with these logs."))
    if command := _next(known, read, told=bool(told), refused=bool(refused)):
        blocks.append(Text.assemble(("Next: ", "bold"), command, no_wrap=True, overflow="ignore"))  # to be copied whole
    return Group(*blocks)


def _next(known: Figures, read: Reading, *, told: bool, refused: bool) -> str | None:
    """Return the command that tells more; none where nothing was read, or where a pipe is read to its end."""
    names = _sources(read)
    if refused and 0 < read.lines <= FEW_LINES:
        return "smtplogs explain -" if names == "-" else f"smtplogs explain - < {names}"
    if names == "-":
        return None
    if known.n_attempts or told or refused or not read.n_files:
        return f"smtplogs report {names} -o postmortem.html"
    return f"smtplogs coverage {names}" if read.not_understood else None


def _nothing_found(known: Figures, read: Reading, *, refused: bool, windowed: bool) -> str:
    """Say why there is no finding, and where logins are logged if these logs hold none."""
    if known.n_attempts or refused:
        return "nothing here meets the thresholds of the detectors"
    if read.n_files and not read.lines:
        return "there was nothing to judge: the logs are empty"
    if read.n_files and not read.kept:
        return f"there was nothing to judge: no line is about logins of a known mail server. They stand in {PLACES}"
    if read.n_files and not read.records + read.context + read.dismissed:
        return (
            "there was nothing to judge: no line was understood, so this is no mail log, or one in a form that is not "
            "known. `smtplogs coverage` shows such lines, `smtplogs explain` what is amiss; where an application quotes a relay "
            f"that refuses it, `--format application` reads its log. Logins stand in {PLACES}"
        )
    if windowed and read.records:
        return "there was nothing to judge: no attempt to log in is between the moments that were asked for"
    return "there was nothing to judge: no attempt to log in is in these logs"


def _summary(known: Figures, read: Reading, tz: str, more: tuple[Line, ...] = ()) -> Table:
    """Lay out what was read and understood, over which period, how many attempts there are, and what went wrong."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text, style in (
        *_of_reading(read),
        *_of_times(known, read, tz),
        *_of_attempts(known),
        *_of_faults(read),
        *more,
    ):
        grid.add_row(label, Text(visible(text), style=style))
    return grid


def _of_reading(read: Reading) -> Iterator[Line]:
    """Yield how much was read and understood."""
    if not read.n_files:
        yield "Read", "no coverage table: how much was understood is not known", ""
        return
    amount = f"{words.many(read.n_files, 'file')}, {words.size(read.bytes)}, {words.many(read.lines, 'line')}"
    yield "Read", f"{amount}; {read.kept:,} may be about logins", "" if read.kept or not read.lines else "yellow"
    formats = f" ({', '.join(read.formats)})" if read.formats else ""
    yield "Understood", f"{words.many(read.records + read.context + read.dismissed, 'line')}{formats}", ""
    if read.not_understood:
        were = "was" if read.not_understood == 1 else "were"
        missed = words.many(read.not_understood, "line")
        yield "", f"{missed} that may be about logins {were} not understood", "yellow"
    if read.bad_stamps:
        yield "", f"{words.many(read.bad_stamps, 'line')} with a stamp that cannot be read", "yellow"


def _of_times(known: Figures, read: Reading, tz: str) -> Iterator[Line]:
    """Yield the period, and what year and zone rest on."""
    timeless = "not known: these logs have no clock" if known.n_attempts else "no attempts to log in"
    yield "Period", f"{words.period(known.first, known.last, tz)} ({tz})" if known.first else timeless, ""
    if read.year_evidence:
        yield "Year from", "; ".join(read.year_evidence[:3]), ""
    if read.zone_evidence:
        yield "Zone from", "; ".join(read.zone_evidence[:3]), ""


def _of_attempts(known: Figures) -> Iterator[Line]:
    """Yield the attempts by outcome, ours and those at relays."""
    outcomes = ", ".join(f"{known.by_outcome[o]:,} {o}" for o in OUTCOMES if known.by_outcome.get(o))
    yield "AUTH", f"{words.many(known.n_attempts, 'attempt')}" + (f": {outcomes}" if outcomes else ""), ""
    if known.n_relay_attempts:
        refused = f"{known.n_relay_not_accepted:,} not accepted"
        yield "At relays", f"{words.many(known.n_relay_attempts, 'attempt')} of our server, {refused}", ""


def _of_faults(read: Reading) -> Iterator[Line]:
    """Yield the first errors and notes, and how many more there are."""
    for source, error in read.errors[:MOST_ERRORS]:
        yield "Error", f"{source}: {error}", "red"
    if len(read.errors) > MOST_ERRORS:
        yield "", f"{words.many(len(read.errors) - MOST_ERRORS, 'more file')} with errors", "red"
    for source, note in read.notes[:MOST_NOTES]:
        yield "Note", f"{source}: {note}", "dim"
    if len(read.notes) > MOST_NOTES:
        yield "", words.many(len(read.notes) - MOST_NOTES, "more note"), "dim"


def _together(told: list[Story]) -> list[list[Story]]:
    """Put findings that are one story together, the weightiest of each first."""
    part_of = {story.number: story.part_of for story in told}
    stories_: dict[int, list[Story]] = {}
    for story in told:
        head, seen = story.number, set[int]()
        while (above := part_of.get(head)) is not None and head not in seen:
            seen.add(head)
            head = above
        stories_.setdefault(head, []).append(story)
    return list(stories_.values())


def _headed(story: Story) -> Table:
    """Return the grid of a finding with its number, severity and title."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim", min_width=len("line"))
    grid.add_column(overflow="fold")
    grid.add_row(
        Text(f"{story.number}", style="bold"),
        Text.assemble((story.severity.upper(), STYLES.get(story.severity, "")), " ", (visible(story.title), "bold")),
    )
    return grid


def _brief(story: Story) -> Table:
    """Tell in short what is only good to know, so that the grave findings stay on the screen."""
    grid = _headed(story)
    if story.advice:
        grid.add_row("do", Text(visible(story.advice), style="green"))
    return grid


def _finding(story: Story, parts: list[Story], tz: str) -> Table:
    """Tell one finding: who, from where, since when, why, what to do, how sure, its last line, what else belongs to it.

    What its title says is not repeated.
    """
    grid = _headed(story)
    source = story.trigger or story.source or ""
    clock = story.period == words.BLANK or story.period[:16] in story.title
    quoted = [(place, line) for place, line in story.evidence if line] or story.evidence
    place, line = quoted[-1] if quoted else (None, None)
    told = {
        "who": story.subject if story.names_somebody and story.subject not in story.title else None,
        "from": source if source not in story.title else None,
        "when": None if clock else f"{story.period} ({tz})",
        "why": None if story.cause in ("success", "unknown") else story.cause,  # both tell of no refusal's reason
        "do": story.advice,
        "sure": "; ".join([story.confidence, *map(words.inner, story.because[:3])]).replace("; ", ": ", 1),
        "line": visible(f"{place}  {line or ''}".strip(), limit=QUOTED) if place and story.severity != "info" else None,
    }
    for label, text in told.items():
        if text:
            grid.add_row(label, Text(visible(text, limit=LONGEST_LINE), style="green" if label == "do" else ""))
    for part in parts[:MOST_PARTS]:
        grid.add_row("with" if part is parts[0] else "", Text(f"{part.number}: {visible(part.title)}", style="dim"))
    if len(parts) > MOST_PARTS:
        grid.add_row("", Text(f"and {words.many(len(parts) - MOST_PARTS, 'more finding')} of this story", style="dim"))
    return grid


def _sources(read: Reading) -> str:
    """Return the files for the next command, if they can be typed as they are."""
    known = read.files.filter(pl.col("bytes").is_not_null() | pl.col("lines").is_not_null()) if read.n_files else None
    names = [] if known is None else known["source"].unique(maintain_order=True).to_list()
    plain = 0 < len(names) <= 3 and all(re.fullmatch(r"[A-Za-z0-9._/:+~-]+", name) for name in names)
    return " ".join(names) if plain else "LOGS"
