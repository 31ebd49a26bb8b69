"""What only other lines can tell: files meet, Dovecot's word meets the failures it belongs to, doubles go.

Works on the events and the loose records of all files, whatever their order.
"""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import overview
from smtplogs.doubles import without_doubles
from smtplogs.linking import FORMATS, link
from smtplogs.neighbours import handed_on, met
from smtplogs.overview import LOST_ANSWER, NEIGHBOURS, WAITS, Overview, of_saslauthd, waiting
from smtplogs.pairing import paired, with_columns
from smtplogs.penalties import penalties
from smtplogs.schema import EVENTS, as_table, empty
from smtplogs.stitching import Carry, stitch
from smtplogs.unsettled import FINISHED, by_file, finished, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

REACH = dt.timedelta(minutes=15)
"""Further than any rule of this room looks."""


def settle(
    events: pl.DataFrame,
    loose: pl.DataFrame,
    *,
    context: pl.DataFrame | None = None,
    known: Overview | None = None,
) -> pl.DataFrame:
    """Finish events with the loose records of all files.

    Parameters
    ----------
    events
        What `stitch` finished, of any number of files.
    loose
        What it handed back: session ends that another file holds, Dovecot and PAM lines.
    context
        Events that cannot change (`may_change`) but that others are judged by: columns CONTEXT.
    known
        What all files together tell, where `events` are only a piece of them.

    Returns
    -------
    DataFrame
        The event table, in order of time, source and line, without the context.
    """
    seen = overview.spans_of(events, loose) + overview.of_loose(loose)
    dovecot = pl.DataFrame()
    if loose.height:
        waits = pl.col("format").is_in(list(WAITS))
        events = stacked(events, sessions_of(loose.filter(~waits)))
        dovecot = loose.filter(waits)
    events, dovecot = without_doubles([events, dovecot], (known or seen).spans_table())
    if events.is_empty() and dovecot.is_empty():
        return empty(EVENTS)
    known = known or seen + overview.of_events(events)
    if context is not None and context.height:
        events = stacked(events, finished(context.with_columns(context=pl.lit(value=True))))
    events = with_columns(plain_text(events, known.starttls) if events.height else empty(EVENTS))
    if dovecot.height:
        words = with_columns(dovecot)
        beside = pl.col("format").is_in(list(NEIGHBOURS))
        events = paired(events, words.filter(~beside), known)
        events = met(events, words.filter(beside))
    if events.is_empty():
        return empty(EVENTS)
    order = ("time", "line_no") if events["source"].n_unique() == 1 else ("time", "source", "line_no")
    table = {**EVENTS, "context": FINISHED["context"]} if context is not None else EVENTS
    events = events.select([c for c in events.columns if c in table])
    events = penalties(as_table(_sorted(events, order), table))
    return events if context is None else events.filter(pl.col("context").is_null()).drop("context")


FEW = 100_000
"""Rows of which a second copy costs less than the care not to make one."""


def _sorted(events: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Sort two columns at a time, taking them out of the frame: there is never a second copy of the whole table."""
    order = _order(events, by)
    if events.height < FEW:
        return events[order]
    names = [c for c in events.columns if events[c].null_count() < events.height]
    columns = (events.drop_in_place(name) for name in names)
    with ThreadPoolExecutor(2) as pool:
        return pl.DataFrame(list(pool.map(lambda column: column.rechunk()[order], columns)))


def _order(events: pl.DataFrame, by: Sequence[str]) -> pl.Series:
    """Return the rows in order; within a file the clock most often goes with the lines, which alone are sorted faster."""
    how = {"nulls_last": True, "maintain_order": True}
    if "source" not in by:
        order = events.select(pl.arg_sort_by("line_no", **how)).to_series()
        if events["time"][order].is_sorted(nulls_last=True):
            return order
    return events.select(pl.arg_sort_by(by, **how)).to_series()


def sessions_of(loose: pl.DataFrame) -> pl.DataFrame:
    """Stitch the ends and beginnings that files left open; `loose` has the files in their order, the oldest first.

    Records that only ids tie together (Exim, Sendmail, OpenSMTPD) are linked here as well.
    """
    if loose.is_empty():
        return pl.DataFrame()
    by_id = loose["format"].is_in(list(FORMATS))
    linked = [finished(link(loose.filter(by_id)))] if by_id.any() else []
    loose = loose.filter(~by_id)
    if loose.is_empty():
        return stacked(*linked)
    # a session may go from one file into the next, within one second too: their lines are numbered through
    mine = loose.sort("time", by_file(loose), "line_no", nulls_last=True)
    mine = mine.with_columns(_order=pl.int_range(pl.len(), dtype=pl.UInt64))
    return stacked(*stitch([mine], Carry(), final=True).events, *linked)


CONTEXT = (
    "time", "source", "line_no", "format", "side", "stage", "outcome", "cause", "basis", "count", "protocol", "user",
    "client_ip", "host", "pid", "program", "detail",
)  # fmt: skip
"""Columns by which events that cannot change have a say about others."""


def may_change() -> pl.Expr:
    """Events that lines of other sessions or files may change; all others are as they will be, but for doubles."""
    nameless = (pl.col("outcome") == "success") & pl.col("user").is_null() & (pl.col("format") == "postfix")
    lost = (pl.col("cause") == "unknown") & pl.col("detail").str.starts_with(LOST_ANSWER)
    plain = pl.col("plain") & pl.col("tls").is_null()
    return pl.any_horizontal(
        e.fill_null(value=False) for e in (waiting(), of_saslauthd(), nameless, lost, plain, handed_on())
    )


def plain_text(events: pl.DataFrame, starttls: frozenset[str]) -> pl.DataFrame:
    """`tls` none where it is proven: no STARTTLS counted on a service that does STARTTLS in other sessions."""
    if "plain" not in events.columns or not starttls:
        return events
    if "tls" not in events.columns:
        events = events.with_columns(tls=pl.lit(None, pl.String))
    rows = events.select((pl.col("plain") & pl.col("tls").is_null()).arg_true()).to_series()
    rows = rows.filter(events["program"].gather(rows).is_in(sorted(starttls)).fill_null(value=False))
    return events if rows.is_empty() else events.with_columns(events["tls"].scatter(rows, "none"))
