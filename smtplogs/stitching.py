"""Records of one SMTP session are tied together: an AUTH row knows its TLS, HELO and session; counters become rows.

A Postfix session is what one smtpd process writes between `connect` and `disconnect`. What has an end is finished
here, batch by batch; what may still change (open sessions at the end of a file, lines before the first `connect`)
is handed back and finished by `settling`, when all files are known. Source: postfix src/smtpd/smtpd.c,
smtpd_sasl_glue.c.

Sessions are found on a narrow frame, the spine; the wide rows of events are never sorted, they only take columns on.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import polars as pl

from smtplogs import linking, replies
from smtplogs.linking import reference
from smtplogs.logformats import SESSION_PATTERNS
from smtplogs.normalising import split_keys
from smtplogs.parsing import Batch
from smtplogs.schema import EVENTS, RECORDS, TIME, Column, as_table

ATTEMPTS = ("sasl_failure", "sasl_failure_odd", "sasl_aborted", "auth_rate_limit")
"""Patterns whose lines each stand for one AUTH command that the disconnect counter holds as well."""

SUBMISSION = r"^(?:submission|smtps)"
"""Services on which a client is expected to log in (master.cf of Postfix 2.9 and later)."""

_ENDS = ("disconnect", "sasl_fatal")
_STATS_AUTH = r"(?:^| )auth=(?P<first>[0-9]+)(?:/(?P<second>[0-9]+))?"
_TOLD = ("tls", "cipher", "helo", "aborted", "aborted_in", "login")
_JITTER = dt.timedelta(minutes=1)
"""By how much later lines of a file may be older."""

_LINES = 1 << 40  # more lines than a file can have
_STANDS_ON = (
    "source", "line_no", "time", "time_quality", "format", "raw", "key",
    "client_ip", "client_port", "client_name", "redacted",
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

    open: Batch = field(default_factory=Batch)
    connects: dict[str, tuple[dt.datetime, int]] = field(default_factory=dict)


@dataclass
class Stitched:
    """What became of a batch: finished events, and records that only other lines can finish."""

    events: list[pl.DataFrame] = field(default_factory=list)
    loose: list[pl.DataFrame] = field(default_factory=list)


def stacked(*frames: pl.DataFrame) -> pl.DataFrame:
    """Put frames of records on top of each other, whatever columns they have."""
    filled = [f for f in frames if f.height]
    if not filled:
        return pl.DataFrame()
    if all(f.schema == filled[0].schema for f in filled):
        return pl.concat(filled, how="vertical")
    # in one piece: rows are looked up and sorted several times faster there
    return pl.concat(filled, how="diagonal_relaxed", rechunk=True)


def stitch(batch: Batch, carry: Carry, *, final: bool = False) -> Stitched:
    """Turn the records of one file (or, `final`, the loose ones of all files) into events.

    Parameters
    ----------
    batch
        Classified records with `time`.
    carry
        What the batch before left; it is brought up to date.
    final
        Nothing more will come: also finish open sessions and those whose beginning is missing.
    """
    done = Stitched()
    wide, frame = batch.events, batch.frame
    if wide.height:
        inside = wide["pattern"].is_in(list(SESSION_PATTERNS))
        if not inside.all():
            others = wide.filter(~inside)
            wide = wide.filter(inside)
            waits = others["format"].is_in(["dovecot", "pam"])
            done.loose.append(others.filter(waits))
            linked = others["format"].is_in(list(linking.FORMATS))
            done.loose.append(others.filter(linked & linking.wanted()))
            waits = waits | linked
            done.events.append(finished(others.filter(~waits & (others["_role"] == "event"))))
    mine = Batch(stacked(carry.open.frame, frame), stacked(carry.open.events, wide))
    if not mine.height:
        return done
    spine, sessions = _sessions(mine, carry, final=final)
    done.events += _events(mine, spine, sessions)
    done.loose += _rows_of(mine, spine, sessions.filter("headless")["sid"])
    left = _rows_of(mine, spine, sessions.filter("open")["sid"])
    carry.open = Batch(*left)
    return done


def _rows_of(mine: Batch, spine: pl.DataFrame, sids: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all records of some sessions, as they came."""
    rows = spine.filter(pl.col("sid").is_in(sids.implode())) if sids.len() else spine.clear()
    idx = [rows.filter(pl.col("wide") == wide)["idx"].sort() for wide in (False, True)]
    return mine.frame[idx[0]], mine.events[idx[1]]


def _column(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return the column, or nulls of its dtype where the batch has none."""
    return pl.col(name) if name in frame.columns else pl.lit(None, RECORDS[name].dtype).alias(name)


def _marks(frame: pl.DataFrame, *, wide: bool) -> pl.DataFrame:
    """What the spine needs of each record."""
    pattern = pl.col("pattern")
    ended = pattern == "abnormal_end"
    touched = _column(frame, "stage").is_in(["auth", "tls"]) | (_column(frame, "outcome") == "throttled")
    return frame.select(
        "key",
        "time",
        (pl.col("_order") if "_order" in frame.columns else pl.col("line_no")).alias("order"),
        idx=pl.int_range(pl.len(), dtype=pl.UInt32),
        wide=pl.lit(wide),
        connect=pattern == "connect",
        end=pattern.is_in(_ENDS),
        event=pl.col("_role") == "event",
        touched=(pl.col("_role") == "event") & touched,
        logged=pl.when(pattern.is_in(ATTEMPTS)).then("count").otherwise(0),
        mail=pattern.str.starts_with("client_sasl"),
        backend=pattern == "sasl_backend",
        tls=_column(frame, "tls"),
        cipher=_column(frame, "cipher"),
        helo=_column(frame, "helo"),
        stats=_column(frame, "stats"),
        aborted=pl.when(ended).then(_column(frame, "detail")),
        aborted_in=pl.when(ended).then(_column(frame, "step")),
        library=pl.when(pattern == "tls_library").then(_column(frame, "detail")),
        login=pl.when(pattern.str.starts_with("reject")).then(_column(frame, "user")),
    )


def _sessions(mine: Batch, carry: Carry, *, final: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut the records into sessions.

    Returns
    -------
    spine, sessions
        `spine`: a row per record, by session: idx (row in its frame), wide (which frame), sid, tls and cipher in
        force. `sessions`: a row per session with its ends, counters and what its lines told.
    """
    parts = [_marks(f, wide=w) for f, w in ((mine.frame, False), (mine.events, True)) if f.height]
    spine = (
        pl.concat(parts, how="vertical_relaxed")
        .with_columns(code=pl.col("key").cast(pl.Categorical).to_physical().cast(pl.UInt64))
        .sort(pl.col("code") * _LINES + pl.col("order"))  # one number sorts twice as fast as two columns
        .with_columns(
            start=pl.col("connect")
            | (pl.col("code") != pl.col("code").shift()).fill_null(value=True)
            | pl.col("end").shift().fill_null(value=True)
        )
    )
    # a session starts with "" where nothing is known yet, so that filling forward never crosses its border
    unknown = pl.col("start")
    spine = spine.with_columns(
        pl.col("start").cum_sum().cast(pl.UInt32).alias("sid"),
        *(
            pl.when(unknown & pl.col(c).is_null()).then(pl.lit("")).otherwise(pl.col(c)).forward_fill().alias(c)
            for c in _TOLD
        ),
        library=pl.when(~pl.col("start").shift(-1).fill_null(value=True)).then(pl.col("library").shift(-1)),
    )
    sessions = spine.group_by("sid", maintain_order=True).agg(
        pl.col("code", "key", "connect").first(),
        pl.col("time").first().alias("began"),
        pl.col("end").last().alias("ended"),
        pl.col("idx").last().alias("last_idx"),
        pl.col("wide").last().alias("last_wide"),
        pl.col("event").any().alias("eventful"),
        pl.col("touched", "mail").any(),
        pl.col("logged").sum(),
        pl.col("stats", "tls", *_TOLD[2:]).last(),
    )
    tail = (pl.col("code") != pl.col("code").shift(-1)).fill_null(value=True)
    running = tail & ~pl.col("ended")
    sessions = sessions.with_columns(
        *(pl.when(pl.col(c) != "").then(pl.col(c)).alias(c) for c in ("tls", *_TOLD[2:])),
        open=running & (not final),
        headless=~pl.col("connect") & ~running & (not final),
    )
    return spine, _numbered(sessions, carry)


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
    """Read AUTH and STARTTLS out of the disconnect statistics; take the key apart."""
    tried = sessions["stats"].str.contains("auth=", literal=True).fill_null(value=False)
    auth = pl.when(tried).then(pl.col("stats")).str.extract_groups(_STATS_AUTH)
    first, second = (auth.struct.field(c).cast(pl.UInt32, strict=False) for c in ("first", "second"))
    starttls = pl.col("stats").str.contains("starttls=", literal=True) & ~pl.col("stats").str.contains(
        "starttls=0", literal=True
    )
    return split_keys(sessions).with_columns(
        auth_ok=first,
        auth_total=pl.coalesce(second, first),
        starttls=starttls,
        # a counter without STARTTLS proves plain text only where the service is known to do STARTTLS
        plain=(pl.col("stats").is_not_null() & ~starttls & pl.col("tls").is_null()).fill_null(value=False),
    )


def _with_names(sessions: pl.DataFrame) -> pl.DataFrame:
    """Name sessions: `host/tag/pid@time of connect`, `-k` for the k-th in that second, `@~` if the connect is missing."""
    nth = pl.when(pl.col("nth") > 1).then(pl.format("-{}", "nth")).otherwise(pl.lit(""))
    began = pl.col("second").dt.to_string("%Y-%m-%dT%H:%M:%SZ").fill_null("")
    mark = pl.when("connect").then(pl.lit("@")).otherwise(pl.lit("@~"))
    who = [pl.col(c).cast(pl.String).fill_null("") for c in ("host", "program", "pid")]
    return sessions.with_columns(session=pl.concat_str(pl.concat_str(who, separator="/"), mark, began, nth))


def _events(mine: Batch, spine: pl.DataFrame, sessions: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the rows of finished sessions: what lines say, what counters prove, what was refused in silence."""
    done = _counted(sessions.filter(~pl.col("open") & ~pl.col("headless")))
    auth = (pl.col("auth_total") > 0).fill_null(value=False)
    quiet = (pl.col("service").str.contains(SUBMISSION) & pl.col("ended")).fill_null(value=False)
    kept = done.with_columns(auth=auth, told=auth | pl.col("touched") | pl.col("mail") | quiet)
    kept = kept.filter(pl.col("told") | pl.col("eventful"))
    if kept.is_empty():
        return []
    kept = _with_names(kept).with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
    last = _last_rows(mine, kept)
    rows = _line_events(mine.events, spine, kept)
    parts = (*_logins(last, rows, kept), rows, *_silent(last, kept), _info(last, kept.filter("told")))
    return [finished(part) for part in parts if part.height]


FINISHED = {
    **EVENTS,
    "plain": Column(pl.Boolean, "no TLS was seen and no STARTTLS counted"),
    "starttls": Column(pl.Boolean, "STARTTLS was counted"),
}
"""Columns of a finished event; the last two wait for `settling`."""


def finished(part: pl.DataFrame) -> pl.DataFrame:
    """Give every part the same columns: frames of one shape are put on top of each other without being copied."""
    return as_table(part, FINISHED)


def _line_events(wide: pl.DataFrame, spine: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Give the event rows what their session knows."""
    if wide.is_empty():
        return wide
    here = spine.filter("event").with_columns(
        _backend=pl.when((pl.col("sid") == pl.col("sid").shift()) & pl.col("backend").shift()).then(
            pl.col("idx").shift()
        )
    )
    known = here.select(
        "idx", "sid", "library", "_backend", *(pl.col(c).alias(f"_{c}") for c in ("tls", "cipher", "helo"))
    )
    own = kept.select("sid", "session", "plain", "starttls", _session_helo="helo")
    known = known.join(own, on="sid", how="inner").sort("idx")
    if known.is_empty():
        return wide.clear()
    rows = wide[known["idx"]] if known.height < wide.height else wide
    some = {c: pl.when(pl.col(f"_{c}") != "").then(pl.col(f"_{c}")) for c in ("tls", "cipher", "helo")}
    known = known.select(
        "sid", "session", "plain", "starttls", "_backend",
        _library="library",
        tls=pl.coalesce(some["tls"], pl.when("starttls").then(pl.lit("yes"))),
        cipher=some["cipher"],
        helo=pl.coalesce(some["helo"], "_session_helo"),
        also=pl.lit(None, RECORDS["also"].dtype),
    )  # fmt: skip
    rows = rows.drop([c for c in known.columns if c in rows.columns]).hstack(known)
    return _after_backend(_with_library_words(rows), wide)


def patched(frame: pl.DataFrame, rows: pl.Series, values: pl.DataFrame) -> pl.DataFrame:
    """Put new values (nulls change nothing) into a few rows without moving the others."""
    places = frame.select(_row=pl.int_range(pl.len(), dtype=pl.UInt32))
    new = places.join(values.with_columns(_row=rows.cast(pl.UInt32)), on="_row", how="left", maintain_order="left")
    return frame.with_columns(pl.coalesce(pl.lit(new[c]), pl.col(c)).alias(c) for c in values.columns)


def _with_library_words(rows: pl.DataFrame) -> pl.DataFrame:
    """A failed handshake is told by the line of the TLS library that follows it."""
    joined = ((rows["pattern"] == "tls_error") & rows["_library"].is_not_null()).arg_true()
    if joined.is_empty():
        return rows.drop("_library")
    nothing = {c: pl.lit(None, RECORDS[c].dtype) for c in ("outcome", "cause", "basis")}
    told = rows[joined].with_columns(detail=pl.concat_str("detail", pl.lit(": "), "_library"), **nothing)
    told = replies.classify(told).select("detail", "outcome", "cause", "basis")
    return patched(rows, joined, told).drop("_library")


def _after_backend(rows: pl.DataFrame, wide: pl.DataFrame) -> pl.DataFrame:
    """A line about the backend and the failure after it are one attempt: the failure is the backend's."""
    bare = (pl.col("basis") == "assumed") & pl.col("pattern").is_in(ATTEMPTS)
    dead = (pl.col("cause") == "backend_unavailable") | (pl.col("pattern") == "sasl_fatal")
    told = rows.select((pl.col("_backend").is_not_null() & (bare | dead)).fill_null(value=False)).to_series().arg_true()
    if told.is_empty():
        return rows.drop("_backend")
    before = wide[rows["_backend"][told]]
    said = before.select(
        cause=pl.lit("backend_unavailable", RECORDS["cause"].dtype),
        outcome=pl.lit("deferred", RECORDS["outcome"].dtype),
        basis=pl.lit("context", RECORDS["basis"].dtype),
        also=pl.concat_list(reference()),
    )
    used = before.select("source", "line_no")
    return patched(rows, told, said).drop("_backend").join(used, on=["source", "line_no"], how="anti")


def _logins(last: pl.DataFrame, rows: pl.DataFrame, kept: pl.DataFrame) -> list[pl.DataFrame]:
    """One AUTH success per login that the counter or, without a counter, the first accepted mail proves."""
    out = []
    counted = kept.filter(pl.col("auth_ok") > 0)
    if rows.height:
        mails = rows.filter(pl.col("pattern").str.starts_with("client_sasl"))
        first = mails.unique("sid", keep="first", maintain_order=True)
        ends = last[counted["row"]].select(reference().alias("_end")).hstack(counted.select("sid", "auth_ok"))
        first = first.join(ends, on="sid", how="left", maintain_order="left")
        by_counter = pl.col("_end").is_not_null()
        out.append(
            first.with_columns(
                stage=pl.lit("auth", RECORDS["stage"].dtype),
                basis=pl.when(by_counter)
                .then(pl.lit("counter"))
                .otherwise(pl.lit("context"))
                .cast(RECORDS["basis"].dtype),
                count=pl.coalesce("auth_ok", pl.lit(1, pl.UInt32)),
                also=pl.when(by_counter).then(pl.concat_list("_end")),
                queue_id=pl.lit(None, pl.String),
            ).drop("auth_ok", "_end")
        )
        counted = counted.join(first.select("sid"), on="sid", how="anti", maintain_order="left")
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


def _last_rows(mine: Batch, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return the last record of each session, in their order."""
    at = sessions.select(_at=pl.int_range(pl.len(), dtype=pl.UInt32), idx="last_idx", wide="last_wide")
    parts = []
    for frame, wide in ((mine.frame, False), (mine.events, True)):
        here = at.filter(pl.col("wide") == wide)
        if here.height:
            rows = frame[here["idx"]].select(_column(frame, c) for c in _STANDS_ON)
            parts.append(rows.with_columns(here["_at"]))
    if not parts:
        return pl.DataFrame(schema={c: RECORDS[c].dtype for c in _STANDS_ON})
    return (parts[0] if len(parts) == 1 else pl.concat(parts, how="vertical_relaxed").sort("_at")).drop("_at")


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
        "sid", "session", "host", "program", "service", "helo", "plain", "starttls",
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
