"""Records of one SMTP session are tied together: an AUTH row knows its TLS, HELO and session; counters become rows.

A Postfix session is what one smtpd process writes between `connect` and `disconnect` (`spine`). What has an end is
finished here, batch by batch; what may still change (open sessions at the end of a file, lines before the first
`connect`) is handed back and finished by `settling`, when all files are known. Source: postfix src/smtpd/smtpd.c,
smtpd_sasl_glue.c.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import linking, replies
from smtplogs._coded import coded, places
from smtplogs._columns import without
from smtplogs.logformats import SESSION_PATTERNS
from smtplogs.normalising import split_keys
from smtplogs.overview import WAITS
from smtplogs.schema import EVENTS, RECORDS, TIME, Column, as_table, reference
from smtplogs.spine import ATTEMPTS, Cut, column, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUBMISSION = r"^(?:submission|smtps)"
"""Services on which a client is expected to log in (master.cf of Postfix 2.9 and later)."""

_STATS_AUTH = r"(?:^| )auth=(?P<first>[0-9]+)(?:/(?P<second>[0-9]+))?"
_JITTER = dt.timedelta(minutes=1)
"""By how much later lines of a file may be older."""

_STANDS_ON = (
    "source", "line_no", "time", "time_quality", "format", "raw", "client_ip", "client_port", "client_name", "redacted",
)  # fmt: skip


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


def stacked(*frames: pl.DataFrame) -> pl.DataFrame:
    """Put frames of records on top of each other, whatever columns they have."""
    filled = [f for f in frames if f.height]
    return pl.concat(filled, how="diagonal") if filled else pl.DataFrame()


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
    waits = pl.col("format").is_in(list(WAITS))
    by_id = pl.col("format").is_in(list(linking.FORMATS))
    for part in batch:
        mine = part.select(
            (pl.col("format") == "postfix") & pl.col("pattern").is_in(list(SESSION_PATTERNS))
        ).to_series()
        if not mine.all():
            others = part.filter(~mine) if mine.any() else part
            done.loose.append(others.filter(waits | (by_id & linking.wanted())))
            others = others.filter(~by_id)
            done.events.append(finished(others.filter(~waits & (pl.col("_role") == "event"))))
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
    done.events += _events(parts, found, kept)
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


def _events(parts: Sequence[pl.DataFrame], found: Cut, kept: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the rows of finished sessions: what lines say, what counters prove, what was refused in silence."""
    if kept.is_empty():
        return []
    kept = kept.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
    last = _records_at(parts, kept, _STANDS_ON)  # of each session
    mine = places(found.sessions.height, kept["sid"])
    here = found.spine.with_columns(of=mine.gather(found.spine["sid"])).filter("event", pl.col("of").is_not_null())
    lines, used = [], []
    for part, rows in _by_part(parts, here):
        told, complaints = _after_backend(_line_events(part, rows, found, kept), parts, found.spine)
        lines.append(told)
        used += complaints
    if used:
        lines = [rows.filter(~pl.col("row").is_in(used)) for rows in lines]
    out = [*_logins(last, lines, kept), *lines, *_silent(last, kept), _info(last, kept.filter("told"))]
    return [finished(part) for part in out if part.height]


FINISHED = {
    **EVENTS,
    "plain": Column(pl.Boolean, "no TLS was seen and no STARTTLS counted"),
    "starttls": Column(pl.Boolean, "STARTTLS was counted"),
    "context": Column(pl.Boolean, "only looked at by `settling`, neither changed nor kept"),
}
"""Columns of a finished event; the last ones are for `settling`."""


def finished(part: pl.DataFrame) -> pl.DataFrame:
    """Keep the columns of finished events, as far as there are any."""
    return as_table(part, FINISHED, fill=False)


def _by_part(parts: Sequence[pl.DataFrame], here: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield the records on a piece of the spine, frame by frame, with what the spine tells of each."""
    at = places(sum(part.height for part in parts), here["place"])
    told, here = at.is_not_null(), here[at.drop_nulls()]
    first = 0
    for part in parts:
        mine = told.slice(first, part.height)
        first += part.height
        if mine.any():
            rows = part.filter(mine)
            yield rows, here.head(rows.height)
            here = here.slice(rows.height)


def _line_events(rows: pl.DataFrame, here: pl.DataFrame, found: Cut, kept: pl.DataFrame) -> pl.DataFrame:
    """Give event rows what their session knows."""
    own = kept.select("session", "plain", "starttls", "helo")[here["of"]]
    tls = found.facts.at("tls", here["tls"])
    known = here.select("of", "row", "backend").with_columns(
        own["session"], own["plain"], own["starttls"],
        tls=pl.coalesce(pl.lit(tls), pl.when(pl.lit(own["starttls"])).then(pl.lit("yes"))),
        cipher=pl.lit(found.facts.at("cipher", here["tls"])),
        helo=pl.coalesce(pl.lit(found.facts.at("helo", here["helo"])), pl.lit(own["helo"])),
    )  # fmt: skip
    rows = without(rows, known.columns).hstack(known)
    return _with_library_words(rows, found.facts.at("detail", here["library"]))


def patched(frame: pl.DataFrame, rows: pl.Series, values: pl.DataFrame) -> pl.DataFrame:
    """Put new values (nulls change nothing) into a few rows without moving the others."""
    new = values.select(pl.all().gather(places(frame.height, rows)))
    return frame.with_columns(pl.coalesce(pl.lit(new[c]), pl.col(c)).alias(c) for c in values.columns)


def _with_library_words(rows: pl.DataFrame, words: pl.Series) -> pl.DataFrame:
    """A failed handshake is told by the line of the TLS library that follows it."""
    joined = ((rows["pattern"] == "tls_error") & words.is_not_null()).arg_true()
    if joined.is_empty():
        return rows
    nothing = {c: pl.lit(None, RECORDS[c].dtype) for c in ("outcome", "cause", "basis")}
    told = rows[joined].with_columns(detail=pl.concat_str("detail", pl.lit(": "), pl.lit(words[joined])), **nothing)
    return patched(rows, joined, replies.classify(told).select("detail", "outcome", "cause", "basis"))


def _after_backend(
    rows: pl.DataFrame, parts: Sequence[pl.DataFrame], spine: pl.DataFrame
) -> tuple[pl.DataFrame, list[int]]:
    """A line about the backend and the failure after it are one attempt: the failure is the backend's.

    Also return the rows of the spine whose lines are used up by that.
    """
    bare = (pl.col("basis") == "assumed") & pl.col("pattern").is_in(ATTEMPTS)
    dead = (pl.col("cause") == "backend_unavailable") | (pl.col("pattern") == "sasl_fatal")
    told = rows.select((pl.col("backend").is_not_null() & (bare | dead)).fill_null(value=False)).to_series().arg_true()
    if told.is_empty():
        return rows, []
    before = rows["backend"][told]
    said = _records_at(parts, spine.select("part", "idx")[before], ("source", "line_no")).select(
        also=pl.concat_list(reference()),
        cause=pl.lit("backend_unavailable", RECORDS["cause"].dtype),
        outcome=pl.lit("deferred", RECORDS["outcome"].dtype),
        basis=pl.lit("context", RECORDS["basis"].dtype),
    )
    if "also" not in rows.columns:
        rows = rows.with_columns(also=pl.lit(None, RECORDS["also"].dtype))
    return patched(rows, told, said), before.to_list()


def _logins(last: pl.DataFrame, lines: Sequence[pl.DataFrame], kept: pl.DataFrame) -> list[pl.DataFrame]:
    """One AUTH success per login that the counter or, without a counter, the first accepted mail proves."""
    out = []
    counted = kept.filter(pl.col("auth_ok") > 0)
    mails = [rows for rows in lines if rows["pattern"].str.starts_with("client_sasl").any()]
    if mails:
        wanted = [pl.col("pattern").str.starts_with("client_sasl")]
        every = stacked(*(rows.filter(wanted) for rows in mails))
        first = every.sort("line_no", maintain_order=True) if len(mails) > 1 else every
        first = first.unique("of", keep="first", maintain_order=True)
        ends = last.select(_end=reference()).with_columns(kept["auth_ok"])[first["of"]]
        first = first.hstack(ends.with_columns(pl.when(pl.col("auth_ok") > 0).then("_end"), _n="auth_ok"))
        by_counter = pl.col("_end").is_not_null()
        out.append(
            first.with_columns(
                stage=pl.lit("auth", RECORDS["stage"].dtype),
                basis=pl.when(by_counter)
                .then(pl.lit("counter"))
                .otherwise(pl.lit("context"))
                .cast(RECORDS["basis"].dtype),
                count=pl.when(by_counter).then("_n").otherwise(pl.lit(1, pl.UInt32)),
                also=pl.when(by_counter).then(pl.concat_list("_end")),
            ).drop("auth_ok", "_end", "_n", "queue_id", strict=False)
        )
        counted = counted.filter(~pl.col("row").is_in(first["of"].implode()))
    if counted.height:
        silent = _from_session(last, counted, "auth", "success", "success", "counter", count="auth_ok")
        out.append(silent.with_columns(counted["login"].alias("user")))
    return out


def _silent(last: pl.DataFrame, kept: pl.DataFrame) -> list[pl.DataFrame]:
    """AUTH commands that only the counter knows: refused by protocol state, or left in the middle."""
    silent = pl.col("auth_total").cast(pl.Int64) - pl.col("auth_ok") - pl.col("logged")
    whole = kept.filter("connect", "auth").with_columns(_silent=silent).filter(pl.col("_silent") > 0)
    if whole.is_empty():
        return []
    gone = (pl.col("aborted_in") == "AUTH").fill_null(value=False)
    expected = pl.col("service").str.contains(SUBMISSION).fill_null(value=False)
    whole = whole.with_columns(
        _gone=gone,
        _refused=(pl.col("_silent") - gone.cast(pl.Int64)).cast(pl.UInt32),
        _why=pl.when(~expected)
        .then(pl.lit("unknown"))
        .when(~pl.col("stats").str.contains(r"(?:^| )(?:ehlo|helo)=") | (pl.col("auth_ok") > 0))
        .then(pl.lit("bad_sequence"))
        .when("plain")
        .then(pl.lit("tls_required"))
        .otherwise(pl.lit("unknown")),
    )
    left, refused = whole.filter("_gone"), whole.filter(pl.col("_refused") > 0)
    out = []
    if left.height:
        out.append(_from_session(last, left, "auth", "aborted", "aborted", "counter"))
    if refused.height:
        out.append(_from_session(last, refused, "auth", "refused", pl.col("_why"), "counter", count="_refused"))
    return out


def _info(last: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """One context row per session that touched AUTH, TLS trouble, a limiter, or a submission service without AUTH."""
    return _from_session(last, told, "session", "info", None, "line") if told.height else pl.DataFrame()


def _records_at(parts: Sequence[pl.DataFrame], at: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return columns of the records that stand at rows `idx` of frames `part`, in the order of `at`."""
    at = at.select("part", "idx", _at=pl.int_range(pl.len(), dtype=pl.UInt32))
    found = []
    for i in at["part"].unique().sort():
        here = at.filter(pl.col("part") == i)
        rows = parts[i].select(column(parts[i], c) for c in columns)[here["idx"]]
        found.append(rows.with_columns(here["_at"]))
    if not found:
        return pl.DataFrame(schema={c: RECORDS[c].dtype for c in columns})
    return (found[0] if len(found) == 1 else pl.concat(found, how="vertical_relaxed").sort("_at")).drop("_at")


def _from_session(
    last: pl.DataFrame,
    sessions: pl.DataFrame,
    stage: str,
    outcome: str,
    cause: str | pl.Expr | None,
    basis: str,
    *,
    count: str | None = None,
) -> pl.DataFrame:
    """Rows made of sessions: they stand on the last line of each (the disconnect with its counters)."""
    why = cause if isinstance(cause, pl.Expr) else pl.lit(cause, pl.String)
    known = sessions.select(
        "session", "host", "program", "service", "helo", "plain", "starttls",
        pl.col("pid").cast(pl.UInt32, strict=False),
        pl.coalesce("tls", pl.when("starttls").then(pl.lit("yes"))).alias("tls"),
        pl.lit(stage, RECORDS["stage"].dtype).alias("stage"),
        pl.lit(outcome, RECORDS["outcome"].dtype).alias("outcome"),
        why.cast(RECORDS["cause"].dtype).alias("cause"),
        pl.lit(basis, RECORDS["basis"].dtype).alias("basis"),
        pl.lit("server", RECORDS["side"].dtype).alias("side"),
        pl.lit("smtp", RECORDS["protocol"].dtype).alias("protocol"),
        (pl.col(count) if count else pl.lit(1, pl.UInt32)).cast(pl.UInt32).alias("count"),
        pl.concat_str(
            [pl.col("aborted"), pl.when(pl.col("stats") != "").then("stats")], separator="; ", ignore_nulls=True
        ).alias("detail"),
    )  # fmt: skip
    rows = last if sessions.height == last.height else last[sessions["row"]]
    return rows.hstack(known)
