"""Large event tables in bounded pieces by time: what a detector reads of them, and evidence that can be gathered so."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import polars as pl

from smtplogs._engine import by_size, within
from smtplogs._parameters import several
from smtplogs._written import only
from smtplogs.detect._attempts import account
from smtplogs.detect._findings import MOST_LINES
from smtplogs.schema import EVENTS, PROTOCOLS, behind_door, conform, need, reference, to_polars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

P = ParamSpec("P")
T = TypeVar("T")

MOST_ROWS = 2_000_000
"""Rows of a piece, about: with twenty narrow columns some 300 MB while it is being worked on."""

NUMBERED = ("account", "client_ip", "user", "source", "helo", "host", "mechanism", "service", "tls", "relay_host")
"""Texts that repeat: held as categories, 4 bytes a row, equal over the pieces."""

FEW = 200_000
"""Rows up to which the queries about them cost more in being asked than in being answered."""

SCRAMBLE = 2_654_435_761
"""Knuth's multiplier: spreads times, so that the lowest of the products are a fair choice of lines, which does not
depend on how a log was cut into files."""


class Accounts:
    """The accounts of logins as categories; each distinct login is brought to its normal form once."""

    def __init__(self) -> None:
        """Know none at first."""
        # at the place of each category of a login: whether it was seen, and its account
        self._known = pl.Series("seen", [], pl.Boolean), pl.Series("account", [], pl.Categorical())

    def of(self, users: pl.Series) -> pl.Series:
        """Return the account of each login; null for none."""
        logged = users.cast(pl.Categorical)
        places = logged.to_physical()
        seen, forms = self._known
        missing = int(-1 if places.max() is None else places.max()) + 1 - len(seen)  # pyright: ignore
        if missing > 0:
            seen = pl.concat([seen, pl.repeat(value=False, n=missing, eager=True).alias("seen")])
            forms = pl.concat([forms, pl.Series("account", [None], pl.Categorical()).new_from_index(0, missing)])
        new = logged.filter(~seen.gather(places).fill_null(value=True)).unique()
        if len(new):
            own = new.cast(pl.String).to_frame("user").select(account(pl.col("user")).cast(pl.Categorical))
            both = pl.DataFrame({"place": new.to_physical(), "account": own.to_series()})
            every = pl.int_range(len(seen), dtype=pl.UInt32, eager=True).to_frame("place")
            every = every.join(both.with_columns(now=True), on="place", how="left", maintain_order="left")
            every = every.select(seen | pl.col("now").fill_null(value=False), pl.coalesce("account", forms))
            seen, forms = self._known = every.to_series(0), every.to_series(1)
        return forms.gather(places)


_KNOWN: ContextVar[dict[str, Any] | None] = ContextVar("known", default=None)


@contextmanager
def same_events() -> Iterator[None]:
    """Let several detectors look at the same events: what is the same for all of them is found out once."""
    token = _KNOWN.set({})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def shared(what: str, work: Callable[[], T]) -> T:
    """Return what the work returns: within ``same_events`` it is done once for all detectors, else each time."""
    known = _KNOWN.get()
    if known is None:
        return work()
    if what not in known:
        known[what] = work()
    return known[what]


@dataclass(frozen=True)
class Slices:
    """A lazy event table and the bounds of its pieces: half-open, in order of time, together all rows with a time."""

    events: pl.LazyFrame
    present: frozenset[str]
    bounds: tuple[tuple[datetime, datetime], ...]
    accounts: Accounts = field(default_factory=Accounts)


def sliced(events: pl.LazyFrame, *needed: str) -> Slices:
    """Cut events into pieces of about ``MOST_ROWS`` rows at most, at full hours; an hour is never cut.

    Raises
    ------
    MissingColumns
        if a column of `needed` is missing.
    """
    need(events, *needed)
    events = conform(events)
    present = frozenset(events.collect_schema().names())
    hours = shared("hours", functools.partial(_hours, events))
    piece = (hours["len"].cast(pl.Int64).cum_sum() - 1) // MOST_ROWS
    spans = hours.group_by(piece.alias("piece"), maintain_order=True).agg(
        pl.col("hour").first(), (pl.col("hour").last() + timedelta(hours=1)).alias("end")
    )
    return Slices(events, present, tuple(spans.select("hour", "end").iter_rows()))


def _hours(events: pl.LazyFrame) -> pl.DataFrame:
    hours = events.select(pl.col("time").dt.truncate("1h").alias("hour")).filter(pl.col("hour").is_not_null())
    return hours.group_by("hour").len().sort("hour").collect(engine=by_size())


def stretches(
    slices: Slices, words: Mapping[str, Sequence[str]], look: pl.Expr | None = None
) -> Iterator[pl.LazyFrame]:
    """Yield the rows of each piece, all columns of them, still lazy; of an empty table one that is empty.

    `words` and `look`: what is asked first, as `only` asks it.
    """
    events = only(slices.events, words, look)
    if not slices.bounds:
        yield events.head(0)
    for first, last in slices.bounds:
        yield events.filter(pl.col("time") >= first, pl.col("time") < last)


def pieces(
    slices: Slices,
    *columns: str,
    words: Mapping[str, Sequence[str]] | None = None,
    where: pl.Expr | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    timeless: bool = False,
) -> Iterator[pl.DataFrame]:
    """Yield the rows of each piece: only these columns, in their documented dtypes; missing ones are null.

    `account` (normal form of the login) may be asked for like a column. `words` that must stand in some columns are
    asked first, and cost little; `where` sees event columns. Rows from `since` on and before `until`, and if `timeless`
    at last those without a time; texts that repeat are categories. The next piece is read while one is worked on.
    """
    names = list(dict.fromkeys("user" if c == "account" else c for c in ("time", *columns)))
    numbered = [c for c in NUMBERED if c in columns and c != "account"]
    words = words or {}
    events = only(slices.events, words) if slices.present.issuperset(words) else slices.events.clear()
    bounds = [(max(first, since or first), min(last, until or last)) for first, last in slices.bounds]

    def read(rows: pl.LazyFrame) -> pl.DataFrame:
        if where is not None:
            absent = [pl.lit(None, EVENTS[c].dtype).alias(c) for c in EVENTS if c not in slices.present]
            rows = (rows.with_columns(absent) if absent else rows).filter(where)
        rows = rows.select(pl.col(n) if n in slices.present else pl.lit(None, EVENTS[n].dtype).alias(n) for n in names)
        piece = rows.collect(engine=by_size())
        if "account" in columns:
            piece = piece.with_columns(slices.accounts.of(piece["user"]))
        return compact(piece.with_columns(pl.col(c).cast(pl.Categorical) for c in numbered).select("time", *columns))

    time = pl.col("time")
    parts = [events.filter(time >= start, time < end) for start, end in bounds if start < end]
    if timeless:
        parts.append(events.filter(time.is_null()))
    yield from ahead([functools.partial(read, part) for part in parts])


def ahead(jobs: Sequence[Callable[[], T]]) -> Iterator[T]:
    """Yield what the jobs return, in their order; a second thread does the next one while the last is made use of.

    Polars lets other threads run meanwhile: work that it does on one core leaves the other free for reading.
    """
    if len(jobs) < 2:
        yield from (job() for job in jobs)
        return
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(jobs[0])
        for job in jobs[1:]:
            done, coming = coming.result(), reader.submit(job)
            yield done
            del done
        yield coming.result()


def judged(protocols: Sequence[str] = ("smtp",), stages: Sequence[str] = ("auth",)) -> pl.Expr:
    """Return the condition for attempts at our server, of these protocols and stages, that say how they ended."""
    return (
        pl.col("stage").is_in(list(stages))
        & (pl.col("side").fill_null("server") == "server")
        & spoken(protocols)
        & (pl.col("outcome") != "info")
        & (pl.col("count").fill_null(1) > 0)
    )


def spoken(protocols: Sequence[str]) -> pl.Expr:
    """Return the condition for events of these protocols; a word that is none of ours fits no event."""
    return pl.col("protocol").fill_null("smtp").is_in([p for p in several("protocols", protocols) if p in PROTOCOLS])


def picked(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    """Keep at most 20 lines of each group: the first, the last, and a choice that is the same for any slicing.

    Rows need `time, source, line_no`; those without a line are passed over. Picking from picked rows of pieces gives
    what picking from all of them gives.
    """
    order = ["time", "source", "line_no"]
    return (
        rows.filter(pl.col("source").is_not_null(), pl.col("line_no").is_not_null())
        .select(by, *order)
        .with_columns(pl.col("source").cast(pl.String))
        .unique()
        .sort(by, *order)
        .with_columns(
            pl.int_range(pl.len()).over(by).alias("place"),
            pl.int_range(pl.len()).reverse().over(by).alias("left"),
            (pl.col("time").dt.timestamp("us") % 2**31 * SCRAMBLE % 2**32).alias("drawn"),
        )
        .with_columns(pl.when((pl.col("place") == 0) | (pl.col("left") == 0)).then(None).otherwise("drawn").alias("d"))
        .with_columns(pl.struct("d", "place").rank("ordinal").over(by).alias("rank"))
        .filter(pl.col("d").is_null() | (pl.col("rank") <= MOST_LINES))
        .select(by, *order)
    )


def proof(
    slices: Slices,
    wanted: pl.DataFrame,
    keys: Sequence[str],
    *,
    words: Mapping[str, Sequence[str]] | None = None,
    where: pl.Expr | None = None,
) -> dict[Any, list[str]]:
    """Return the lines behind findings: finding -> ``source:line_no``, in order of time, at most 20.

    Parameters
    ----------
    wanted
        ``finding, start, end`` and the key columns: rows of the events with these keys, from start to end, both in.
    keys
        Columns of the events (or `account`) that the rows of a finding share.
    words, where
        Which events count at all.
    """
    if wanted.is_empty():
        return {}
    kept = {k: pl.Categorical() if k in NUMBERED else EVENTS[k].dtype for k in keys}
    wanted = wanted.with_columns(pl.col(k).cast(dtype) for k, dtype in kept.items())
    since, last = span_of(wanted, "start", "end")
    until = last + timedelta(microseconds=1)
    chosen: list[pl.DataFrame] = []
    for piece in pieces(slices, *keys, "source", "line_no", words=words, where=where, since=since, until=until):
        if piece.is_empty():
            continue
        chosen = [picked(pl.concat([*chosen, picked(_inside(piece, wanted, keys), "finding")]), "finding")]
    if not chosen:
        return {}
    named = chosen[0].select("finding", reference().alias("line"))
    return dict(named.group_by("finding", maintain_order=True).agg("line").iter_rows())


MOST_BUCKETS = 500
"""Stretches of time into which a piece is cut, to look for its rows in findings."""


def _inside(piece: pl.DataFrame, wanted: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows of a piece between `start` and `end` of each finding with these keys.

    Rows and findings meet by stretches of time: all rows of one key with all its findings could grow beyond memory.
    """
    first, final = span_of(piece, "time", "time")
    width = max(timedelta(hours=1), (final - first) / MOST_BUCKETS) // timedelta(microseconds=1)

    def bucket(moment: str) -> pl.Expr:
        since = (pl.col(moment) - first).dt.total_microseconds()
        return (since // width).clip(0, MOST_BUCKETS)

    here = wanted.filter(pl.col("start") <= final, pl.col("end") >= first)
    here = here.with_columns(pl.int_ranges(bucket("start"), bucket("end") + 1).alias("_bucket")).explode("_bucket")
    found = piece.with_columns(bucket("time").alias("_bucket")).join(here, on=[*keys, "_bucket"]).drop("_bucket")
    return found.filter(pl.col("time") >= pl.col("start"), pl.col("time") <= pl.col("end"))


def sliced_door(function: Callable[Concatenate[pl.LazyFrame, P], pl.DataFrame]) -> Callable[Concatenate[Any, P], Any]:
    """Let a detector that reads in pieces take any frame: a LazyFrame stays lazy, pandas is answered in kind."""
    return _door(function, lambda frame: frame)


def lazy_door(function: Callable[Concatenate[pl.LazyFrame, P], pl.DataFrame]) -> Callable[Concatenate[Any, P], Any]:
    """Let a detector that asks for some columns and rows of a lazy table, in documented dtypes, take any frame."""
    return _door(function, conform)


def _door(
    function: Callable[Concatenate[pl.LazyFrame, P], pl.DataFrame], prepared: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> Callable[Concatenate[Any, P], Any]:
    """Let a detector take any frame; a small one in memory is judged on a thread of the engine."""

    def answer(frame: Any, work: Callable[[pl.LazyFrame], pl.DataFrame]) -> pl.DataFrame:
        if isinstance(frame, pl.LazyFrame):
            return work(prepared(frame))
        lazy = to_polars(frame).lazy()
        return within(functools.partial(work, lazy)) if len(frame) <= FEW else work(lazy)

    return behind_door(function, answer)


def span_of(frame: pl.DataFrame, first: str, last: str) -> tuple[Any, Any]:
    """Return the least of one column and the greatest of another."""
    return frame.select(pl.col(first).min().alias("first"), pl.col(last).max().alias("last")).row(0)


def texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return categories as texts again."""
    return frame.with_columns(pl.selectors.categorical().cast(pl.String))


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """Write texts anew: the few that are kept of a file's page would keep all of that page in memory."""
    return frame.with_columns(pl.concat_str(c, pl.lit("")).alias(c) for c, t in frame.schema.items() if t == pl.String)
