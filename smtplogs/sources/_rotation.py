"""File names -> which files are one rotated log, in which order, and the date that a name carries."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import PurePath

_PACKED = re.compile(r"\.(?:gz|bz2|xz|zst|zstd)$", re.IGNORECASE)

# 2026/06/01, 2026-06-01, 20260601, 2026/06 ... as whole folder names
_FOLDER_DATE = re.compile(
    r"(?:^|(?<=/))(?P<year>(?:19|20)[0-9]{2})(?P<sep>[-/]?)(?P<month>0[1-9]|1[0-2])"
    r"(?:(?P=sep)(?P<day>0[1-9]|[12][0-9]|3[01]))?(?=/|$)"
)

# logrotate's dateext in its usual shapes, strftime names of rsyslog, Python, Exchange and others
_NAME_DATE = re.compile(
    r"""
    [-_.]?(?<![0-9])
    (?P<year>(?:19|20)[0-9]{2})(?P<sep>[-_.]?)(?P<month>0[1-9]|1[0-2])
    (?:
        (?P=sep)(?P<day>0[1-9]|[12][0-9]|3[01])
        (?:
            -(?P<epoch>[0-9]{10})                                                  # -%Y%m%d-%s
          | [-_.T]?(?P<hour>[01][0-9]|2[0-3])[-_.:]?(?P<minute>[0-5][0-9])
            (?:[-_.:]?(?P<second>[0-5][0-9]))?                                     # 20260601-1200, 2026-06-01_12-00-00
          | (?P<only_hour>[01][0-9]|2[0-3])                                        # -%Y%m%d%H
          | [-_.](?P<part>[0-9]{1,3})                                              # SEND20260601-2.LOG
        )?(?![0-9])
      | (?<=[-_.][0-9]{2})(?![-_.]?[0-9])                                          # 2026-06
      | (?=$)                                                                      # -202606
    )
    """,
    re.VERBOSE,
)

# mail.log.1, mainlog.01, mail.1.log; not the last number of an address (192.0.2.1.log)
_NUMBER = re.compile(r"(?<![0-9])\.(?P<number>[0-9]{1,3}|old)(?=$|\.(?:log|txt)$)", re.IGNORECASE)

_LIVE = (9999,)


@dataclass(frozen=True)
class Rotation:
    """What the name of a file says: `series` is the same for all files of one log, `order` sorts them oldest first."""

    series: str
    order: tuple[tuple[int, ...], ...]
    date: date | datetime | None


def rotation(path: PurePath, member: str | None = None) -> Rotation:
    """Read the name of a file, or of a member of an archive.

    The file without a date or a number is the live one, hence the last of its series. A name that holds only a month
    means the last day of that month: a date says that nothing in the file is (much) younger.
    """
    series: list[str] = []
    order: list[tuple[int, ...]] = []
    latest: date | datetime | None = None
    number = -1
    for text in (path.as_posix(), member):
        if text is None:
            continue
        folder, slash, name = text.rpartition("/")
        folder, day, _ = _without_date(_FOLDER_DATE, folder)
        stem, moment, part = _without_date(_NAME_DATE, _PACKED.sub("", name))
        if found := _NUMBER.search(stem):
            stem = stem[: found.start()] + stem[found.end() :]
            number = 1 if found["number"].lower() == "old" else int(found["number"])
        series.append(folder + slash + stem)
        order += [_sortable(day, 0), _sortable(moment, part)]
        latest = moment or day or latest
    return Rotation("!".join(series), (*order, (-number,)), latest)


def rotation_of(source: str) -> Rotation:
    """Read the name of a source as tables have it: a path, or `archive!member`."""
    path, _, member = source.partition("!")
    return rotation(PurePath(path), member or None)


def _without_date(pattern: re.Pattern[str], text: str) -> tuple[str, date | datetime | None, int]:
    """Return the text less its last date, that date, and the number of the part behind it."""
    for found in reversed(list(pattern.finditer(text))):
        groups = found.groupdict()
        try:
            moment = _moment(groups)
        except ValueError:  # 31 February
            continue
        return text[: found.start()] + text[found.end() :], moment, int(groups.get("part") or 0)
    return text, None, 0


def _moment(groups: dict[str, str | None]) -> date | datetime:
    year, month = int(groups["year"] or 0), int(groups["month"] or 0)
    day = int(groups["day"] or calendar.monthrange(year, month)[1])
    if epoch := groups.get("epoch"):
        return datetime.fromtimestamp(int(epoch), UTC)
    if hour := groups.get("hour") or groups.get("only_hour"):
        clock = int(hour), int(groups["minute"] or 0), int(groups["second"] or 0)
        return datetime(year, month, day, *clock)  # noqa: DTZ001 - a name does not tell its zone
    return date(year, month, day)


def _sortable(moment: date | datetime | None, part: int) -> tuple[int, ...]:
    return _LIVE if moment is None else (*moment.timetuple()[:6], part)
