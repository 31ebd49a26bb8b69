"""The stamps of a batch, of one file or of several: read, given their years, made moments."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.schema import TIME_QUALITIES
from smtplogs.stamps._anchors import Carry
from smtplogs.stamps._kinds import read
from smtplogs.stamps._marks import NONE
from smtplogs.stamps._moments import find_moments
from smtplogs.stamps._together import plain_times
from smtplogs.stamps._years import find_years, heed_outer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtplogs.stamps._anchors import Anchor

_QUALITIES = pl.Series(TIME_QUALITIES, dtype=pl.Enum(TIME_QUALITIES))


def resolve(batch: pl.DataFrame, anchor: Anchor, carry: Carry | None = None) -> tuple[pl.DataFrame, Carry]:
    """Turn the written stamps of a batch into `time` and `time_quality`.

    Parameters
    ----------
    batch
        Rows in file order with `stamp` (text) and, where a wrapper put its own before the line, `outer`.
    anchor
        Evidence for year and zone.
    carry
        What the batch before this one, of the same file, returned.

    Returns
    -------
    tuple
        The batch in the same order, `stamp` and `outer` replaced by `time` and `time_quality`, and the next carry.
        A stamp that cannot be read has a null time and counts in `Carry.bad_stamps`; it is never an error.
    """
    carry = carry or Carry()
    marks = read(batch["stamp"], anchor.tz)
    if "outer" in batch.columns and batch["outer"].null_count() < batch.height:
        marks = heed_outer(marks, read(batch["outer"], anchor.tz))
    marks, carry = find_years(marks, anchor, carry)
    marks, carry = find_moments(marks, anchor, carry)
    found = marks.select(_times())
    known = [carry.first_time, carry.last_time, found["time"].min(), found["time"].max()]
    moments = [moment for moment in known if isinstance(moment, datetime)]
    carry = replace(
        carry,
        bad_stamps=carry.bad_stamps + int((found["time"].is_null() & batch["stamp"].is_not_null()).sum()),
        first_time=min(moments, default=None),
        last_time=max(moments, default=None),
    )
    return batch.drop("stamp", "outer", strict=False).hstack(found), carry


def resolve_each(batch: pl.DataFrame, anchors: Sequence[Anchor], by: str) -> tuple[pl.DataFrame, list[Carry]]:
    """Resolve the stamps of several files as `resolve` does those of each, but most of them in one pass.

    Parameters
    ----------
    batch
        `stamp` and `by`, the number of the file (from 0): one whole file behind the other, each in its own order.
    anchors
        Evidence for year and zone of each file; all name the same zone.
    by
        That column.

    Returns
    -------
    tuple
        The batch in the same order, with `time` and `time_quality` instead of `stamp`; what `resolve` would return as
        the carry of each file.
    """
    rows = batch.with_row_index("_row")
    marks, known = plain_times(rows.select("_row", by, "stamp").drop_nulls("stamp"), anchors, by)
    found = [marks.select("_row", *_times())]
    carries = [known.get(file, Carry()) for file in range(len(anchors))]
    others = rows.filter(~pl.col(by).is_in(list(known)))
    for (file,), mine in others.partition_by(by, as_dict=True).items():
        times, carries[int(file)] = resolve(mine.select("_row", "stamp"), anchors[int(file)])
        found.append(times)
    answer = rows.drop("stamp").join(pl.concat(found), on="_row", how="left", maintain_order="left")
    return answer.drop("_row").with_columns(pl.col("time_quality").fill_null(TIME_QUALITIES[NONE])), carries


def _times() -> list[pl.Expr]:
    doubt = pl.when(pl.col("utc").is_null()).then(NONE).otherwise("doubt")
    return [
        pl.col("utc").dt.replace_time_zone("UTC").alias("time"),
        pl.lit(_QUALITIES).gather(doubt).alias("time_quality"),
    ]
