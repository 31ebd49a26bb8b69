"""What the ids in a log tell of its clock: Exim's message ids and Sendmail's queue ids hold the time in UTC.

It is said in the coverage table and changes no time: stamps without a zone are read as the caller says. Sources: exim
src/receive.c (six base-62 digits of seconds; base 36 on macOS and Cygwin, which gives no sensible answer here), sendmail
sendmail/queue.c (year, month, day, hour, minute, second in base 60).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ASKED = 200
"""So many lines of a file are asked."""

ENOUGH = 3
"""So many must say the same."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGIT = {c: n for n, c in enumerate(_BASE62)}
_QUARTER = 900
_HALF_A_DAY = 14 * 3600
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def clock_told(parts: Sequence[pl.DataFrame]) -> str | None:
    """Return what the ids say of year or zone, as part of a sentence; None where they say nothing beyond the stamps.

    Parameters
    ----------
    parts
        Records of one file, with `time`, `time_quality`, `format`, `pattern`, `queue_id`, in as many frames as there are.
    """
    votes: Counter[tuple[int, int]] = Counter()
    year = None
    for format_, id_, time in islice(_ids(parts), ASKED):
        moment = _exim(id_) if format_ == "exim" else _sendmail(id_, time)
        if moment is not None:
            votes[_difference(time, moment)] += 1
            year = moment.year
    if not votes:
        return None
    (years, seconds), n = votes.most_common(1)[0]
    if n < ENOUGH or n * 2 < votes.total() or abs(seconds) > _HALF_A_DAY or (years == 0 and seconds == 0):
        return None
    told = []
    if years:
        told.append(f"the year is {year}")
    if seconds:
        hours, minutes = divmod(abs(seconds) // 60, 60)
        told.append(f"the clock was UTC{'+' if seconds > 0 else '-'}{hours:02d}:{minutes:02d}")
    return f"message ids say that {' and '.join(told)}"


def _ids(parts: Sequence[pl.DataFrame]) -> Iterator[tuple[str, str, dt.datetime]]:
    """Yield format, id and time of lines whose id is of their own moment and whose stamp leaves a doubt."""
    # a mail that the line itself takes in; later lines carry old ids
    exim = (pl.col("format") == "exim") & pl.col("pattern").str.starts_with("mail")
    sendmail = (pl.col("format") == "sendmail") & pl.col("pattern").str.starts_with("auth_")
    doubtful = pl.col("time_quality").is_in(["zone_assumed", "year_inferred"])
    for part in parts:
        if {"queue_id", "time", "format"} <= set(part.columns):
            asked = part.filter(exim | sendmail, doubtful, pl.all_horizontal(pl.col("queue_id", "time").is_not_null()))
            yield from asked.select("format", "queue_id", "time").head(ASKED).iter_rows()


def _difference(time: dt.datetime, moment: dt.datetime) -> tuple[int, int]:
    """Return years and seconds (in quarters of an hour) by which a stamp is ahead of the id."""
    years = round((time - moment) / dt.timedelta(days=365.25))
    try:
        near = time.replace(year=time.year - years)
    except ValueError:  # 29 February
        near = time - dt.timedelta(days=365.25 * years)
    return years, round((near - moment).total_seconds() / _QUARTER) * _QUARTER


def _exim(id_: str) -> dt.datetime | None:
    seconds = 0
    for letter in id_[:6]:
        seconds = seconds * 62 + _DIGIT[letter]
    return _EPOCH + dt.timedelta(seconds=seconds)


def _sendmail(id_: str, time: dt.datetime) -> dt.datetime | None:
    """Read a queue id; of the years that fit (one in sixty) the one next to the stamp's."""
    year, month, day, hour, minute, second = (_DIGIT[letter] for letter in id_[:6])
    century = [y for y in range(time.year - 30, time.year + 30) if (y - 1900) % 60 == year]
    try:
        return dt.datetime(century[0], month + 1, day, hour, minute, second, tzinfo=dt.UTC)
    except (ValueError, IndexError):
        return None
