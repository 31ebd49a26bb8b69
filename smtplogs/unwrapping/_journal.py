"""journald's entries are rebuilt as lines: of JSON, and of the export format, in which a field may be binary."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.unwrapping._texts import MAX_JOINED, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_JOURNAL_KEYS = (
    "MESSAGE",
    "__REALTIME_TIMESTAMP",
    "_HOSTNAME",
    "SYSLOG_IDENTIFIER",
    "_COMM",
    "SYSLOG_PID",
    "_PID",
)


def peel_journal_json(lines: pl.DataFrame) -> pl.DataFrame:
    bare = lines.select(pl.col("line").str.strip_prefix("\x1e").str.strip_prefix("data: "))
    fields = bare.select(pl.col("line").str.json_path_match(f"$.{key}").alias(key) for key in _JOURNAL_KEYS)
    message = fields["MESSAGE"].to_list()
    for row in lines["line"].str.contains(r'"MESSAGE"\s*:\s*\[').fill_null(False).arg_true():
        message[row] = _from_array(message[row])

    def word(*keys: str) -> pl.Expr:
        """Return the first of the keys that is there; one given twice is an array, of which the first counts."""
        return pl.coalesce(pl.coalesce(pl.col(key).str.extract(r'^\["([^"\\]*)"'), key) for key in keys)

    entries = fields.select(
        word("__REALTIME_TIMESTAMP").alias("time"),
        word("_HOSTNAME").alias("host"),
        word("SYSLOG_IDENTIFIER", "_COMM").alias("program"),
        word("SYSLOG_PID", "_PID").alias("pid"),
        pl.Series("message", message, dtype=pl.String),
    )
    return entries.select(_rebuilt().alias("inner"), pl.lit(None, pl.String).alias("outer"))


def _from_array(text: str | None) -> str | None:
    """Return the text of a MESSAGE that is an array: of byte values, or of several texts, of which the first."""
    try:
        values = json.loads(text or "")
        return values[0] if isinstance(values[0], str) else bytes(values).decode("utf-8", "replace")
    except (ValueError, TypeError, IndexError, KeyError, RecursionError):
        return None


def _rebuilt(stamp: str | None = None) -> pl.Expr:
    """Build the line of an entry (time in microseconds, host, program, pid, message); null if it lacks one of them.

    `stamp`: a column with the time as it is written.

    Program and host are words of whoever wrote the entry: what would end the tag early is replaced.
    """
    micros = pl.col("time").cast(pl.Int64, strict=False)
    moment = pl.when(micros.is_between(0, 4_000_000_000_000_000)).then(micros).cast(pl.Datetime("us"))
    pid = pl.format("[{}]", pl.col("pid").str.extract(r"^([0-9]+)$"))
    return pl.format(
        "{} {} {}{}: {}",
        pl.col(stamp) if stamp else moment.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),
        pl.col("host").str.replace_all(r"[^0-9A-Za-z_.%-]", "_").replace("", None).fill_null("localhost"),
        pl.col("program").str.replace_all(r"[\x00-\x20\[\]:()]", "_").replace("", None),
        pid.fill_null(""),
        one_line(pl.col("message")),
    )


_LENGTH = 8
_LONGEST_FIELD = 768 << 20  # journald's own limit
_FIELD_NAME = re.compile(rb"[A-Z_][A-Z0-9_]*")


class Bytes:
    """Chunks of a file as one stream, with the number of the line that comes next."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self._at = 0
        self.line_no = 1

    def _more(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._held, self._at = self._held[self._at :] + chunk, 0
        return True

    def take(self, size: int) -> bytes:
        """Return the next bytes, at most MAX_JOINED of them; the rest is passed over."""
        kept = b""
        while size > 0 and (self._at < len(self._held) or self._more()):
            part = self._held[self._at : self._at + size]
            kept += part[: MAX_JOINED - len(kept)]
            self.line_no += part.count(b"\n")
            self._at += len(part)
            size -= len(part)
        return kept

    def length(self) -> int | None:
        """Return the length that a binary field begins with; None, and nothing is passed over, if it is none."""
        while len(self._held) - self._at < _LENGTH and self._more():
            pass
        size = int.from_bytes(self._held[self._at : self._at + _LENGTH], "little")
        if size > _LONGEST_FIELD:
            return None
        self.take(_LENGTH)
        return size

    def line(self) -> bytes | None:
        """Return the next line, at most MAX_JOINED bytes of it; None at the end."""
        head = b""
        while (end := self._held.find(b"\n", self._at)) < 0:
            if len(self._held) - self._at > MAX_JOINED:
                head, self._at = head or self._held[self._at : self._at + MAX_JOINED], len(self._held)
            if not self._more():
                end = len(self._held)
                if self._at == end and not head:
                    return None
                break
        line = head or self._held[self._at : min(end, self._at + MAX_JOINED)]
        self._at = min(end + 1, len(self._held))
        self.line_no += 1
        return line


EXPORTED = {
    b"__REALTIME_TIMESTAMP": "time",
    b"_HOSTNAME": "host",
    b"SYSLOG_IDENTIFIER": "program",
    b"_COMM": "command",
    b"SYSLOG_PID": "pid",
    b"_PID": "real_pid",
    b"MESSAGE": "message",
}
"""Fields of an entry that make its line."""


def export_lines(chunks: Iterable[bytes], *, rows: int = 50_000) -> Iterator[pl.DataFrame]:
    """Read `journalctl -o export`, in which a field may be binary, from the bytes of a file.

    Parameters
    ----------
    chunks
        The expanded file, cut anywhere.
    rows
        Entries per batch.

    Yields
    ------
    pl.DataFrame
        `line_no` (of the MESSAGE field), `line`, `outer` (null), `written`: as from `unwrap`, so no more of it is needed.
    """
    source, entry, entries = Bytes(chunks), {}, []
    at_end = False
    while not at_end:
        line_no, raw = source.line_no, source.line()
        at_end = raw is None
        if not raw:
            if "message" in entry:
                entries.append(entry)
            entry = {}
            if entries and (at_end or len(entries) >= rows):
                yield rebuilt_entries(entries)
                entries = []
            continue
        key, is_text, value = raw.partition(b"=")
        if not is_text:
            size = source.length() if _FIELD_NAME.fullmatch(key) else None
            if size is None:  # a damaged line
                continue
            value = source.take(size)
            source.take(1)
        name = EXPORTED.get(key)
        if name and name not in entry:
            entry[name] = value.decode("utf-8", "replace")
            if name == "message":
                entry["line_no"] = line_no


def rebuilt_entries(entries: list[dict[str, str | int]]) -> pl.DataFrame:
    """Return the lines of entries: the names of EXPORTED, `line_no`, and `stamp` where there may be no `time`."""
    schema = {"line_no": pl.UInt64, **dict.fromkeys(EXPORTED.values(), pl.String)}
    frame = pl.DataFrame(entries, schema={**schema, "stamp": pl.String}).with_columns(
        program=pl.coalesce("program", "command"), pid=pl.coalesce("pid", "real_pid")
    )
    message = one_line(pl.col("message"))
    return frame.select(
        "line_no",
        line=pl.coalesce(_rebuilt(), _rebuilt("stamp"), message),
        outer=pl.lit(None, pl.String),
        written=pl.lit("MESSAGE=") + message,
    )
