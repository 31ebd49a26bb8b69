"""Lines that a log store or a shipper gives out as JSON or CSV: whole lines in one field, or a field for each part of a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.unwrapping._texts import PRI, RFC3339, STAMP, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINE = pl.col("line")

_WRITTEN = rf"{PRI}(?:1 )?{STAMP} [^ \"]+ [^ \"]+"
"""How a whole line of a syslog begins, within quotes."""

_FIELDS = (
    "message",
    "line",
    "log",
    "msg",
    "textPayload",
    "_raw",
    "['@message']",
    "event.original",
    "result._raw",
    "_source.message",
)
_TIMES = ("['@timestamp']", "timestamp", "time", "ts", "_source['@timestamp']")
_KEYS = '"(?:message|line|log|msg|textPayload|_raw|@message|original)" ?: ?"'
EXPORT = rf"^\{{.*{_KEYS}{_WRITTEN}"
"""A record with a whole line in it."""

MEMBER = rf'^[ \t]+(?:{_KEYS}|"){_WRITTEN}(?:[^"\\]|\\.)*",?\s*$'
"""A whole line in a record that is written over several lines, in a list of such records, or of lines (Loki)."""

CSV = rf'^(?:(?:"[^"]*"|[^",]*),)*"(?P<inner>{_WRITTEN}(?:[^"]|"")*)"(?:,.*)?$'
"""A row with a whole line in quotes."""

DOCUMENT = rf'^\s*\{{.*"(?:hits|resultType|responses|events)" ?: ?[\[{{"].*"{_WRITTEN}'
"""An answer of Elasticsearch, Loki or CloudWatch in one line, with whole lines in it."""

_PIECE = r'"(?:[^"\\]|\\.)*"|[}\]]'

_NANOSECONDS = '"[0-9]{19}"'
_BEFORE_LINE = rf'^(?:"(?:message|line|log|msg|textPayload|_raw|@message|original)"|{_NANOSECONDS})$'
"""The key of a line, or Loki's time before it: no other text is one."""

MAX_DOCUMENT = 64 << 20
"""Bytes of such an answer that are looked at: it is held whole."""

_MAILERS = r"(?:postfix[^ \"\[:]*|dovecot|exim[0-9]?|sendmail|sm-mta|sm-msp-queue|opensmtpd|smtpd|saslauthd|courier[a-z]*|imapd?|authdaemond)"
TAG = rf"{_MAILERS}(?:\[[0-9]+\])?"
_ROW = rf'^"({RFC3339}|{STAMP})","([0-9A-Za-z_.:-]+)",'
_MESSAGE = r'((?:[^"]|"")*)"(?:,.*)?$'
_TAGGED = rf'{_ROW}"(?:[0-9A-Za-z_.-]+ )?({TAG}): {_MESSAGE}'
_APART = rf'{_ROW}"({TAG})",{_MESSAGE.replace("((", chr(34) + "((", 1)}'
ROWS = rf"{_TAGGED}|{_APART}"
"""A row of time, host and message, whose tag stands before it or in a column of its own."""

_PROGRAMS = (
    "appname", "app_name", "ident", "syslogtag", "syslog_program", "syslog_identifier", "process.name", "program", "tag",
    "application_name", "programname",
)  # fmt: skip
_PIDS = ("procid", "proc_id", "pid", "process_id", "syslog_pid", "process.pid")
_HOSTS = ("hostname", "host.hostname", "host.name", "logsource", "syslog_hostname", "host", "source")
_WHEN = (*_TIMES, "timereported", "timegenerated")
APART = (
    r'^(?:[^"{]*\t)?\{.*"(?:(?:appname|app_name|application_name|ident|syslogtag|syslog_program|syslog_identifier|programname)" ?: ?"[^" ]+"'
    rf'|(?:program|tag|name)" ?: ?"{TAG}:?")'
)
"""A record in which tag and message stand in fields of their own; those of mail programs are put together."""


def _paths(names: tuple[str, ...], line: pl.Expr = _LINE) -> list[pl.Expr]:
    return [line.str.json_path_match(f"$.{name}" if name[0] != "[" else f"${name}") for name in names]


def peel_export(lines: pl.DataFrame) -> pl.DataFrame:
    """Take the line out of the first of `_FIELDS` that holds one; the store's time only where it is written in full."""
    texts, times = _paths(_FIELDS), _paths(_TIMES)
    whole = lines.select(pl.coalesce(pl.when(t.str.contains(rf"^{_WRITTEN}")).then(t) for t in texts).alias("inner"))
    outer = pl.coalesce(pl.when(t.str.contains(rf"^{RFC3339}$")).then(t) for t in times)
    return whole.hstack(lines.select(outer.alias("outer"))).select(
        pl.col("inner").str.strip_suffix("\n").str.strip_suffix("\r"),
        pl.when(pl.col("inner").is_not_null()).then("outer").alias("outer"),
    )


def document_lines(chunks: Iterable[bytes]) -> Iterator[pl.DataFrame]:
    """Take the lines out of an answer that is one line, numbered as they come; of one record each line once."""
    held, size = [], 0
    for chunk in chunks:
        held.append(chunk)
        if (size := size + len(chunk)) > MAX_DOCUMENT:
            break
    text = pl.DataFrame({"token": [b"".join(held).decode("utf-8", "replace")]})
    tokens = text.select(pl.col("token").str.extract_all(_PIECE).explode())
    record = pl.col("token").is_in(("}", "]")).cum_sum()
    named = pl.col("token").shift().str.contains(_BEFORE_LINE)
    found = tokens.with_columns(record=record).filter(pl.col("token").str.contains(rf'^"{_WRITTEN}') & named)
    found = found.unique(maintain_order=True)
    lines = found.select(
        line=(pl.lit('{"line":') + pl.col("token") + "}").str.json_path_match("$.line").str.strip_suffix("\n")
    )
    yield lines.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.UInt64).alias("line_no"), one_line(pl.col("line")),
        outer=pl.lit(None, pl.String), written=one_line(pl.col("line")),
    )  # fmt: skip


def peel_member(lines: pl.DataFrame) -> pl.DataFrame:
    """Take the line out of a member of a record, of which nothing else is looked at."""
    loki = _LINE.shift().str.contains(rf"^[ \t]+{_NANOSECONDS},\s*$").fill_null(value=False)
    bare = pl.when(loki).then(_LINE.str.replace(rf'^([ \t]+)("{_WRITTEN})', '${1}"line": $2')).otherwise(_LINE)
    member = "{" + bare.str.extract(rf'^[ \t]+({_KEYS}{_WRITTEN}(?:[^"\\]|\\.)*"),?\s*$') + "}"
    texts = _paths(_FIELDS, member)
    return lines.select(inner=pl.coalesce(texts).str.strip_suffix("\n"), outer=pl.lit(None, pl.String))


def peel_csv(lines: pl.DataFrame) -> pl.DataFrame:
    """Take the line out of its quotes."""
    inner = _LINE.str.extract(CSV).str.replace_all('""', '"', literal=True)
    return lines.select(inner.alias("inner"), pl.lit(None, pl.String).alias("outer"))


def peel_rows(lines: pl.DataFrame) -> pl.DataFrame:
    """Put a line together from the columns of a row."""
    apart = [[_LINE.str.extract(regex, n) for n in (1, 2, 3, 4)] for regex in (_TAGGED, _APART)]
    inner = pl.coalesce(put_together(time, host, tag, None, message) for time, host, tag, message in apart)
    inner = inner.str.replace_all('""', '"', literal=True)
    return lines.select(inner=inner, outer=pl.lit(None, pl.String))


def peel_apart(lines: pl.DataFrame) -> pl.DataFrame:
    """Put a line together from the fields of a record; without a time it has the one that stands before the record."""
    before = lines.select(stamp=_LINE.str.extract(rf"^({RFC3339})[ \t]"), line=_LINE.str.extract(r"^[^\"{]*(\{.*)$"))
    program = pl.coalesce(_paths(_PROGRAMS)).str.strip_suffix(":")
    pid = pl.coalesce(_paths(_PIDS)).str.extract(r"^([0-9]+)$")
    host = pl.coalesce(pl.when(h.str.contains(r"^[0-9A-Za-z_.:%-]+$")).then(h) for h in _paths(_HOSTS))
    when = pl.coalesce(
        *(pl.when(t.str.contains(rf"^(?:{STAMP})$")).then(t) for t in _paths(_WHEN)), "stamp"
    )  # epoch seconds and the like are no stamp of a line
    message = pl.coalesce(_paths(("msg", "message", "syslog_message"))).str.strip_prefix(" ")
    mail = program.str.contains(rf"^{TAG}$")
    inner = put_together(when, host, program, pid, message)
    return before.select(inner=pl.when(mail).then(inner), outer=pl.lit(None, pl.String))


def put_together(time: pl.Expr, host: pl.Expr, program: pl.Expr, pid: pl.Expr | None, message: pl.Expr) -> pl.Expr:
    """Write `TIME HOST PROGRAM[PID]: MESSAGE`; null if time, program or message is missing."""
    number = pl.lit("")
    if pid is not None:
        number = pl.when(~program.str.contains("[", literal=True)).then(pl.format("[{}]", pid)).fill_null("")
    text = one_line(message.str.strip_suffix("\n"))
    return pl.format("{} {} {}{}: {}", time, host.fill_null("localhost"), program, number, text)
