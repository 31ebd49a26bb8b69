r"""Docker, CRI, compose and journald come off; continued lines are joined, repeats are counted.

A wrapped file is unwrapped to lines as the program wrote them. What the wrapper knew stays: its stamp in `outer`, the
line as it stands in the file in `written`. journald knows everything, so its entries are rebuilt as lines under an ISO
stamp. Text of a field can never make a new line or forge a tag: line breaks become the two characters ``\n``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MAX_JOINED = 1 << 20
"""Characters after which a continued line is let go unfinished, and bytes kept of a field of the journal."""

REPEAT_LITERAL = "message repeated "
"""Stands in both kinds of repeat; the prefilter must keep it."""

_LINE = pl.col("line")
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_RFC3339 = rf"{_ISO_DATE}T{_CLOCK}(?:\.[0-9]{{1,9}})?(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})"
_STAMP = (
    rf"(?:{_MONTH} {{1,2}}[0-9]{{1,2}}(?: [0-9]{{4}})? {_CLOCK}(?:\.[0-9]{{1,9}})?(?: [0-9]{{4}})?"
    rf"|{_ISO_DATE}[T ]{_CLOCK}(?:[.,][0-9]{{1,9}})?(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)"
)
_PRI = r"\x00*(?:<[0-9]{1,3}>)?"
_ENVELOPE = (
    rf"(?:{_PRI}(?:1 )?(?:dovecot: )?(?:[A-Z][a-z]{{2}} )?{_STAMP}|@[0-9a-f]{{24}}|[0-9]{{9,11}}\.[0-9]{{6}}|\{{\")"
)
_COLOUR = r"(?:\x1b\[[0-9;]*m)*"


@dataclass(frozen=True, eq=False)
class Wrapper:
    """What a container runtime or the journal puts around a line.

    Attributes
    ----------
    name, title
        Word for the coverage table; what it is, for people.
    looks
        Regex that fits its lines.
    peel
        Takes the column `line`; gives `inner` (null: not of this wrapper), `outer`, and where lines are cut in pieces
        `stream` and `open` (more follows). None: read by `export_lines`, from bytes.
    literals
        What the prefilter must keep besides the formats' own literals.
    keep_all
        The text is escaped or cut, so no prefilter can be trusted before it is unwrapped.
    """

    name: str
    title: str
    looks: str
    peel: Callable[[pl.DataFrame], pl.DataFrame] | None
    literals: tuple[str, ...] = ()
    keep_all: bool = False


def detect(head: Sequence[str]) -> Wrapper | None:
    """Return the wrapper that most of the first non-empty lines are in, None if there is none."""
    lines = pl.DataFrame({"line": [line for line in head if line.strip()]}, schema={"line": pl.String})
    looks = [pl.col("line").str.contains(wrapper.looks).sum().alias(wrapper.name) for wrapper in WRAPPERS]
    hits = lines.select(looks).row(0)
    n = max(hits)
    return WRAPPERS[hits.index(n)] if 2 * n > lines.height else None


def unwrap(
    batch: pl.DataFrame, wrapper: Wrapper | None, carry: pl.DataFrame | None = None, *, last: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Take the wrapper off the lines of a batch.

    Parameters
    ----------
    batch
        `line_no`, `line` and whatever else, in file order.
    wrapper
        From `detect`; None only adds the two columns.
    carry
        What the batch before this one, of the same file, returned: lines of which more must follow.
    last
        The file ends with this batch; such lines come out as they are.

    Returns
    -------
    tuple
        The rows with the inner `line`, `outer` (the wrapper's stamp or null) and `written` (the line in the file;
        pieces of one line joined by a line break, under the number of the first), and the next carry. A line that is
        not in the wrapper passes unchanged.
    """
    columns = [*batch.columns, "outer", "written"]
    if wrapper is None:
        return batch.with_columns(pl.lit(None, pl.String).alias("outer"), written=_LINE), None
    if wrapper.peel is None:
        raise ValueError(f"{wrapper.title} is read from bytes, by export_lines()")
    rows = batch.rename({"line": "written"}).hstack(wrapper.peel(batch.select("line")))
    rows = rows.with_columns(line=pl.coalesce(_one_line(pl.col("inner")), "written")).drop("inner")
    if "open" not in rows.columns:
        return rows.select(columns), None
    rows, carry = _join(rows, carry, last=last)
    return rows.select(columns), carry


def _one_line(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all("\n", "\\n", literal=True).str.replace_all("\r", "\\r", literal=True)


def _join(rows: pl.DataFrame, carry: pl.DataFrame | None, *, last: bool) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Join the pieces of a line, stream by stream; what is still open at the end of the batch is the carry."""
    if carry is not None:
        rows = pl.concat([carry.select(rows.columns), rows])
    if not rows["open"].any():
        return rows, None
    rows = rows.with_columns(follows=pl.col("open").shift(1).over("stream").fill_null(False))
    piece = (pl.col("open") | pl.col("follows")) & pl.col("stream").is_not_null()
    part = (~pl.col("follows")).cast(pl.UInt32).cum_sum().over("stream")
    joined = (
        rows.filter(piece)
        .with_columns(part=part)
        .group_by("stream", "part", maintain_order=True)
        .agg(
            pl.col("line").str.join(),
            pl.col("written").str.join("\n"),
            pl.col("open").last(),
            pl.exclude("line", "written", "open", "stream", "part").first(),
        )
        .select(rows.columns)
    )
    waiting = pl.col("open") & (_LINE.str.len_chars() < MAX_JOINED) & (not last)
    rows = pl.concat([rows.filter(~piece), joined.filter(~waiting)]).sort("line_no", maintain_order=True)
    left = joined.filter(waiting).drop("follows")
    return rows, left if left.height else None


def _groups(regex: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def peel(lines: pl.DataFrame) -> pl.DataFrame:
        return lines.select(_LINE.str.extract_groups(regex)).unnest("line")

    return peel


_STAMPED = rf"^(?P<outer>{_RFC3339}) (?P<inner>{_ENVELOPE}.*)$"
_CRI = rf"^(?P<outer>{_RFC3339}) (?P<stream>stdout|stderr) (?P<tag>[FP])(?::[^ ]*)?(?: (?P<inner>.*))?$"


def _peel_compose(lines: pl.DataFrame) -> pl.DataFrame:
    named = lines.select(_LINE.str.extract(rf"^{_COLOUR}[0-9A-Za-z][0-9A-Za-z_.-]* +\| {_COLOUR}(.*)$"))
    stamped = _groups(_STAMPED)(named)
    return stamped.with_columns(inner=pl.coalesce("inner", named["line"]))


def _peel_cri(lines: pl.DataFrame) -> pl.DataFrame:
    parts = _groups(_CRI)(lines)
    return parts.select(
        pl.when(pl.col("tag").is_not_null()).then(pl.col("inner").fill_null("")).alias("inner"),
        "outer",
        "stream",
        open=(pl.col("tag") == "P").fill_null(False),
    )


def _peel_docker_json(lines: pl.DataFrame) -> pl.DataFrame:
    fields = lines.select(_LINE.str.json_path_match(f"$.{key}").alias(key) for key in ("log", "stream", "time"))
    whole = pl.all_horizontal(pl.all().is_not_null()) & pl.col("stream").is_in(("stdout", "stderr"))
    whole = whole.fill_null(False)
    return fields.select(
        pl.when(whole).then(pl.col("log").str.strip_suffix("\n").str.strip_suffix("\r")).alias("inner"),
        pl.when(whole).then("time").alias("outer"),
        pl.when(whole).then("stream").alias("stream"),
        open=whole & ~pl.col("log").str.ends_with("\n"),
    )


_JOURNAL_KEYS = (
    "MESSAGE",
    "__REALTIME_TIMESTAMP",
    "_HOSTNAME",
    "SYSLOG_IDENTIFIER",
    "_COMM",
    "SYSLOG_PID",
    "_PID",
)


def _peel_journal_json(lines: pl.DataFrame) -> pl.DataFrame:
    fields = lines.select(_LINE.str.json_path_match(f"$.{key}").alias(key) for key in _JOURNAL_KEYS)
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


def _rebuilt() -> pl.Expr:
    """Build the line of an entry (time in microseconds, host, program, pid, message); null if it lacks one of them.

    Program and host are words of whoever wrote the entry: what would end the tag early is replaced.
    """
    micros = pl.col("time").cast(pl.Int64, strict=False)
    moment = pl.when(micros.is_between(0, 4_000_000_000_000_000)).then(micros).cast(pl.Datetime("us"))
    pid = pl.format("[{}]", pl.col("pid").str.extract(r"^([0-9]+)$"))
    return pl.format(
        "{} {} {}{}: {}",
        moment.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),
        pl.col("host").str.replace_all(r"[^0-9A-Za-z_.%-]", "_").replace("", None).fill_null("localhost"),
        pl.col("program").str.replace_all(r"[\x00-\x20\[\]:()]", "_").replace("", None),
        pid.fill_null(""),
        _one_line(pl.col("message")),
    )


WRAPPERS = (
    Wrapper(
        "journal_json",
        "journalctl -o json",
        r'^\{.*"__REALTIME_TIMESTAMP" ?: ?"?[0-9]',
        _peel_journal_json,
        literals=('"MESSAGE":[', '"MESSAGE": [', '"MESSAGE" : ['),
    ),
    Wrapper("journal_export", "journalctl -o export", r"^[A-Z_][A-Z0-9_]*=", None, keep_all=True),
    Wrapper(
        "docker_json",
        "Docker's json-file",
        r'^\{.*"stream" ?: ?"std(?:out|err)"',
        _peel_docker_json,
        keep_all=True,
    ),
    Wrapper("cri", "Kubernetes CRI", _CRI, _peel_cri, keep_all=True),
    Wrapper("docker_logs", "docker logs -t", rf"{_STAMPED}|^{_ISO_DATE}T{_CLOCK}\.[0-9]{{9}}Z ", _groups(_STAMPED)),
    Wrapper("compose", "docker compose logs", rf"^{_COLOUR}[0-9A-Za-z][0-9A-Za-z_.-]* +\| ", _peel_compose),
)
"""In this order where two fit equally many lines."""


_LENGTH = 8
_LONGEST_FIELD = 768 << 20  # journald's own limit
_FIELD_NAME = re.compile(rb"[A-Z_][A-Z0-9_]*")


class _Bytes:
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


_EXPORTED = {
    b"__REALTIME_TIMESTAMP": "time",
    b"_HOSTNAME": "host",
    b"SYSLOG_IDENTIFIER": "program",
    b"_COMM": "command",
    b"SYSLOG_PID": "pid",
    b"_PID": "real_pid",
    b"MESSAGE": "message",
}


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
    source, entry, entries = _Bytes(chunks), {}, []
    at_end = False
    while not at_end:
        line_no, raw = source.line_no, source.line()
        at_end = raw is None
        if not raw:
            if "message" in entry:
                entries.append(entry)
            entry = {}
            if entries and (at_end or len(entries) >= rows):
                yield _exported(entries)
                entries = []
            continue
        key, is_text, value = raw.partition(b"=")
        if not is_text:
            size = source.length() if _FIELD_NAME.fullmatch(key) else None
            if size is None:  # a damaged line
                continue
            value = source.take(size)
            source.take(1)
        name = _EXPORTED.get(key)
        if name and name not in entry:
            entry[name] = value.decode("utf-8", "replace")
            if name == "message":
                entry["line_no"] = line_no


def _exported(entries: list[dict[str, str | int]]) -> pl.DataFrame:
    schema = {"line_no": pl.UInt64, **dict.fromkeys(_EXPORTED.values(), pl.String)}
    frame = pl.DataFrame(entries, schema=schema).with_columns(
        program=pl.coalesce("program", "command"), pid=pl.coalesce("pid", "real_pid")
    )
    message = _one_line(pl.col("message"))
    return frame.select(
        "line_no",
        line=pl.coalesce(_rebuilt(), message),
        outer=pl.lit(None, pl.String),
        written=pl.lit("MESSAGE=") + message,
    )


class Previous(NamedTuple):
    """Number and text of the last line of a batch, as `repeats` left it."""

    line_no: int
    line: str


_HOST = r"[0-9A-Za-z_.:%-]*[0-9A-Za-z_.%-]"
_TAG = r"[^ \[\]:(]+(?:\[[0-9]+\])?: "
_HEAD = rf"{_PRI}{_STAMP} "
_HEAD_5424 = (
    rf"{_PRI}1 {_STAMP} [^ ]+ [^ ]+ [^ ]+ [^ ]+ "
    r'(?:-|(?:\[(?:[^\]\\"]|"(?:[^"\\]|\\.)*")*\])+) ?(?:\x{feff})?'
)
# The head must be an envelope and nothing else: a login of the form "message repeated 9 times: [ ...]" is not counted.
_FOLDED = rf"^(?P<head>{_HEAD}(?:{_HOST} )?{_TAG}|{_HEAD_5424})message repeated (?P<n>[0-9]{{1,9}}) times: \[ (?P<message>.*)$"
_LAST = (
    rf"^(?P<head>{_HEAD})(?:--- |(?:(?P<host>{_HOST}) )?(?:{_TAG})?)last message repeated (?P<n>[0-9]{{1,9}}) times?"
    r"(?: ---)?$"
)


def repeats(batch: pl.DataFrame, carry: Previous | None = None) -> tuple[pl.DataFrame, Previous | None]:
    """Turn repeat lines into the message that they repeat, and add `count`.

    rsyslog's ``message repeated 4 times: [ MESSAGE]`` becomes MESSAGE under the same envelope. BSD's ``last message
    repeated 4 times`` becomes the line before it under its own stamp, if that line was kept by the prefilter and is of
    the same host; else it stays, as it repeats nothing of ours.

    Parameters
    ----------
    batch
        `line_no` and `line`, in file order.
    carry
        What the batch before this one, of the same file, returned.
    """
    counted = batch.with_columns(count=pl.lit(1, pl.UInt32))
    repeated = batch["line"].str.contains(REPEAT_LITERAL, literal=True).fill_null(False)
    if repeated.any():
        counted = _unfold(counted)
        counted = _repeat_last(counted, carry)
    if batch.is_empty():
        return counted, carry
    return counted, Previous(counted["line_no"][-1], counted["line"][-1])


def _unfold(rows: pl.DataFrame) -> pl.DataFrame:
    parts = rows.select(_LINE.str.extract_groups(_FOLDED)).unnest("line")
    whole = rows.hstack(parts)
    return whole.select(
        pl.exclude("line", "count", "head", "n", "message"),
        line=pl.coalesce(pl.col("head") + pl.col("message").str.strip_suffix("]"), "line"),
        count=_times(),
    ).select(rows.columns)


def _times() -> pl.Expr:
    return pl.coalesce(pl.col("n").cast(pl.UInt32, strict=False), "count").clip(lower_bound=1)


def _repeat_last(rows: pl.DataFrame, carry: Previous | None) -> pl.DataFrame:
    """Give ``last message repeated`` lines the text of the last line before them, if no line is missing between."""
    before = pl.DataFrame([carry] if carry else [], schema={"line_no": pl.UInt64, "line": pl.String}, orient="row")
    lines = pl.concat([before, rows.select("line_no", "line")], how="vertical_relaxed").with_row_index("row")
    lines = lines.with_columns(
        _LINE.str.extract_groups(_LAST).struct.unnest(), run=pl.col("line_no").cast(pl.Int64) - pl.col("row")
    )
    base = pl.when(pl.col("n").is_null()).then("row").forward_fill()
    rest = _LINE.gather(base).str.extract(rf"^{_HEAD}(.*)$")
    same_host = pl.col("host").is_null() | rest.str.starts_with(pl.col("host") + " ")
    known = pl.col("n").is_not_null() & (pl.col("run") == pl.col("run").gather(base)) & same_host
    found = lines.select(
        again=pl.when(known).then(pl.col("head") + rest), n=pl.when(known & rest.is_not_null()).then("n")
    ).tail(rows.height)
    return (
        rows.hstack(found)
        .select(pl.exclude("line", "count", "again", "n"), line=pl.coalesce("again", "line"), count=_times())
        .select(rows.columns)
    )
