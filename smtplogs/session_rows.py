"""Rows of sessions that have ended: what their lines say, what counters prove, what was refused in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs import replies
from smtplogs._coded import places
from smtplogs._columns import without
from smtplogs.schema import RECORDS, reference
from smtplogs.spine import ATTEMPTS, Cut, column
from smtplogs.unsettled import finished, patched, stacked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUBMISSION = r"^(?:submission|smtps)"
"""Services on which a client is expected to log in (master.cf of Postfix 2.9 and later)."""

WRAPPED = r"^(?:submissions|smtps)"
"""Services that begin with TLS, whether or not it is logged."""

_STANDS_ON = (
    "source", "line_no", "time", "time_quality", "format", "raw", "client_ip", "client_port", "client_name", "redacted",
)  # fmt: skip


def rows_of(parts: Sequence[pl.DataFrame], found: Cut, kept: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the rows of finished sessions, in frames of their own shape.

    Parameters
    ----------
    parts
        Records, in the frames that were cut into sessions.
    found
        Where the sessions lie in them.
    kept
        The sessions that have ended and that matter, with their counters and names (`stitching`).

    Returns
    -------
    list of DataFrame
        Columns of FINISHED: a row per line that tells of an attempt, per login that only a counter proves, per AUTH
        command refused or left in silence, and one of context per session worth it.
    """
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
    wrapped = pl.col("service").str.contains(WRAPPED).fill_null(value=False)
    whole = whole.with_columns(
        _gone=gone,
        _refused=(pl.col("_silent") - gone.cast(pl.Int64)).cast(pl.UInt32),
        _why=pl.when(~expected)
        .then(pl.lit("unknown"))
        .when(~pl.col("stats").str.contains(r"(?:^| )(?:ehlo|helo)=") | (pl.col("auth_ok") > 0))
        .then(pl.lit("bad_sequence"))
        .when(pl.col("plain") & ~wrapped)
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
        rows = parts[i].select(column(c, parts[i].columns) for c in columns)[here["idx"]]
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
