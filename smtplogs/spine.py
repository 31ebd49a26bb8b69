"""Where sessions begin and end: records of one process are cut at connect and disconnect, on numbers alone.

The records of a batch stay where they are, in frames of their own shape. What ties them together is the spine: a row
per record with where it lies, whose process wrote it and what kind of mark it is; sorted by process, a session is a
stretch of it. Text (TLS version, HELO, counters) is looked up at the places the spine tells. Source: postfix
src/smtpd/smtpd.c.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.schema import RECORDS
from smtplogs.sources import FILE

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

ATTEMPTS = ("sasl_failure", "sasl_failure_odd", "sasl_aborted", "auth_rate_limit")
"""Patterns whose lines each stand for one AUTH command that the disconnect counter holds as well."""

_ENDS = ("disconnect", "sasl_fatal")
_LINES = 1 << 40  # more lines than a file can have


@dataclass
class Cut:
    """Records cut into sessions.

    Attributes
    ----------
    spine
        A row per record, session by session: `row` (its number), `part` and `idx` (which frame, which row of it),
        `sid`, `event`; the places of the lines where TLS and HELO in force and the TLS library's word stand, and the row of
        the spine with the backend's complaint (null: nowhere).
    sessions
        A row per session: `key`, `began`, whether it starts with a `connect` and has `ended`, what it touched, how
        many attempts its lines name, what its last line and the lines before told.
    facts
        Looks up text of records by their place.
    """

    spine: pl.DataFrame
    sessions: pl.DataFrame
    facts: Facts


@dataclass
class Facts:
    """All records as if their frames stood on top of each other: a record's place is its row there."""

    parts: Sequence[pl.DataFrame]

    def at(self, name: str, places: pl.Series) -> pl.Series:
        """Return the values of a column at some places; null where there is no place or no such column."""
        nothing = pl.Series(name, [None], RECORDS[name].dtype)
        values = [part[name] if name in part.columns else nothing.new_from_index(0, part.height) for part in self.parts]
        return pl.concat(values).gather(places)


def column(name: str, has: Container[str]) -> pl.Expr:
    """Return the column, or nulls of its dtype where a frame does not have it."""
    return pl.col(name) if name in has else pl.lit(None, RECORDS[name].dtype).alias(name)


_LOOKED_AT = ("stage", "outcome", "tls", "helo", "user")
"""Columns that mark a record, where its frame has them."""


def _marks(frame: pl.DataFrame, part: int) -> pl.DataFrame:
    """What the spine needs of each record of a frame."""
    has = tuple(name for name in (FILE, "_order", *_LOOKED_AT) if name in frame.columns)
    return frame.select(*_marks_of(has), part=pl.lit(part, pl.UInt32))


@functools.cache
def _marks_of(has: tuple[str, ...]) -> list[pl.Expr]:
    """Return the marks of records, of whose columns only these may be missing."""
    pattern = pl.col("pattern")
    event = pl.col("_role") == "event"
    touched = column("stage", has).is_in(["auth", "tls"]) | (column("outcome", has) == "throttled")
    marks = {
        "order": pl.col("_order" if "_order" in has else "line_no"),
        "idx": pl.int_range(pl.len(), dtype=pl.UInt32),
        "connect": pattern == "connect",
        "end": pattern.is_in(_ENDS),
        "event": event,
        "touched": event & touched,
        "logged": pl.when(pattern.is_in(ATTEMPTS)).then(pl.col("count")).otherwise(0),
        "mail": pattern.str.starts_with("client_sasl"),
        "backend": pattern == "sasl_backend",
        "library": pattern == "tls_library",
        "aborted": pattern == "abnormal_end",
        "has_tls": column("tls", has).is_not_null(),
        "has_helo": column("helo", has).is_not_null(),
        "login": pattern.str.starts_with("reject") & column("user", has).is_not_null(),
    }
    kept = ["key", "time", *([FILE] if FILE in has else [])]
    return [pl.col(kept), *(mark.alias(name) for name, mark in marks.items())]


def cut(parts: Sequence[pl.DataFrame]) -> Cut:
    """Cut records of any number of frames into sessions, one process after the other in order of lines.

    Frames with FILE hold records of several files, which have no session in common; `_order` is their order.
    """
    marks = pl.concat([_marks(frame, i) for i, frame in enumerate(parts)], how="vertical_relaxed")
    facts = Facts(parts)
    code = marks["key"].cast(pl.Categorical(pl.Categories.random())).to_physical().cast(pl.UInt64).alias("code")
    place = (code * _LINES + marks["order"]).arg_sort().alias("place")
    spine = marks.select(pl.exclude("key", "time", "order")).hstack([code])[place].hstack([place])
    if FILE in spine.columns:  # several files, one after the other in order: a process is at home in one
        spine = spine.with_columns(code=pl.struct("code", FILE).rle_id()).drop(FILE)
    start = (
        pl.col("connect")
        | (pl.col("code") != pl.col("code").shift()).fill_null(value=True)
        | pl.col("end").shift().fill_null(value=True)
    )
    spine = spine.with_columns(start=start, row=pl.int_range(pl.len(), dtype=pl.UInt32))
    first = pl.when("start").then("row").forward_fill()

    def latest(mark: str) -> pl.Expr:
        """Place of the last such mark in the session so far."""
        row = pl.when(mark).then("row").forward_fill()
        return pl.col("place").gather(pl.when(row >= first).then(row))

    same = ~pl.col("start")
    spine = spine.select(
        "part", "idx", "connect", "end", "event", "code", "row", "start", "place",
        sid=pl.col("start").cum_sum() - 1,
        tls=latest("has_tls"), helo=latest("has_helo"), aborted=latest("aborted"), login=latest("login"),
        library=pl.when(same.shift(-1) & pl.col("library").shift(-1)).then(pl.col("place").shift(-1)),
        backend=pl.when(same & pl.col("backend").shift()).then(pl.col("row") - 1),
        # running sums, so that a session's sum is a difference
        **{c: pl.col(c).cast(pl.UInt32).cum_sum() for c in ("touched", "mail", "logged")},
        eventful=pl.col("event").cum_sum(),
    )  # fmt: skip
    return Cut(spine, _sessions(spine, facts, marks.select("key", began="time")), facts)


def _sessions(spine: pl.DataFrame, facts: Facts, marks: pl.DataFrame) -> pl.DataFrame:
    """One row per session, from its first and last rows on the spine."""
    firsts = spine["start"].arg_true()
    lasts = pl.concat([firsts.slice(1), pl.Series([spine.height], dtype=firsts.dtype)]) - 1
    ends = spine[lasts]
    sums = {c: pl.col(c) - pl.col(c).shift(fill_value=0) for c in ("touched", "mail", "logged", "eventful")}
    # the next one's code: the last session of a process may still be running
    tail = (pl.col("code") != pl.col("code").shift(-1)).fill_null(value=True)
    sessions = ends.select(
        "sid", "code", "part", "idx",
        ended="end", tail=tail, logged=sums["logged"],
        **{c: sums[c] > 0 for c in ("touched", "mail", "eventful")},
        stats=pl.lit(facts.at("stats", ends["place"])),
        tls=pl.lit(facts.at("tls", ends["tls"])), helo=pl.lit(facts.at("helo", ends["helo"])),
        aborted=pl.lit(facts.at("detail", ends["aborted"])),
        aborted_in=pl.lit(facts.at("step", ends["aborted"])),
        login=pl.lit(facts.at("user", ends["login"])),
    )  # fmt: skip
    return sessions.hstack(spine.select("connect")[firsts]).hstack(marks[spine["place"][firsts]])
