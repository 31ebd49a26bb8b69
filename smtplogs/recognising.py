"""Which dialogue or table format a file is in: proved on its first lines, by what a format understands of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from smtplogs import cells, documents, framing, matching, parsing, unwrapping
from smtplogs.logformats import DIALOGUES, TABLES, Dialogue, Table
from smtplogs.logformats._envelopes import ENVELOPES, SHOWN
from smtplogs.sources import FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 400
"""First lines that are looked at."""

ENOUGH = 0.5
"""Share of them that must prove a table."""


_NAMELESS = frozenset(e.program for e in (*ENVELOPES, *SHOWN.values()) if e.program is not None)
"""Programs that an envelope gives lines which name none."""


class Recognised(NamedTuple):
    """The format, or the names of several that fit equally well."""

    format: Dialogue | Table | None
    tie: tuple[str, ...] = ()


def recognise(head: Sequence[str], more: Sequence[Dialogue | Table] = ()) -> Recognised:
    """Tell the format of a file that is a dialogue or a table as a whole.

    A file in which a format of single lines (syslog and its kin) claims as many lines is left to that one. Transcripts
    without any mark of their own (telnet) count only where nothing else fits. Comments count for nobody.

    Parameters
    ----------
    head
        The first lines.
    more
        Formats that take part beside those of the package.
    """
    dialogues = (*DIALOGUES, *(f for f in more if isinstance(f, Dialogue)))
    tables = (*TABLES, *(f for f in more if isinstance(f, Table)))
    lines = _inner(head)
    if lines.is_empty():
        return Recognised(None)
    told = lines.filter(~pl.col("line").str.contains(_COMMENT))
    told = lines if told.is_empty() else told
    scores = _shares_of_dialogues(told, [f for f in dialogues if not f.last_resort])
    scores |= {t: share_of_table(lines, t) for t in tables if _may_be(t, lines["line"].to_list())}
    best = max(scores.values(), default=0.0)
    if best == 0:
        scores = _shares_of_dialogues(told, [f for f in dialogues if f.last_resort])
        best = max(scores.values(), default=0.0)
    if best == 0 or share_of_lines(told) >= best:
        return Recognised(None)
    first = [f for f, score in scores.items() if score == best]
    if len(first) > 1:  # what quotes a session gives way to the session
        first = [f for f in first if not (isinstance(f, Dialogue) and f.quotes)]
    if len(first) > 1:
        return Recognised(None, tuple(f.name for f in first))
    if isinstance(first[0], Dialogue) and first[0].quotes and _of_several(told):
        return Recognised(None)
    return Recognised(first[0])


_QUOTING = tuple(f for f in DIALOGUES if f.quotes)


def quoted(lines: Sequence[str] | pl.Series) -> pl.Series:
    """Tell which lines quote a refused login as applications do."""
    words = "|".join(f"(?:{f.looks})" for f in _QUOTING)
    return pl.Series("line", lines, dtype=pl.String).str.contains(words)


def _of_several(lines: pl.DataFrame) -> bool:
    """Tell whether lines are of several programs, or of one that we know: of such a log more is read than what is quoted."""
    framed = framing.unframed(lines.select("line_no", "line"))
    return framed["program"].drop_nulls().n_unique() > 1 or not claimed(framed).is_empty()


def surely_lines(heads: pl.DataFrame, more: Sequence[Dialogue | Table] = ()) -> pl.Series:
    """Tell at a glance which of several files are no dialogue, no table, no mixture and in no wrapper.

    No line of theirs looks like the beginning of any of these. Other files may still be logs of single lines: they need
    `recognise` and its kin.

    Parameters
    ----------
    heads
        FILE and `line`: the first lines of each file.
    more
        Formats that take part beside those of the package.

    Returns
    -------
    Series
        The numbers of such files.
    """
    tables = [t for t in (*TABLES, *more) if isinstance(t, Table)]
    ours = [_ODD, *(w.looks for w in unwrapping.WRAPPERS), *filter(None, map(_looks, (*DIALOGUES, *TABLES)))]
    text = pl.col("line").str
    odd = text.contains("|".join(f"(?:{_GROUP.sub('(?:', regex)})" for regex in ours))
    others = [text.contains(regex) for regex in map(_looks, more) if regex]
    wide = [text.count_matches(t.separator, literal=True) >= len(t.header) - 2 for t in tables if t.header]
    named = [
        text.contains(f"{n.partition('=')[0]}=", literal=True) for t in tables if t.layout == "logfmt" for n in t.needs
    ]
    found = heads.filter(pl.any_horizontal(odd, *others, *wide, *named))[FILE].to_list()
    # text that a person put together: lines of a log, and others, which may be the rest of these
    dated = heads.filter(text.contains(r"\S")).select(FILE, begins=text.contains(unwrapping.BEGINS))
    some = dated.group_by(FILE).agg(any=pl.col("begins").any(), all=pl.col("begins").all())
    found += some.filter(pl.col("any") & ~pl.col("all"))[FILE].to_list()
    for table in tables:
        if table.layout == "csv" and not table.header:
            found += _with_header(heads, table)[FILE].to_list()
    files = heads[FILE].unique()
    return files.filter(~files.is_in(list(set(found))))


_ODD = "|".join(
    (
        "^[\\s\ufeff]*[\\[{]|\x1b\\[|^ *[0-9]{1,7} +[^ ]",
        '(?i)(?:^|[,;\t])"?(?:syslogmessage|message|msg|content|text)"?(?:[,;\t]|\\s*$)',
        "(?i)^(?: {4}|\t).*(?:EHLO|HELO|AUTH) ",
    )
)
"""JSON or a forum's tag; names of columns; a session indented; colours, and counts of lines, which must come off before a line
is looked at."""

_COMMENT = "^\ufeff?#"
"""A comment. Microsoft's logs begin with five: more than a quiet hour holds, or its first seconds."""

_GROUP = re.compile(r"\(\?P<[^>]+>")
"""A group by name: of one name there may be one in a regex."""

_ANCHOR = re.compile(r"(?<=[|(:])\^|^\^")


def _looks(format_: Dialogue | Table) -> str:
    """Return a regex for lines that may be of a format, and some that are not; empty: it is told otherwise."""
    if isinstance(format_, Dialogue):
        return format_.looks
    if format_.layout != "regex":
        return ""
    # what stands before a record comes off, where it is there
    records = "|".join(_ANCHOR.sub("^?", p if isinstance(p, str) else p.regex) for p in format_.patterns)
    return _GROUP.sub("(?:", f"^(?:{format_.before})?(?:{records})")


def _with_header(lines: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return the lines that may be the header of a CSV file: all words of its needs stand there."""
    words = {word for need in table.needs for word in need.partition("=")[0].split()}
    for word in sorted(words, key=len, reverse=True):
        bare = pl.col("line").str.replace_all('"', "", literal=True).str
        lines = lines.filter(bare.contains(f"(?i){re.escape(word)}"))
    return lines


def _inner(head: Sequence[str]) -> pl.DataFrame:
    """Return the first lines that are not blank, with the wrapper off."""
    some = list(head[:MOST])
    batch = pl.DataFrame({"line_no": range(1, len(some) + 1), "line": some}, schema=parsing.LINES)
    wrapper = unwrapping.detect(some)
    if wrapper is not None and wrapper.peel is not None:
        batch, _ = unwrapping.unwrap(batch, wrapper, last=True)
    elif documents.is_document(some):
        batch, _ = documents.elements("\n".join(head))
    return unwrapping.without_colours(batch).filter(pl.col("line").str.contains(r"[^\s]"))


def _shares_of_dialogues(lines: pl.DataFrame, formats: Sequence[Dialogue]) -> dict[Dialogue | Table, float]:
    """Return the shares of lines that look like the formats, 0 where they are too few."""
    text = pl.col("line").str
    hits = lines.select(text.contains(f.looks).sum().alias(str(i)) for i, f in enumerate(formats)).row(0)
    return {
        f: n / lines.height if (n / lines.height >= f.least if f.least else n >= 2) else 0.0
        for f, n in zip(formats, hits, strict=True)
    }


def _may_be(table: Table, lines: Sequence[str]) -> bool:
    """Tell at a glance whether lines could be a CSV file of the table: as wide, or with the names it needs."""
    if table.layout != "csv":
        return True
    if table.header:
        return any(line.count(table.separator) >= len(table.header) - 2 for line in lines)
    text = cells.tidy(" ".join(lines))
    return all(cells.tidy(need.partition("=")[0]) in text for need in table.needs)


def share_of_table(lines: pl.DataFrame, table: Table) -> float:
    """Return the share of records that hold all a table needs, 0 if they are too few."""
    if not table.needs and table.layout != "regex":  # nothing proves it: only where the caller names it
        return 0.0
    if table.layout == "json" and not lines["line"].str.contains(r"^\s*\{").any():
        return 0.0
    if table.layout == "regex" and table.before and not lines["line"].str.contains(table.before).any():
        return 0.0
    needs = {path: regex for path, _, regex in (need.partition("=") for need in table.needs)}
    head = cells.Head()
    rows, missed, noise = cells.cells(lines, table, head)
    if table.layout == "csv" and not {cells.tidy(n) for n in needs} <= set(head.names):
        return 0.0
    if rows.is_empty():
        return 0.0 if table.layout != "csv" or not noise or table.header else ENOUGH
    if table.layout == "csv" and not table.header:
        return rows.height / (rows.height + missed.height)
    paths = [p for p in needs if p in rows.columns]
    if len(paths) < len(needs):
        rows = _with_needs(rows, needs, table)
    tests = [pl.col(p).str.contains(regex) if regex else pl.col(p).is_not_null() for p, regex in needs.items()]
    good = rows.filter(tests) if table.layout != "regex" else rows
    share = good.height / (rows.height + missed.height)
    return share if share >= ENOUGH else 0.0


def _with_needs(rows: pl.DataFrame, needs: dict[str, str], table: Table) -> pl.DataFrame:
    """Add the paths that prove a JSON or key=value format and are no field of it."""
    extra = [p for p in needs if p not in rows.columns]
    if table.layout == "json":
        return rows.hstack(cells.json_cells(rows["line"], extra))
    return rows.with_columns(cells.value_of(p).alias(p) for p in extra)


def share_of_lines(lines: pl.DataFrame) -> float:
    """Return the share of lines that stand under a tag which a format of single lines claims."""
    return claimed(framing.unframed(lines.select("line_no", "line"))).len() / lines.height


def claimed(framed: pl.DataFrame) -> pl.Series:
    """Return the numbers of the lines under a tag which a format of single lines claims.

    Where the log names no program (Exim's own: date, time, words), a pattern must fit, and not one that takes any text.
    """
    ours = [framed["line_no"].clear()]
    for (program,), mine in (
        framed.filter(pl.col("program").is_not_null()).partition_by("program", as_dict=True).items()
    ):
        if not matching.claimed(str(program), traffic=True):
            continue
        if program in _NAMELESS:
            known = [p.regex for _, p in matching.patterns_for(program, traffic=True) if p.regex != "^.*$"]
            fits = pl.any_horizontal(pl.col("message").str.contains(regex) for regex in known)
            ours.append(mine.filter(fits)["line_no"])
        else:
            ours.append(mine["line_no"])
    return pl.concat(ours)
