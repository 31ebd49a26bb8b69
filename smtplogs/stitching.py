"""Records of one SMTP session are tied together: an AUTH row knows its TLS, HELO and session; counters become rows.

A Postfix session is what one smtpd process writes between `connect` and `disconnect` (`spine`). What has an end is
finished here, batch by batch (its rows: `session_rows`); what may still change (open sessions at the end of a file, lines before the first
`connect`) is handed back and finished by `settling`, when all files are known. Source: postfix src/smtpd/smtpd.c,
smtpd_sasl_glue.c.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import linking
from smtplogs._coded import coded
from smtplogs.logformats import SESSION_PATTERNS
from smtplogs.normalising import split_keys
from smtplogs.overview import WAITS
from smtplogs.schema import TIME
from smtplogs.session_rows import SUBMISSION, rows_of
from smtplogs.spine import cut
from smtplogs.unsettled import finished, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATS_AUTH = r"(?:^| )auth=(?P<first>[0-9]+)(?:/(?P<second>[0-9]+))?"
_JITTER = dt.timedelta(minutes=1)
"""By how much later lines of a file may be older."""


_OF_SESSIONS = (pl.col("format") == "postfix") & pl.col("pattern").is_in(list(SESSION_PATTERNS))
_WAITS = pl.col("format").is_in(list(WAITS))
_BY_ID = pl.col("format").is_in(list(linking.FORMATS))


@dataclass
class Carry:
    """What a batch leaves to the next one of the same file.

    Attributes
    ----------
    open
        Records of sessions that have not ended.
    connects
        `key` -> (second, which one) of the last connect of each process, as far as its second may go on: for `-k` in
        session names.
    """

    open: list[pl.DataFrame] = field(default_factory=list)
    connects: dict[str, tuple[dt.datetime, int]] = field(default_factory=dict)


@dataclass
class Stitched:
    """What became of a batch: finished events, and records that only other lines can finish."""

    events: list[pl.DataFrame] = field(default_factory=list)
    loose: list[pl.DataFrame] = field(default_factory=list)


def stitch(batch: Sequence[pl.DataFrame], carry: Carry, *, final: bool = False) -> Stitched:
    """Turn the records of one file (or, `final`, the loose ones of all files) into events.

    Parameters
    ----------
    batch
        Classified records with `time`, in any number of frames.
    carry
        What the batch before left; it is brought up to date.
    final
        Nothing more will come: also finish open sessions and those whose beginning is missing.
    """
    done = Stitched()
    parts = list(carry.open)
    for part in batch:
        mine = part.select(_OF_SESSIONS).to_series()
        if not mine.all():
            others = part.filter(~mine) if mine.any() else part
            done.loose.append(others.filter(_WAITS | (_BY_ID & linking.wanted())))
            done.events.append(finished(others.filter(~_BY_ID & ~_WAITS & (pl.col("_role") == "event"))))
        if mine.any():
            parts.append(part if mine.all() else part.filter(mine))
    carry.open = []
    if parts:
        _in_sessions(parts, carry, done, final=final)
    done.events = [f for f in done.events if f.height]
    done.loose = [f for f in done.loose if f.height]
    return done


def _in_sessions(parts: Sequence[pl.DataFrame], carry: Carry, done: Stitched, *, final: bool) -> None:
    """Finish what has an end; what may go on is carried, what has no beginning is loose."""
    found = cut(parts)
    running = pl.col("tail") & ~pl.col("ended") & (not final)
    sessions = _numbered(
        found.sessions.with_columns(open=running, headless=~pl.col("connect") & ~running & (not final)), carry
    )
    state = sessions.select(pl.when("open").then(2).when("headless").then(1).otherwise(0)).to_series()
    waiting = found.spine.select("part", "idx", state=state.gather(found.spine["sid"])).filter(pl.col("state") > 0)
    kept = _told(sessions.filter(state == 0))
    done.events += rows_of(parts, found, kept)
    rows = [(i, waiting.filter(pl.col("part") == i)) for i in waiting["part"].unique().sort()]
    left = {k: [parts[i][part.filter(pl.col("state") == k)["idx"].sort()] for i, part in rows] for k in (1, 2)}
    done.loose += left[1]
    carry.open = [frame for frame in [stacked(*left[2])] if frame.height]


def _numbered(sessions: pl.DataFrame, carry: Carry) -> pl.DataFrame:
    """Number the sessions of one process that began in the same second."""
    second = pl.col("began").dt.truncate("1s")
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    again = ((pl.col("code") == pl.col("code").shift()) & (second == second.shift())).fill_null(value=False)
    sessions = sessions.with_columns(second=second, nth=row - pl.when(~again).then(row).forward_fill() + 1)
    if carry.connects:
        earlier = pl.DataFrame(
            [(k, s, n) for k, (s, n) in carry.connects.items()],
            schema={"key": pl.String, "second": TIME, "before": pl.Int64},
            orient="row",
        )
        sessions = sessions.join(earlier, on=["key", "second"], how="left", maintain_order="left").with_columns(
            nth=pl.col("nth") + pl.when("connect").then(pl.col("before").fill_null(0)).otherwise(0)
        )
    # sessions end in another order than they began: the clock tells which ones to forget, not this batch
    now = sessions["second"].max()
    if isinstance(now, dt.datetime):
        late = sessions.filter(~pl.col("open") & pl.col("connect") & (pl.col("second") >= now - _JITTER))
        known = carry.connects | {k: (s, n) for k, s, n in late.select("key", "second", "nth").iter_rows()}
        carry.connects = {k: (s, n) for k, (s, n) in known.items() if s >= now - _JITTER}
    return sessions


def _counted(sessions: pl.DataFrame) -> pl.DataFrame:
    """Read AUTH and STARTTLS out of the disconnect statistics, once per distinct text; take the key apart."""
    stats = coded(sessions["stats"])
    auth = stats.words.str.extract_groups(_STATS_AUTH).struct.unnest().cast(pl.UInt32, strict=False)
    starttls = stats.words.str.contains("starttls=", literal=True) & ~stats.words.str.contains(
        "starttls=0", literal=True
    )
    counters = auth.select(auth_ok="first", auth_total=pl.coalesce("second", "first"), starttls=pl.lit(starttls))
    # a counter without STARTTLS proves plain text only where the service is known to do STARTTLS
    plain = pl.col("stats").is_not_null() & ~pl.col("starttls") & pl.col("tls").is_null()
    return (
        split_keys(sessions)
        .hstack([stats.spread(counter) for counter in counters])
        .with_columns(plain=plain.fill_null(value=False))
    )


def _with_names(sessions: pl.DataFrame) -> pl.DataFrame:
    """Name sessions: `host/tag/pid@time of connect`, `-k` for the k-th in that second, `@~` if the connect is missing."""
    nth = pl.when(pl.col("nth") > 1).then(pl.format("-{}", "nth")).otherwise(pl.lit(""))
    began = pl.col("second").dt.to_string("%Y-%m-%dT%H:%M:%SZ").fill_null("")
    mark = pl.when("connect").then(pl.lit("@")).otherwise(pl.lit("@~"))
    who = [pl.col(c).cast(pl.String).fill_null("") for c in ("host", "program", "pid")]
    return sessions.with_columns(session=pl.concat_str(pl.concat_str(who, separator="/"), mark, began, nth))


def _told(sessions: pl.DataFrame) -> pl.DataFrame:
    """Return the finished sessions that matter: those that touched AUTH and the like, and those with events."""
    done = _counted(sessions)
    auth = (pl.col("auth_total") > 0).fill_null(value=False)
    quiet = (pl.col("service").str.contains(SUBMISSION) & pl.col("ended")).fill_null(value=False)
    kept = done.with_columns(auth=auth, told=auth | pl.col("touched") | pl.col("mail") | quiet)
    return _with_names(kept.filter(pl.col("told") | pl.col("eventful")))
