r"""What stands around the lines of a container or the journal comes off; continued lines are joined.

A wrapped file is unwrapped to lines as the program wrote them. What the wrapper knew stays: its stamp in `outer`, the
line as it stands in the file in `written`. journald knows everything, so its entries are rebuilt as lines under an ISO
stamp. Text of a field can never make a new line or forge a tag: line breaks become the two characters ``\n``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.unwrapping._broken import broken, mended
from smtplogs.unwrapping._inset import COLOUR, INSET, TABBED, peel_colours, peel_inset, peel_tabbed
from smtplogs.unwrapping._journal import export_lines, peel_journal_json
from smtplogs.unwrapping._pasted import BARE, ESCAPED, PASTED, QUOTED, peel_bare, peel_escaped, peel_pasted, peel_quoted
from smtplogs.unwrapping._relayed import RELAYED, peel_relayed
from smtplogs.unwrapping._shown_journal import PRETTY, VERBOSE, pretty_lines, verbose_lines
from smtplogs.unwrapping._stores import (
    APART,
    CSV,
    EXPORT,
    MEMBER,
    ROWS,
    peel_apart,
    peel_csv,
    peel_export,
    peel_member,
    peel_rows,
)
from smtplogs.unwrapping._texts import CLOCK, ISO_DATE, MAX_JOINED, PRI, RFC3339, STAMP, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


_LINE = pl.col("line")
_ENVELOPE = (
    rf"(?:{PRI}(?:1 )?(?:dovecot: )?(?:[A-Z][a-z]{{2}} )?{STAMP}|@[0-9a-f]{{24}}|[0-9]{{9,11}}\.[0-9]{{6}}|\{{\")"
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
        Takes the column `line`; gives `inner` (null: not of this wrapper), `outer`, where lines are cut in pieces
        `stream` and `open` (more follows), and where they lost their heads `shown`. None: read by `entries`, from bytes.
    literals
        What the prefilter must keep besides the formats' own literals.
    keep_all
        The text is escaped or cut, so no prefilter can be trusted before it is unwrapped.
    entries
        Reads a file whose entries go over several lines from its bytes: yields what `unwrap` gives.
    inside
        What the lines are in when this has come off.
    header
        The first line may be one of names.
    least
        More than this share of the first lines look so.
    """

    name: str
    title: str
    looks: str
    peel: Callable[[pl.DataFrame], pl.DataFrame] | None
    literals: tuple[str, ...] = ()
    keep_all: bool = False
    entries: Callable[[Iterable[bytes]], Iterator[pl.DataFrame]] | None = None
    inside: Wrapper | None = None
    header: bool = False
    least: float = 0.5


FEW = 3
"""Lines that are no quotation yet."""


def detect(head: Sequence[str]) -> Wrapper | None:
    """Return the wrapper that most of the first non-empty lines are in, None if there is none.

    Colours come off wherever there are any, and broken lines of a short text are joined; what is left may be in another
    wrapper (`inside`).
    """
    if any("\x1b[" in line for line in head):
        return _with_inside(COLOURED, head)
    if (peel := broken(head)) is not None:
        return _with_inside(
            Wrapper("broken", "lines that a mail program broke in two", _NEVER, peel, keep_all=True), head
        )
    found = _most(head)
    return _with_inside(found, head) if found is not None and found.name in (*_AROUND, *_AROUND_RECORDS) else found


_AROUND = ("pasted", "quoted", "inset", "csv_export", "json_export")
"""What people and log stores put around lines that may be in a wrapper as well."""


_AROUND_RECORDS = ("cri", "docker_json", "docker_logs", "compose")
_RECORDS = ("json_fields", "json_export", "journal_json")
"""What a container writes, and what may be in it."""


def _with_inside(wrapper: Wrapper, head: Sequence[str]) -> Wrapper:
    batch = pl.DataFrame({"line": list(head)}, schema={"line": pl.String}).with_row_index("line_no")
    lines, _ = unwrap(batch, wrapper, last=True)
    inner = lines["line"].to_list()
    inside = detect(inner) if wrapper is COLOURED or wrapper.name == "quoted" else _most(inner)
    if wrapper.name in _AROUND_RECORDS and inside is not None and inside.name not in _RECORDS:
        return wrapper
    same = inside is not None and inside.name == wrapper.name and wrapper.name != "quoted"
    return wrapper if inside is None or same else replace(wrapper, inside=inside)


def _most(head: Sequence[str]) -> Wrapper | None:
    lines = pl.DataFrame({"line": [line for line in head if line.strip()]}, schema={"line": pl.String})
    looks = [pl.col("line").str.contains(wrapper.looks).sum().alias(wrapper.name) for wrapper in WRAPPERS]
    hits = lines.select(looks).row(0)
    n = max(hits)
    found = WRAPPERS[hits.index(n)]
    if found.header and n and not lines["line"].str.contains(found.looks)[0]:
        lines = lines.slice(1)
    alone = found.name == "quoted" and lines.height < FEW  # an arrow of curl, or of msmtp
    return found if n > found.least * lines.height and not alone else None


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
        not in the wrapper passes unchanged. Where lines may have lost their heads, `shown` says what of each
        (`logformats._envelopes.SHOWN`); null: nothing.
    """
    if wrapper is None:
        return batch.with_columns(pl.lit(None, pl.String).alias("outer"), written=_LINE), None
    if wrapper.peel is None:
        raise ValueError(f"{wrapper.title} is read from bytes, by export_lines()")
    columns = [*batch.columns, "outer", "written"]
    rows = batch.rename({"line": "written"}).hstack(wrapper.peel(batch.select("line")))
    rows = rows.with_columns(line=pl.coalesce(one_line(pl.col("inner")), "written")).drop("inner")
    columns += [c for c in ("shown",) if c in rows.columns]
    carried = None
    if "open" in rows.columns:
        rows, carried = _join(rows, carry, last=last)
    rows = rows.select(columns)
    if wrapper.inside is not None and wrapper.inside.peel is not None:
        rows = _twice(rows, wrapper.inside)
    return rows, carried


def _twice(rows: pl.DataFrame, wrapper: Wrapper) -> pl.DataFrame:
    """Take a second wrapper off; what stands in the file, and a stamp that was found first, stay."""
    inner, _ = unwrap(rows.drop("outer", "written"), wrapper, last=True)
    kept = rows.select("line_no", was="outer", stands="written")
    inner = inner.join(kept, on="line_no", how="left", maintain_order="left")
    return inner.with_columns(outer=pl.coalesce("was", "outer"), written=pl.col("stands")).drop("was", "stands")


def plain(text: str) -> str:
    """Return what somebody pasted without the signs of a quotation, those of a web page and colours; broken lines joined.

    Lines keep their numbers.
    """
    text = mended(text)
    lines = text.split("\n")
    wrapper = detect(lines)
    if wrapper is not None and wrapper.name in ("journal_verbose", "journal_pretty") and wrapper.entries is not None:
        rows = pl.concat([frame.select("line_no", "line") for frame in wrapper.entries([text.encode()])])
        at = dict(rows.iter_rows())
        return "\n".join(at.get(number, "") for number in range(1, len(lines) + 1))
    if wrapper is None or wrapper.name not in ("quoted", "escaped", "coloured"):
        return text
    batch = pl.DataFrame({"line": lines}, schema={"line": pl.String}).with_row_index("line_no")
    return "\n".join(unwrap(batch, wrapper, last=True)[0]["line"])


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


_STAMPED = rf"^(?P<outer>{RFC3339}) (?P<inner>{_ENVELOPE}.*)$"
_CRI = rf"^(?P<outer>{RFC3339}) (?P<stream>stdout|stderr) (?P<tag>[FP])(?::[^ ]*)?(?: (?P<inner>.*))?$"


def _peel_compose(lines: pl.DataFrame) -> pl.DataFrame:
    named = lines.select(_LINE.str.extract(rf"^{_COLOUR}[0-9A-Za-z][0-9A-Za-z_.-]* +\|{_COLOUR} {_COLOUR}(.*)$"))
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


_NEVER = r"^[^\s\S]"
"""Fits no line: told by a text as a whole."""

COLOURED = Wrapper("coloured", "lines with the colours of a terminal", COLOUR, peel_colours, keep_all=True)

WRAPPERS = (
    Wrapper("bare", "lines without their stamps", BARE, peel_bare),
    Wrapper(
        "journal_json",
        "journalctl -o json",
        r'^(?:\x1e|data: )?\{.*"__REALTIME_TIMESTAMP" ?: ?"?[0-9]',
        peel_journal_json,
        literals=('"MESSAGE":[', '"MESSAGE": [', '"MESSAGE" : ['),
    ),
    Wrapper("journal_export", "journalctl -o export", r"^[A-Z_][A-Z0-9_]*=", None, keep_all=True, entries=export_lines),
    Wrapper("journal_verbose", "journalctl -o verbose", VERBOSE, None, keep_all=True, entries=verbose_lines),
    Wrapper("journal_pretty", "journalctl -o json-pretty", PRETTY, None, keep_all=True, entries=pretty_lines),
    Wrapper(
        "docker_json",
        "Docker's json-file",
        r'^\{.*"stream" ?: ?"std(?:out|err)"',
        _peel_docker_json,
        keep_all=True,
    ),
    Wrapper("cri", "Kubernetes CRI", _CRI, _peel_cri, keep_all=True),
    Wrapper("docker_logs", "docker logs -t", rf"{_STAMPED}|^{ISO_DATE}T{CLOCK}\.[0-9]{{9}}Z ", _groups(_STAMPED)),
    Wrapper("json_export", "lines stored as JSON (Elastic, Loki, CloudWatch ...)", EXPORT, peel_export, keep_all=True),
    Wrapper(
        "csv_export", "lines stored as CSV (Kibana, Graylog, Grafana ...)", CSV, peel_csv, keep_all=True, header=True
    ),
    Wrapper(
        "json_members",
        "lines stored in a JSON document (CloudWatch ...)",
        MEMBER,
        peel_member,
        keep_all=True,
        least=0.02,
    ),
    Wrapper(
        "json_fields",
        "records of a shipper (Vector, Fluent Bit, Logstash, rsyslog ...)",
        APART,
        peel_apart,
        keep_all=True,
    ),
    Wrapper(
        "csv_fields", "rows of time, host, tag and message (Graylog ...)", ROWS, peel_rows, keep_all=True, header=True
    ),
    Wrapper("compose", "docker compose logs", rf"^{_COLOUR}[0-9A-Za-z][0-9A-Za-z_.-]* +\|{_COLOUR} ", _peel_compose),
    Wrapper("relayed", "lines with the header of another syslog daemon", RELAYED, peel_relayed),
    Wrapper(
        "pasted", "lines quoted in a mail, indented, found by grep, dated in another language", PASTED, peel_pasted
    ),
    Wrapper("quoted", "a transcript quoted in a mail", QUOTED, peel_quoted, keep_all=True, least=0.9),
    Wrapper("escaped", "lines escaped for a web page", ESCAPED, peel_escaped, keep_all=True),
    Wrapper("inset", "lines with labels, another stamp or a number before them", INSET, peel_inset, header=True),
    Wrapper("tabbed", "lines whose blanks became tabs", TABBED, peel_tabbed, keep_all=True),
)
"""In this order where two fit equally many lines."""
