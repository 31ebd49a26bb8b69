"""Facts that only all files together tell, kept small: settling needs them wherever it sees only a part of the rows."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

SPANS = {"source": pl.String, "_from": pl.Datetime("us", "UTC"), "_to": pl.Datetime("us", "UTC"), "_size": pl.Int64}
"""First and last moment of each source, and its rows."""


@dataclass(frozen=True)
class Overview:
    """Few words about any number of files; two of them add up.

    Attributes
    ----------
    starttls
        Programs that did STARTTLS in some session: their sessions without it were in plain text.
    databases
        Password database -> (time, line) of its first line: the order in which Dovecot asks them.
    asking, answering
        Hosts in Postfix's failures that wait for Dovecot's word, and in Dovecot's lines that have one: hosts are
        compared where both logs name one that they share.
    spans
        Source -> first and last moment, number of rows: which files overlap.
    """

    starttls: frozenset[str] = frozenset()
    databases: dict[str, tuple[dt.datetime, int]] = field(default_factory=dict)
    asking: frozenset[str] = frozenset()
    answering: frozenset[str] = frozenset()
    spans: dict[str, tuple[dt.datetime, dt.datetime, int]] = field(default_factory=dict)

    def __add__(self, other: Overview) -> Overview:
        spans = dict(self.spans)
        for source, (begin, end, n) in other.spans.items():
            seen = spans.get(source)
            spans[source] = (min(begin, seen[0]), max(end, seen[1]), n + seen[2]) if seen else (begin, end, n)
        databases = dict(self.databases)
        for name, first in other.databases.items():
            databases[name] = min(first, databases.get(name, first))
        return Overview(
            self.starttls | other.starttls,
            databases,
            self.asking | other.asking,
            self.answering | other.answering,
            spans,
        )

    @property
    def by_host(self) -> bool:
        """Whether hosts are compared when lines are paired."""
        return not self.asking.isdisjoint(self.answering)

    @property
    def order(self) -> list[str]:
        """Databases in the order in which they are asked."""
        return [name for _, name in sorted((first, name) for name, first in self.databases.items())]

    def spans_table(self) -> pl.DataFrame:
        """Return the spans as a frame, see SPANS."""
        rows = [(source, *span) for source, span in self.spans.items()]
        return pl.DataFrame(rows, schema=SPANS, orient="row")


def added(parts: Iterable[Overview]) -> Overview:
    """Add up any number of them."""
    return functools.reduce(operator.add, parts, Overview())


LOST_ANSWER = "Connection lost to authentication server"
"""What Postfix says when Dovecot does not answer in time."""

NEIGHBOURS = ("nginx", "perdition", "mailu", "zimbra", "saslauthd")
"""Formats of servers before and behind the mail server, which write of the same attempts."""

WAITS = ("dovecot", "pam", *NEIGHBOURS)
"""Formats whose lines wait for the rows of other files that they may belong to."""

OF_SASLAUTHD = ("authentication failure", "generic failure", "remote authentication server unavailable")
"""How Postfix words a refusal by saslauthd (Cyrus SASL), which alone knows why, and often who."""

_CHECKED = "checkpass failed|Password verification failed"
"""The same as Sendmail gives it: the plug-ins of LOGIN and PLAIN had the password checked elsewhere."""

ASKS_DOVECOT = ("postfix", "exim")
"""Formats of servers that let Dovecot judge: its word belongs to their failures, and is no attempt beside them."""


def waiting() -> pl.Expr:
    """Failures of Postfix and Exim that a line of Dovecot may explain."""
    return (
        pl.col("format").is_in(list(ASKS_DOVECOT))
        & (pl.col("side") == "server")
        & (pl.col("stage") == "auth")
        & (pl.col("basis") == "assumed")
        & pl.col("outcome").is_in(["failure", "deferred"])
    ).fill_null(value=False)


def of_saslauthd() -> pl.Expr:
    """Failures of Postfix and Sendmail that saslauthd, or Zimbra behind it, may explain: their words are Cyrus SASL's."""
    postfix = (pl.col("format") == "postfix") & pl.col("detail").is_in(list(OF_SASLAUTHD))
    sendmail = (pl.col("format") == "sendmail") & pl.col("detail").str.contains(_CHECKED)
    return ((postfix | sendmail) & (pl.col("side") == "server") & (pl.col("stage") == "auth")).fill_null(value=False)


def attempts_of_dovecot() -> pl.Expr:
    """Lines of Dovecot's auth process about one attempt of one client."""
    pattern = pl.col("pattern")
    return (
        (pl.col("format") == "dovecot")
        & (pl.col("_role") == "event")
        & ~pattern.str.starts_with("debug_")
        & ~pattern.str.starts_with("login_")
        & (pl.col("stage") == "auth")
        & pl.col("client_ip").is_not_null()
    ).fill_null(value=False)


def of_events(events: pl.DataFrame) -> Overview:
    """Look at stitched events, for all but the spans."""
    if events.is_empty():
        return Overview()
    asking = events.select(pl.col("host").filter(waiting()).unique()).to_series()
    if not {"starttls", "program"} <= set(events.columns):
        return Overview(asking=_words(asking))
    starttls = events.select(pl.col("program").filter("starttls").unique()).to_series()
    return Overview(starttls=_words(starttls), asking=_words(asking))


def of_loose(loose: pl.DataFrame) -> Overview:
    """Look at the records that wait for other files, for all but the spans."""
    needed = {"format", "pattern", "stage", "client_ip"}
    if loose.is_empty() or not needed <= set(loose.columns):
        return Overview()
    lines = loose.filter(attempts_of_dovecot())
    if lines.is_empty():
        return Overview()
    passdb = pl.col("passdb") if "passdb" in lines.columns else pl.lit(None, pl.String)
    session = pl.col("session") if "session" in lines.columns else pl.lit(None, pl.String)
    first = (
        lines.filter(pl.col("time").is_not_null())
        .select("time", "line_no", passdb=passdb.fill_null(""))
        .sort("time", "line_no", "passdb")
        .unique("passdb", keep="first", maintain_order=True)
    )
    return Overview(
        databases={name: (time, line_no) for time, line_no, name in first.iter_rows()},
        answering=_words(lines.filter(session.is_null())["host"]),
    )


def spans_of(*frames: pl.DataFrame) -> Overview:
    """Look at the times of records of any kind."""
    spans = [pl.col("time").min().alias("_from"), pl.col("time").max().alias("_to"), pl.len()]
    parts = []
    for frame in frames:
        # most often all rows are of one file, which is told at a glance
        if frame.height and (frame["source"] == frame["source"][0]).all():
            parts.append(frame.select(pl.col("source").first(), *spans))
        elif frame.height:
            parts.append(frame.select("source", "time").group_by("source", maintain_order=True).agg(spans))
    if not parts:
        return Overview()
    rows = pl.concat(parts).group_by("source", maintain_order=True)
    rows = rows.agg(pl.col("_from").min(), pl.col("_to").max(), pl.col("len").sum()).drop_nulls()
    return Overview(spans={source: (begin, end, n) for source, begin, end, n in rows.iter_rows()})


def _words(column: pl.Series) -> frozenset[Any]:
    return frozenset(column.unique().drop_nulls())
