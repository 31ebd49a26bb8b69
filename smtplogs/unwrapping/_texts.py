"""What wrappers and repeats share: the stamps that begin a line, and text that stays on one line."""

from __future__ import annotations

import polars as pl

MAX_JOINED = 1 << 20
"""Characters after which a continued line is let go unfinished, and bytes kept of a field of the journal."""

CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
RFC3339 = rf"{ISO_DATE}T{CLOCK}(?:\.[0-9]{{1,9}})?(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})"
STAMP = (
    rf"(?:{MONTH} {{1,2}}[0-9]{{1,2}}(?: [0-9]{{4}})? {CLOCK}(?:\.[0-9]{{1,9}})?(?: [0-9]{{4}})?"
    rf"|{ISO_DATE}[T ]{CLOCK}(?:[.,][0-9]{{1,9}})?(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)"
)
PRI = r"\x00*(?:<[0-9]{1,3}>)?"


def one_line(text: pl.Expr) -> pl.Expr:
    """Write line breaks as two characters, so that they make no line."""
    return text.str.replace_all("\n", "\\n", literal=True).str.replace_all("\r", "\\r", literal=True)


def told_once(lines: pl.Series, files: pl.Series) -> pl.Series:
    """Blank the lines that stood in an earlier file of the same text: syslog writes a warning into several.

    As often as a line stands in one file, it was written; null files have no part in it.
    """
    rows = pl.DataFrame({"line": lines, "file": files})
    rows = rows.with_columns(nth=pl.int_range(pl.len()).over("file", "line"))
    again = pl.col("file").is_not_null() & ~pl.struct("line", "nth").is_first_distinct()
    return rows.select(pl.when(again).then(pl.lit("")).otherwise("line").alias("line")).to_series()
