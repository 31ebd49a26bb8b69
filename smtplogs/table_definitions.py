"""The tables, column by column: dtype, meaning, unit. `schema` hands them on, with what is done with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from collections.abc import Mapping

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
