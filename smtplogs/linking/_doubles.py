"""Exim writes one refusal to the main log and to the reject log, and over syslog twice in a row: it is one attempt.

Two identical lines in one log are two attempts, though, within the same millisecond too. So the larger count of the logs
stands, never the sum, and never the distinct lines. A log is a file with what its rotation made of it: one of the two lines
may stand at the end of a file, the other in the next. Measured: Exim 4.96, 4.98, 4.100.
"""

from __future__ import annotations

import polars as pl

from smtplogs.linking._folding import folded
from smtplogs.sources import rotation_of

DOUBLED_SHARE = 0.9
"""From this share of pairs on a syslog file is taken to hold every main line and its reject copy (syslog_duplication)."""

_BOTH_LOGS = r"^(?:auth_(?:failed|deferred|malformed|rejected)|rejected_|dropped|too_many_)"
"""Patterns whose lines go to main and reject log."""

_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?:\.[0-9]{3})?(?: [+-][0-9]{4})? "
_TAGGED = r"^(?:<[0-9]{1,3}>)?(?:1 )?(?:[^ \[\]]+ +){0,5}?exim[^ \[\]:]*(?:(?:\[[0-9]+\])?: | [0-9-]+ [^ ]+ (?:-|\[.*?\]) )(.*)$"
_ROW = pl.int_range(pl.len(), dtype=pl.Int64)


def _words() -> pl.Expr:
    """The line without envelope, stamp and pid; a syslogd writes a tab as #011."""
    said = pl.coalesce(pl.col("raw").str.extract(_TAGGED), "raw").str.replace_all("#011", "\t", literal=True)
    return said.str.replace(rf"^{_STAMP}", "").str.replace(r"^\[[0-9]+\] ", "")


def without_syslog_doubles(rows: pl.DataFrame) -> pl.DataFrame:
    """Halve the logs in which every line that goes to both logs stands twice in a row, under one pid.

    Identical lines of a log that holds single ones as well are real attempts.
    """
    both = pl.col("pattern").str.contains(_BOTH_LOGS) & pl.col("raw").str.contains("exim", literal=True)
    asked = rows.select("source", "key", "line_no", _row=_ROW, _both=both, _text="raw").filter("_both")
    asked = asked.with_columns(pl.col("_text").str.extract(_TAGGED)).drop_nulls("_text")
    if asked.is_empty():
        return rows
    asked = asked.join(_logs(rows), on="source", how="left", maintain_order="left")
    asked = asked.sort("_log", "key", "_turn", "line_no")
    same = pl.all_horizontal((pl.col(c) == pl.col(c).shift()).fill_null(value=False) for c in ("_log", "key", "_text"))
    asked = asked.with_columns(_run=(~same).cum_sum())
    asked = asked.with_columns(_at=pl.int_range(pl.len()).over("_run"), _even=pl.len().over("_run") % 2 == 0)
    paired = pl.col("_even").mean().over("_log") >= DOUBLED_SHARE
    second = asked.filter(paired & pl.col("_even") & (pl.col("_at") % 2 == 1))
    first = asked.filter(pl.col("_at") % 2 == 0).select("_run", "_at", _into="_row")
    pairs = second.with_columns(_at=pl.col("_at") - 1).join(first, on=["_run", "_at"], how="inner")
    return _folded(rows, pairs)


def without_file_doubles(rows: pl.DataFrame) -> pl.DataFrame:
    """Of the same line in several logs of one host whose times overlap, keep as many as the log with most of them has."""
    logs = _logs(rows)
    if logs["_log"].n_unique() < 2:
        return rows
    of_log = rows.select("source", "time").join(logs, on="source").group_by("_log")
    spans = of_log.agg(_from=pl.col("time").min(), _to=pl.col("time").max(), _size=pl.len())
    asked = rows.select("source", "time", "raw", _row=_ROW, _where=_one_host(rows)).filter(
        pl.col("raw").is_not_null() & pl.col("time").is_not_null()
    )
    line = ["_where", "_second", "_text"]
    asked = asked.join(logs, on="source", how="left", maintain_order="left")
    asked = asked.select("_log", "_row", "_where", _second=pl.col("time").dt.truncate("1s"), _text=_words())
    asked = asked.with_columns(_at=pl.int_range(pl.len()).over(*line, "_log"))
    per = asked.group_by(*line, "_log").agg(_n=pl.len()).filter(pl.len().over(line) > 1).join(spans, on="_log")
    instant = (pl.col("_from") == pl.col("_to")).any().over(line)
    begin, end = pl.col("_from").max().over(line), pl.col("_to").min().over(line)
    per = per.filter((begin < end) | ((begin == end) & instant))
    if per.is_empty():
        return rows
    best = per.sort("_n", "_size", "_log", descending=[True, True, False]).unique(line, maintain_order=True)
    kept = asked.join(best, on=[*line, "_log"], how="semi", nulls_equal=True).select(*line, "_at", _into="_row")
    losing = per.join(best, on=[*line, "_log"], how="anti", nulls_equal=True)
    losing = asked.join(losing, on=[*line, "_log"], how="semi", nulls_equal=True)
    return _folded(rows, losing.join(kept, on=[*line, "_at"], how="inner", nulls_equal=True))


def _logs(rows: pl.DataFrame) -> pl.DataFrame:
    """Tell which log each file is of (`_log`), and which of its files it is (`_turn`).

    A file that begins before the one before it has ended is a copy, and a log of its own.
    """
    spans = rows.group_by("source", maintain_order=True).agg(_from=pl.col("time").min(), _to=pl.col("time").max())
    named = [(rotation_of(source), source, begin, end) for source, begin, end in spans.iter_rows()]
    named.sort(key=lambda file: (file[0].series, file[0].order))
    logs, turns, number = [], [], -1
    series, last = None, None
    for turn, (name, _, begin, end) in enumerate(named):
        if name.series != series or (begin is not None and last is not None and begin < last):
            series, last, number = name.series, None, number + 1
        last = end if end is not None else last
        logs.append(number)
        turns.append(turn)
    return pl.DataFrame(
        {"source": [file[1] for file in named], "_log": logs, "_turn": turns},
        schema={"source": pl.String, "_log": pl.UInt32, "_turn": pl.UInt32},
    )


def _one_host(rows: pl.DataFrame) -> pl.Expr:
    """Host of a line; a log that names none is of the only host there is, else its folder stands for one."""
    folder = pl.col("source").str.replace(r"[^/\\]*$", "")
    unnamed = rows.filter(pl.col("host").is_null()).select(folder.unique()).height
    hosts = rows["host"].drop_nulls().unique()
    other = pl.lit(hosts[0]) if hosts.len() == 1 and unnamed == 1 else folder
    return pl.coalesce("host", other)


def _folded(rows: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Fold the rows `_row` of pairs into `_into`."""
    if pairs.is_empty():
        return rows
    whole = rows.select(_row=_ROW)
    into = whole.join(pairs.select("_row", "_into"), on="_row", how="left", maintain_order="left")["_into"]
    return folded(rows, into)
