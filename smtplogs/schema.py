"""The tables: their columns, dtypes, units and meanings; the door between pandas and Polars."""

from __future__ import annotations

import functools
import inspect
import os
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

import polars as pl

from smtplogs._vocabularies import (
    BASES,
    CAUSES,
    CONFIDENCES,
    DELIVERIES,
    KINDS,
    OUTCOMES,
    PROTOCOLS,
    SEVERITIES,
    SIDES,
    STAGES,
    STATUSES,
    SUBJECT_KINDS,
    TIME_QUALITIES,
)
from smtplogs.errors import MissingColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

    Frame = pl.DataFrame | pl.LazyFrame | pd.DataFrame

P = ParamSpec("P")
F = TypeVar("F", pl.DataFrame, pl.LazyFrame)

TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Column:
    """One column of a table: dtype, meaning, unit where there is one."""

    dtype: Any
    meaning: str
    unit: str = ""


EVENTS: Mapping[str, Column] = {
    "time": Column(TIME, "when the server wrote the line; null only with time_quality none", "UTC"),
    "time_quality": Column(pl.Enum(TIME_QUALITIES), "the worst doubt that applies to `time`"),
    "stage": Column(pl.Enum(STAGES), "the SMTP step it happened at"),
    "outcome": Column(
        pl.Enum(OUTCOMES),
        "accepted / credentials rejected / could not be judged / client gave up or sent rubbish / "
        "command not allowed here / a limit said no / context only",
    ),
    "cause": Column(pl.Enum(CAUSES), "why; null for info; `unknown` rather than a guess"),
    "basis": Column(
        pl.Enum(BASES),
        "how outcome and cause are known: the line says so / the disconnect counter / "
        "the session or a paired line / a bare refusal read as the catalogue's default",
    ),
    "count": Column(pl.UInt32, "how many times (repeats, aggregated rows, silent refusals)", "attempts"),
    "side": Column(pl.Enum(SIDES), "server: we judged a client; client: we logged in at an upstream relay"),
    "protocol": Column(pl.Enum(PROTOCOLS), "all but smtp stay out of counts and detectors unless asked for"),
    "user": Column(pl.String, "login as logged; what looks like a password is replaced by a pseudonym"),
    "client_ip": Column(pl.String, "address of the peer, canonical text; null on side=client"),
    "client_port": Column(pl.UInt16, "port of the peer"),
    "client_name": Column(pl.String, "reverse name that the server believed"),
    "helo": Column(pl.String, "what the peer called itself"),
    "server_ip": Column(pl.String, "our listener; on side=client the relay's address"),
    "server_port": Column(pl.UInt16, "its port, only if the log tells: a service name is not a port"),
    "relay_host": Column(pl.String, "upstream relay (side=client)"),
    "mechanism": Column(pl.String, "SASL mechanism, upper case"),
    "authenticator": Column(pl.String, "Exim's authenticator name as logged"),
    "auth_offered": Column(
        pl.List(pl.String), "mechanisms in the EHLO before this row; empty: none; null: the log cannot tell"
    ),
    "tls": Column(pl.String, "TLSv1.3 ...; yes: encrypted, version not logged; none: proven; null: cannot tell"),
    "cipher": Column(pl.String, "TLS cipher"),
    "service": Column(pl.String, "middle of the tag (`submission`, `smtps`); null for plain `postfix/smtpd`"),
    "reply_code": Column(pl.UInt16, "SMTP reply code, only if the line carries it"),
    "enhanced_code": Column(pl.String, "enhanced status code, only if the line carries it"),
    "vendor_code": Column(pl.String, "the software's own code (Entra 50126, Dovecot temp_fail ...)"),
    "detail": Column(pl.String, "the software's own words, secrets redacted"),
    "rate_value": Column(pl.Float64, "what a limiter printed (Postfix: the count reached, not the limit)"),
    "rate_window_s": Column(pl.Float64, "window of that limiter", "s"),
    "duration_s": Column(pl.Float64, "length of a ban or delay", "s"),
    "sender": Column(pl.String, "MAIL FROM"),
    "n_recipients": Column(pl.UInt32, "recipients", "recipients"),
    "queue_id": Column(pl.String, "queue or message id"),
    "delivery": Column(pl.Enum(DELIVERIES), "side=client: what became of the mail"),
    "dsn": Column(pl.String, "side=client: delivery status as our server recorded it"),
    "session": Column(pl.String, "the software's token, else host/program/pid@time of connect"),
    "host": Column(pl.String, "who logged"),
    "program": Column(pl.String, "the whole syslog tag"),
    "pid": Column(pl.UInt32, "process id"),
    "format": Column(pl.String, "which format read the line; `leak`: told for the secret in it alone"),
    "source": Column(pl.String, "file as given (`archive.tar!member`)"),
    "line_no": Column(pl.UInt64, "1-based line in the expanded file"),
    "also": Column(pl.List(pl.String), "other lines of the same event, `source:line_no`"),
    "redacted": Column(
        pl.String, "kind of secret that stands in this line, or in one of its session, and was cut; else null"
    ),
    "raw": Column(pl.String, "the line, redacted"),
}

RECORDS: Mapping[str, Column] = {
    **EVENTS,
    "pattern": Column(pl.String, "the pattern that took the line"),
    "key": Column(pl.String, "`host tag[pid]`: who wrote the line"),
    "step": Column(pl.String, "SMTP command that a line names (RCPT, AUTH ...), turned into `stage`"),
    "stats": Column(pl.String, "Postfix disconnect statistics (`ehlo=2 starttls=1 auth=0/1 ...`)"),
    "level": Column(pl.String, "level word inside the message (Error, Warning ...)"),
    "passdb": Column(pl.String, "Dovecot password database or mechanism that spoke"),
    "peer_pid": Column(pl.UInt32, "pid of the process that asked Dovecot (auth_debug)"),
    "request_id": Column(pl.String, "number of a request on that connection"),
    "limit_service": Column(pl.String, "service name that a limiter printed"),
    "sasl_sender": Column(pl.String, "MAIL FROM AUTH= value"),
    "n_attempts": Column(pl.UInt32, "attempts that a summary line counts", "attempts"),
}
"""One row per line that a pattern took: the event columns plus what only stitching needs."""

TRAFFIC: Mapping[str, Column] = {
    "time": Column(TIME, "start of the minute", "UTC"),
    "source": Column(pl.String, "file"),
    "host": Column(pl.String, "who logged; null on the rows that count all lines of a file"),
    "program": Column(pl.String, "syslog tag; null on the rows that count all lines of a file"),
    "service": Column(pl.String, "service of the tag"),
    "side": Column(pl.Enum(SIDES), "server or client"),
    "relay_host": Column(pl.String, "upstream relay"),
    "n_lines": Column(pl.UInt32, "lines of any kind", "lines"),
    "n_connects": Column(pl.UInt32, "connections", "connections"),
    "n_sessions_without_auth": Column(pl.UInt32, "ended sessions that never tried AUTH", "sessions"),
    "n_messages": Column(pl.UInt32, "mails accepted", "messages"),
    "n_recipients": Column(pl.UInt32, "recipients of those", "recipients"),
    "n_sent": Column(pl.UInt32, "deliveries done", "deliveries"),
    "n_deferred": Column(pl.UInt32, "deliveries deferred", "deliveries"),
}

INPUTS: Mapping[str, Column] = {
    "source": Column(pl.String, "file as given"),
    "path": Column(pl.String, "where it lay when it was read; null: standard input"),
    "member": Column(pl.String, "name in the archive, if it is one of its members"),
    "compression": Column(pl.String, "gzip, bzip2, xz, zstd or null"),
    "stored_bytes": Column(pl.UInt64, "size as it lay there", "bytes"),
    "stored_sha256": Column(pl.String, "SHA-256 as it lay there; null: not taken"),
    "bytes": Column(pl.UInt64, "size of the expanded file", "bytes"),
    "sha256": Column(pl.String, "SHA-256 of the expanded file; null: not taken"),
    "lines": Column(pl.UInt64, "lines in the file", "lines"),
    "read_at": Column(TIME, "when it was read"),
}
"""What the manifest of a dataset says of each log: the chain of custody."""

COVERAGE: Mapping[str, Column] = {
    "source": Column(pl.String, "file as given"),
    "program": Column(pl.String, "program of the lines; null on the row of the whole file"),
    "format": Column(pl.String, "format that reads them"),
    "compression": Column(pl.String, "gzip, bzip2, xz, zstd or null"),
    "bytes": Column(pl.UInt64, "size of the expanded file", "bytes"),
    "lines": Column(pl.UInt64, "lines in the file", "lines"),
    "kept": Column(pl.UInt64, "lines that passed the prefilter", "lines"),
    "records": Column(pl.UInt64, "lines that say something about a login, a limit or a refusal", "lines"),
    "context": Column(pl.UInt64, "lines understood and used as context only", "lines"),
    "dismissed": Column(pl.UInt64, "lines that a named pattern proves to be none of ours", "lines"),
    "not_understood": Column(pl.UInt64, "kept lines that no pattern took", "lines"),
    "examples": Column(pl.List(pl.String), "some of the lines not understood, redacted, as `line_no: text`"),
    "first_time": Column(TIME, "first stamp", "UTC"),
    "last_time": Column(TIME, "last stamp", "UTC"),
    "bad_stamps": Column(pl.UInt64, "lines whose stamp could not be read", "lines"),
    "year_evidence": Column(pl.String, "where the year comes from"),
    "zone_evidence": Column(pl.String, "where the zone comes from"),
    "cannot_show": Column(pl.List(pl.String), "what this log can never show"),
    "note": Column(pl.String, "what is odd but cost nothing: files left out by a rule, twins, bytes behind the end"),
    "error": Column(pl.String, "what went wrong with the file, with the line where it did"),
}

FINDINGS: Mapping[str, Column] = {
    "finding_id": Column(pl.String, "hash of detector, subject, start"),
    "detector": Column(pl.String, "name of the function that found it"),
    "kind": Column(pl.Enum(KINDS), "what it is"),
    "status": Column(pl.Enum(STATUSES), "found, or not_assessable with these tables"),
    "severity": Column(pl.Enum(SEVERITIES), "info, warning, serious"),
    "subject_kind": Column(pl.Enum(SUBJECT_KINDS), "what kind of thing it is about"),
    "subject": Column(pl.String, "whom or what it is about"),
    "user": Column(pl.String, "account, if one"),
    "client_ip": Column(pl.String, "address, if one"),
    "relay_host": Column(pl.String, "upstream relay, if one"),
    "start": Column(TIME, "first moment", "UTC"),
    "end": Column(TIME, "last moment; null: not seen to end", "UTC"),
    "n_events": Column(pl.UInt32, "attempts it rests on", "attempts"),
    "title": Column(pl.String, "the finding in one sentence"),
    "cause": Column(pl.Enum(CAUSES), "cause of the events behind it"),
    "advice": Column(pl.String, "what to do, in one sentence"),
    "confidence": Column(pl.Enum(CONFIDENCES), "how sure"),
    "because": Column(pl.List(pl.String), "the reasons for that confidence"),
    "refuted_by": Column(pl.String, "what would show it to be wrong"),
    "part_of": Column(pl.String, "finding_id of the story it belongs to"),
    "evidence": Column(pl.List(pl.String), "deciding lines, `source:line_no`; at most 20, first and last always in"),
}


def dtypes(table: Mapping[str, Column]) -> dict[str, Any]:
    """Column name -> Polars dtype of a table."""
    return {name: column.dtype for name, column in table.items()}


def empty(table: Mapping[str, Column]) -> pl.DataFrame:
    """Return a frame of the table without rows."""
    return pl.DataFrame(schema=dtypes(table))


def need(frame: pl.DataFrame | pl.LazyFrame, *columns: str) -> None:
    """Raise MissingColumns, naming what is missing, unless the frame has these columns."""
    present = frame.collect_schema().names()
    missing = [c for c in dict.fromkeys(columns) if c not in present]
    if missing:
        known = dict.fromkeys(name for name in [*present, *EVENTS] if name not in missing)
        near = dict.fromkeys(name for wanted in missing for name in get_close_matches(wanted, known, n=2, cutoff=0.75))
        hint = f"did you mean {' or '.join(near)}? Else it" if near else "it"
        raise MissingColumns(
            f"the frame lacks the column(s) {', '.join(missing)}; {hint} should come from smtplogs.read() or .load()"
        )


def lacking(frame: pl.DataFrame | pl.LazyFrame, columns: Iterable[str]) -> list[pl.Expr]:
    """Return a null column, in its documented dtype, for each of these event columns that the frame lacks."""
    present = frame.collect_schema().names()  # asked once: each answer builds every vocabulary anew
    return [pl.lit(None, EVENTS[c].dtype).alias(c) for c in columns if c not in present]


def conform(frame: F, table: Mapping[str, Column] = EVENTS) -> F:
    """Cast the table's columns that are present to their documented dtypes; other columns stay as they are.

    Words outside a vocabulary become ``unknown`` where the vocabulary has that word, else null.
    """
    schema = frame.collect_schema()
    casts = [
        _cast(name, column.dtype, schema[name])
        for name, column in table.items()
        if name in schema and schema[name] != column.dtype
    ]
    return frame.with_columns(casts) if casts else frame


def as_table(frame: F, table: Mapping[str, Column], *, fill: bool = True) -> F:
    """Return exactly the table's columns, in order and dtype; missing ones are null, or without `fill` left out."""
    schema = frame.collect_schema()
    if not any(name in schema for name in table):  # literals alone would make one row
        return frame.clear().select().with_columns(pl.lit(None, c.dtype).alias(n) for n, c in table.items() if fill)
    return conform(frame, table).select(
        pl.col(name) if name in schema else pl.lit(None, column.dtype).alias(name)
        for name, column in table.items()
        if fill or name in schema
    )


def _cast(name: str, dtype: Any, now: Any) -> pl.Expr:
    """Return a column in its documented dtype."""
    expr = pl.col(name)
    if now == dtype:
        return expr
    if isinstance(dtype, pl.Enum):
        known = expr.cast(pl.String).cast(dtype, strict=False)
        if "unknown" in dtype.categories:
            known = pl.when(expr.is_not_null()).then(known.fill_null(pl.lit("unknown", dtype)))
        return known.alias(name)
    if isinstance(dtype, pl.Datetime):
        zone = getattr(now, "time_zone", None)
        expr = expr.cast(pl.Datetime("us", zone))
        return expr.dt.convert_time_zone("UTC") if zone else expr.dt.replace_time_zone("UTC")
    return expr.cast(pl.List(pl.String) if isinstance(dtype, pl.List) else dtype, strict=False)


def as_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with enums as strings: files with different vocabularies can be read together."""
    return frame.with_columns(pl.col(pl.Enum).cast(pl.String))


def reference() -> pl.Expr:
    """Return the place of a row's line: ``source:line_no``."""
    return pl.concat_str("source", pl.lit(":"), pl.col("line_no").cast(pl.UInt64))


def to_polars(frame: Frame) -> pl.DataFrame:
    """Return a conformed Polars DataFrame from a Polars (lazy or not) or pandas frame."""
    if isinstance(frame, pl.LazyFrame):
        return conform(frame.collect())
    if isinstance(frame, pl.DataFrame):
        return conform(frame)
    if hasattr(frame, "iloc"):
        return conform(pl.from_pandas(frame))
    raise no_frame(frame)


def no_frame(thing: object) -> TypeError:
    """Return the complaint of something that is no frame; a path was meant to be read first."""
    remedy = "; read logs first: smtplogs.read(...)" if isinstance(thing, str | os.PathLike) else ""
    return TypeError(f"expected a Polars or pandas frame, got {type(thing).__name__}{remedy}")


def door(function: Callable[Concatenate[pl.DataFrame, P], pl.DataFrame]) -> Callable[Concatenate[Any, P], Any]:
    """Let a frame function take Polars or pandas and answer in kind.

    pandas in -> pandas out; DataFrame or LazyFrame in -> DataFrame out. The frame is conformed to the documented
    dtypes first, so a round trip through pandas loses nothing.
    """
    return behind_door(function, lambda frame, work: work(to_polars(frame)))


def behind_door(
    function: Callable[Concatenate[F, P], pl.DataFrame],
    answer: Callable[[Any, Callable[[F], pl.DataFrame]], pl.DataFrame],
) -> Callable[Concatenate[Any, P], Any]:
    """Return the function as callers see it: any frame, by place or by name; pandas is answered in kind.

    Parameters
    ----------
    function
        Takes a frame first.
    answer
        Is given the caller's frame, and the function with all other arguments; calls that with the frame in the form
        that the function needs, and returns what it returns.
    """
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))

    @functools.wraps(function)
    def at_the_door(*args: Any, **kwargs: Any) -> Any:
        inner: Any = function
        if args:
            frame, *others = args
        elif first in kwargs:  # by its name, as the help has it
            frame, others = kwargs.pop(first), []
        else:
            return inner(**kwargs)  # which says what is missing
        found = answer(frame, lambda ready: inner(ready, *others, **kwargs))
        return found.to_pandas() if hasattr(frame, "iloc") else found

    at_the_door.__signature__ = signature  # type: ignore[attr-defined]
    return cast("Callable[Concatenate[Any, P], Any]", at_the_door)


def columns() -> pl.DataFrame:
    """Return every column of every table.

    Returns
    -------
    DataFrame
        A row per column, in the order of the tables: `table` (events, traffic, coverage, inputs, findings), `column`,
        `dtype`, `unit` (null: none), `meaning`, `vocabulary` (list: every word it may hold; null: any text or number).
    """
    tables = {"events": EVENTS, "traffic": TRAFFIC, "coverage": COVERAGE, "inputs": INPUTS, "findings": FINDINGS}
    return pl.DataFrame(
        [
            {
                "table": table,
                "column": name,
                "dtype": "Enum" if isinstance(c.dtype, pl.Enum) else str(c.dtype),
                "unit": c.unit or None,
                "meaning": c.meaning,
                "vocabulary": c.dtype.categories.to_list() if isinstance(c.dtype, pl.Enum) else None,
            }
            for table, cols in tables.items()
            for name, c in cols.items()
        ],
        schema_overrides={"vocabulary": pl.List(pl.String)},
    )
