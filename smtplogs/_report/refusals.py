"""What was refused, by cause, with a line of each: the answer where no finding tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from rich.table import Table
from rich.text import Text

from smtplogs._frames import NOT_ACCEPTED, TOLD_APART, attempts, lazy_columns, plain
from smtplogs._report import words
from smtplogs._report.stories import LONGEST_LINE, evidence_lines
from smtplogs._visible import visible
from smtplogs.replies import causes
from smtplogs.schema import EVENTS, conform, reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from smtplogs.schema import Frame

MOST_CAUSES = 3

HOW_TO_TELL = "`smtplogs explain '<the line below>'` tells what it may be, and how to tell."
"""What to do where the cause is not known."""

_NEEDED = ("cause", "basis", "user", "client_ip", "relay_host", "source", "line_no")


def refusals(events: Frame, zone: str) -> Iterator[RenderableType]:
    """Tell what was refused, by cause: how often, to whom, since when, what it means, what to do, the last line.

    Parameters
    ----------
    events
        The event table.
    zone
        Name of the zone in which times are shown.

    Notes
    -----
    Pasted lines and transcripts are too few for detectors; a cause still has a meaning and a remedy. Only the commonest
    causes are told.
    """
    rows = conform(lazy_columns(events, *_NEEDED, *TOLD_APART))
    lacking = [name for name in _NEEDED if name not in rows.collect_schema()]
    rows = rows.with_columns(pl.lit(None, EVENTS[name].dtype).alias(name) for name in lacking)
    rows = attempts(rows, stage=None).filter(pl.col("outcome").is_in(NOT_ACCEPTED))
    sums = (
        rows.group_by(pl.col("cause").cast(pl.String).fill_null("unknown"))
        .agg(
            pl.col("count").sum().alias("n"),
            pl.col("time").min().alias("first"),
            pl.col("time").max().alias("last"),
            (pl.col("basis") == "assumed").all().alias("assumed"),
            pl.col("user").drop_nulls().unique().sort().alias("users"),
            pl.coalesce("client_ip", "relay_host").drop_nulls().unique().sort().alias("peers"),
            reference().sort_by("time", "source", "line_no").last().alias("line"),
        )
        .sort("n", "cause", descending=[True, False])
        .collect()
    )
    shown = sums.head(MOST_CAUSES)
    lines = evidence_lines(events, shown.select(pl.concat_list("line").alias("evidence")))
    known = {row["cause"]: row for row in causes().iter_rows(named=True)}
    for row in shown.iter_rows(named=True):
        cause = known[row["cause"]]
        unknown = row["cause"] == "unknown"
        when = f", {words.period(row['first'], row['last'], zone)} ({zone})" if row["first"] else ""
        who = [words.several(row["users"]), words.several(row["peers"])]
        told = {
            "who": " at ".join(w for w in who if w),
            "why": why(cause, assumed=row["assumed"]),
            "check": None if unknown else cause["first_check"],
            "do": HOW_TO_TELL if unknown else cause["fix"],
            "line": quoted(row["line"], lines),
        }
        yield block(Text.assemble(("REFUSED", "bold red"), (f" {words.many(row['n'], 'time')}{when}", "bold")), told)
        yield Text()
    if (left := int(sums["n"].slice(MOST_CAUSES).sum())) > 0:
        yield Text(f"{words.many(left, 'more refusal')} of other causes: see `smtplogs summary`.")


def why(cause: Mapping[str, Any], *, assumed: bool) -> str:
    """Return a cause (a row of the table of causes) in words; `assumed`: no line says so."""
    if cause["cause"] == "unknown":
        return "not known: no line of the log says why"
    doubt = " (assumed: the log gives no reason)" if assumed else ""
    return f"{plain(cause['cause'])}{doubt}: {cause['meaning']}"


def quoted(place: str | None, lines: Mapping[str, str]) -> str:
    """Return the place of a line and its text, as far as they are known."""
    return f"{place or ''}  {lines.get(place or '', '')}".strip()


def block(heading: Text, told: Mapping[str, str | None]) -> Table:
    """Return a heading with what is told under it, a label a row; what is empty is left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    grid.add_row("", heading)
    for label, said in told.items():
        if said:
            grid.add_row(label, Text(visible(said, limit=LONGEST_LINE), style="green" if label == "do" else ""))
    return grid
