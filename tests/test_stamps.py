"""Written stamps become UTC, with the worst doubt named."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtplogs.schema import EVENTS
from smtplogs.stamps import Anchor, Carry, anchor, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

ASSUMED = anchor(rotation=date(2025, 12, 1))
GIVEN = anchor(year=2025, tz="Europe/Warsaw")
NEW_YORK = anchor(year=2025, tz="America/New_York")


def frame(texts: Sequence[str | None], outer: Sequence[str | None] | None = None) -> pl.DataFrame:
    columns = {"line_no": range(1, len(texts) + 1), "stamp": texts}
    types = {"line_no": pl.UInt64, "stamp": pl.String, "outer": pl.String}
    return pl.DataFrame(columns | ({"outer": outer} if outer else {}), schema_overrides=types)


def read(texts: Sequence[str | None], by: Anchor, outer: Sequence[str | None] | None = None) -> list[tuple[str, str]]:
    """Time (ISO, without the UTC mark) and quality of each stamp."""
    return rows(resolve(frame(texts, outer), by)[0])


def rows(found: pl.DataFrame) -> list[tuple[str, str]]:
    return [
        (t.replace(tzinfo=None).isoformat(sep=" ") if t else "", q)
        for t, q in found.select("time", "time_quality").iter_rows()
    ]


def read_file(texts: Sequence[str | None], by: Anchor, size: int) -> tuple[pl.DataFrame, Carry, Anchor]:
    """Read in batches of `size`, and again if the end proves the year wrong, as a caller does."""
    for _ in range(2):
        carry, parts = None, []
        for start in range(0, len(texts), size):
            part, carry = resolve(frame(texts[start : start + size]), by, carry)
            parts.append(part)
        assert carry is not None
        years = carry.years_too_late(by)
        if not years:
            return pl.concat(parts), carry, by
        by = by.earlier(years)
    raise AssertionError("a second reading was not enough")


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


KINDS = [
    ("Nov  3 09:05:01", "2025-11-03 08:05:01"),
    ("Nov 3 09:05:01", "2025-11-03 08:05:01"),
    ("Nov 03 09:05:01", "2025-11-03 08:05:01"),
    ("Nov  3 09:05:01.123456", "2025-11-03 08:05:01.123456"),
    ("Nov  3 2025 09:05:01", "2025-11-03 08:05:01"),
    ("Nov  3 2025 09:05:01.5", "2025-11-03 08:05:01.500000"),
    ("Nov  3 09:05:01 2025", "2025-11-03 08:05:01"),
    ("2025-11-03T09:05:01Z", "2025-11-03 09:05:01"),
    ("2025-11-03T09:05:01.123456+01:00", "2025-11-03 08:05:01.123456"),
    ("2025-11-03T09:05:01+0100", "2025-11-03 08:05:01"),
    ("2025-11-03T09:05:01-05:30", "2025-11-03 14:35:01"),
    ("2025-11-03 09:05:01+01:00", "2025-11-03 08:05:01"),
    ("2025-11-03 09:05:01.250 +0100", "2025-11-03 08:05:01.250000"),
    ("2025-11-03T09:05:01,5Z", "2025-11-03 09:05:01.500000"),
    ("2025-11-03T09:05:01+01", "2025-11-03 08:05:01"),
    ("2025-11-03 09:05:01", "2025-11-03 08:05:01"),
    ("2025-11-03 09:05:01.123", "2025-11-03 08:05:01.123000"),
    ("2025-11-03 09:05:01,123", "2025-11-03 08:05:01.123000"),
    ("Nov-03-25 09:05:01", "2025-11-03 08:05:01"),
    ("2025/11/03 09:05:01", "2025-11-03 08:05:01"),
    ("2025-11-03T09:05:01", "2025-11-03 08:05:01"),
    ("@400000004c91b044077a9e94", "2010-09-16 05:50:50.125476"),
    ("1762157101.123456", "2025-11-03 08:05:01.123456"),
    ("1762157101", "2025-11-03 08:05:01"),
    ("1762157101123456", "2025-11-03 08:05:01.123456"),
    ("Mon 2025-11-03 09:05:01 CET", "2025-11-03 08:05:01"),
    ("Mon 2025-11-03 09:05:01.5 UTC", "2025-11-03 09:05:01.500000"),
    ("Mon 2025-11-03 09:05:01 +0530", "2025-11-03 03:35:01"),
    ("Mon 2025-11-03 09:05:01 -03", "2025-11-03 12:05:01"),
    ("Mon, 03 Nov 2025 09:05:01 +0100", "2025-11-03 08:05:01"),
    ("Mon Nov  3 09:05:01 2025", "2025-11-03 08:05:01"),
    ("03.11.2025 09:05:01", "2025-11-03 08:05:01"),
    ("20251103090501", "2025-11-03 08:05:01"),
]


@pytest.mark.parametrize(("text", "expected"), KINDS)
def test_every_kind_is_read_exactly_when_year_and_zone_are_given(text: str, expected: str):
    assert read([text], GIVEN) == [(expected, "exact")]


def test_kinds_may_be_mixed_in_one_batch_and_keep_their_order():
    texts = [text for text, _ in KINDS]
    assert read(texts, GIVEN) == [(expected, "exact") for _, expected in KINDS]
    assert read(texts[::-1], GIVEN) == [(expected, "exact") for _, expected in KINDS[::-1]]


@pytest.mark.parametrize("digits", range(10))
@pytest.mark.parametrize("template", ["Nov  3 09:05:01{}", "2025-11-03T08:05:01{}Z", "2025-11-03 09:05:01{}"])
def test_a_fraction_has_none_to_nine_digits_and_is_cut_at_microseconds(template: str, digits: int):
    fraction = "." + "123456789"[:digits] if digits else ""
    micro = int("123456789"[:digits].ljust(6, "0")[:6])
    expected = datetime(2025, 11, 3, 8, 5, 1, micro, tzinfo=UTC)
    assert resolve(frame([template.format(fraction)]), GIVEN)[0]["time"].to_list() == [expected]


@pytest.mark.parametrize("text", ["2025-12-31T23:59:60+01:00", "2025-12-31 23:59:60"])
def test_second_60_is_the_next_second(text: str):
    assert read([text], GIVEN) == [("2025-12-31 23:00:00", "exact")]


def test_second_60_without_a_year_is_the_next_second_too():
    assert read(["Dec 31 23:59:59", "Dec 31 23:59:60"], GIVEN)[1] == ("2025-12-31 23:00:00", "exact")
    assert read(["Jun 30 23:59:60"], GIVEN) == [("2025-06-30 22:00:00", "exact")]


BAD = ["garbage", "", "Feb 30 01:02:03", "Nov  3 24:00:00", "Nov  3 09:05:61", "2025-13-01T00:00:00Z", "9h", "Monday 09:05",
       "@ffffffffffffffffffffffff", "@400000004c91b044zzzzzzzz", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00Z", "Nov 2025",
       "2025-11-03", "99999999999.999999", "x" * 100_000, "1" * 70, "\x00\x00", "﷽ 09:05:01", "9999999999999999"]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_read_is_null_and_counted_never_an_error(text: str):
    found, carry = resolve(frame(["Nov  3 09:05:01", text, "Nov  3 09:05:02"]), GIVEN)
    assert rows(found) == [("2025-11-03 08:05:01", "exact"), ("", "none"), ("2025-11-03 08:05:02", "exact")]
    assert carry.bad_stamps == 1
    assert rows(resolve(frame([text]), GIVEN)[0]) == [("", "none")]


def test_a_row_without_a_stamp_has_no_time_and_is_no_bad_stamp():
    found, carry = resolve(frame([None, "Nov  3 09:05:01", None]), GIVEN)
    assert rows(found) == [("", "none"), ("2025-11-03 08:05:01", "exact"), ("", "none")]
    assert carry.bad_stamps == 0


def test_only_so_many_distinct_odd_stamps_are_asked_about(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("smtplogs.stamps._kinds.MAX_ODD", 2)
    odd = [f"Mon, {day:02} Nov 2025 09:05:01 +0100" for day in (3, 3, 4, 5)]
    found, carry = resolve(frame(odd), GIVEN)
    assert found["time"].is_null().to_list() == [False, False, False, True]
    assert carry.bad_stamps == 1


def test_the_rest_of_the_frame_stays_and_the_dtypes_are_those_of_the_schema():
    found, _ = resolve(frame(["Nov  3 09:05:01"], [None]), GIVEN)
    assert found.schema == pl.Schema(
        {"line_no": pl.UInt64, "time": EVENTS["time"].dtype, "time_quality": EVENTS["time_quality"].dtype}
    )


def test_an_empty_batch_changes_nothing():
    _, carry = resolve(frame(["Dec 31 23:59:59"]), GIVEN)
    found, after = resolve(frame([]), GIVEN, carry)
    assert found.columns == ["line_no", "time", "time_quality"]
    assert found.height == 0
    assert after == carry
    assert resolve(frame([]), GIVEN)[1] == Carry()


# zones


@pytest.mark.parametrize(
    ("text", "quality"),
    [("2025-11-03 09:05:01", "zone_assumed"), ("Nov  3 09:05:01", "year_inferred"), ("2025-11-03T09:05:01Z", "exact")],
)
def test_without_a_zone_the_log_is_read_as_utc_and_the_worst_doubt_is_named(text: str, quality: str):
    assert read([text], ASSUMED) == [("2025-11-03 09:05:01", quality)]


def test_a_given_year_without_a_zone_leaves_the_zone_assumed():
    assert read(["Nov  3 09:05:01"], anchor(year=2025)) == [("2025-11-03 09:05:01", "zone_assumed")]


def test_a_zone_without_a_given_year_leaves_the_year_inferred():
    by = anchor(tz="Europe/Warsaw", mtime=datetime(2025, 11, 4, tzinfo=UTC))
    assert read(["Nov  3 09:05:01"], by) == [("2025-11-03 08:05:01", "year_inferred")]


def test_zone_names_of_one_meaning_are_read_and_others_assumed():
    assert read(["Mon 2025-11-03 09:05:01 CET"], ASSUMED) == [("2025-11-03 08:05:01", "exact")]
    assert read(["Mon 2025-11-03 09:05:01 CST"], ASSUMED) == [("2025-11-03 09:05:01", "zone_assumed")]
    assert read(["Mon, 03 Nov 2025 09:05:01 IST"], ASSUMED) == [("2025-11-03 09:05:01", "zone_assumed")]


def test_the_callers_zone_tells_what_its_own_names_mean():
    texts = ["Mon 2025-11-03 09:05:01 CST", "Wed 2025-07-02 09:05:01 CDT"]
    assert read(texts, anchor(year=2025, tz="America/Chicago")) == [
        ("2025-11-03 15:05:01", "exact"),
        ("2025-07-02 14:05:01", "exact"),
    ]
    assert read(texts[:1], anchor(year=2025, tz="Asia/Shanghai")) == [("2025-11-03 01:05:01", "exact")]


def test_a_date_that_could_be_read_both_ways_is_ambiguous():
    assert read(["11/03/2025 09:05:01"], anchor(year=2025, tz="UTC")) == [("2025-11-03 09:05:01", "ambiguous")]
    assert read(["11/23/2025 09:05:01"], anchor(year=2025, tz="UTC")) == [("2025-11-23 09:05:01", "exact")]


# the year


def test_the_first_stamp_takes_the_latest_year_that_the_anchor_allows_with_a_day_of_slack():
    by = anchor(mtime=datetime(2025, 6, 1, 12, 0, tzinfo=UTC))
    assert read(["Jun  2 12:00:00"], by)[0][0] == "2025-06-02 12:00:00"
    assert read(["Jun  2 12:00:01"], by)[0][0] == "2024-06-02 12:00:01"


@pytest.mark.parametrize("text", ["Jan  1 00:00:00", "Jan  1 17:42:17", "Jan  2 00:00:00", "Dec 31 23:59:59"])
def test_a_year_that_the_caller_gives_has_no_day_of_slack_into_the_next(text: str):
    assert read([text], anchor(year=2026, tz="UTC"))[0][0].startswith("2026-")


def test_a_log_that_ends_on_new_years_day_began_in_the_year_before_the_given_one():
    found, _, _ = read_file(["Dec 30 03:18:00", "Jan  1 05:09:22"], anchor(year=2026), 100)
    assert [t for t, _ in rows(found)] == ["2025-12-30 03:18:00", "2026-01-01 05:09:22"]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_new_year_inside_a_file_also_over_a_batch_border(size: int):
    texts = ["Dec 31 23:59:58", "Dec 31 23:59:59", "Jan  1 00:00:00", "Jan  1 00:00:01"]
    found, carry, _ = read_file(texts, anchor(rotation=date(2026, 1, 4)), size)
    assert [t for t, _ in rows(found)] == [
        "2025-12-31 23:59:58",
        "2025-12-31 23:59:59",
        "2026-01-01 00:00:00",
        "2026-01-01 00:00:01",
    ]
    assert carry.rollovers == 1
    assert carry.year_evidence == "file name (2026-01-04)"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_december_straggler_after_january_is_of_the_old_year(size: int):
    texts = ["Dec 31 23:59:58", "Jan  1 00:00:00", "Dec 31 23:59:59", "Jan  1 00:00:01", "Jan  2 00:00:00"]
    found, carry, _ = read_file(texts, anchor(rotation=date(2026, 1, 4)), size)
    assert [t[:4] for t, _ in rows(found)] == ["2025", "2026", "2025", "2026", "2026"]
    assert carry.rollovers == 1


def test_stragglers_of_hours_and_gaps_of_months_never_change_the_year():
    texts = ["Mar  1 12:00:00", "Feb 28 20:00:00", "Mar  1 12:00:01", "Nov 20 00:00:00", "Jun  1 12:00:02"]
    assert {t[:4] for t, _ in read(texts, ASSUMED)} == {"2025"}


@pytest.mark.parametrize(("back", "year"), [(180, "2025"), (181, "2026")])
def test_only_a_fall_of_more_than_180_days_is_a_new_year(back: int, year: str):
    later = (datetime(2025, 12, 1, tzinfo=UTC) - timedelta(days=back)).strftime("%b %e 00:00:00")
    assert read(["Dec  1 00:00:00", later], anchor(year=2025))[1][0].startswith(year)


@pytest.mark.parametrize(("ahead", "year"), [(270, "2025"), (271, "2024")])
def test_a_log_may_be_silent_for_nine_months_but_no_longer_within_a_year(ahead: int, year: str):
    later = (datetime(2025, 3, 1, tzinfo=UTC) + timedelta(days=ahead)).strftime("%b %e 00:00:00")
    assert read(["Mar  1 00:00:00", later], anchor(year=2025))[1][0].startswith(year)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_file_of_three_years_is_read_again_as_many_years_earlier(size: int):
    texts = ["Mar  1 00:00:00", "Nov  1 00:00:00", "Feb  1 00:00:00", "Sep  1 00:00:00", "Jan  5 00:00:00"]
    by = anchor(mtime=datetime(2025, 6, 1, tzinfo=UTC))
    _, carry = resolve(frame(texts), by)
    assert carry.years_too_late(by) == 2
    found, carry, by = read_file(texts, by, size)
    assert [t[:7] for t, _ in rows(found)] == ["2023-03", "2023-11", "2024-02", "2024-09", "2025-01"]
    assert carry.years_too_late(by) == 0
    assert by.years_back == 2


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("texts", "years"),
    [
        (["Feb 29 08:00:00"], ["2024"]),
        (["Feb 28 08:00:00", "Feb 29 08:00:00", "Mar  1 08:00:00"], ["2024"] * 3),
        (["Dec 31 08:00:00", "Feb 29 08:00:00"], ["2023", "2024"]),
        (["Feb 29 08:00:00", "Oct 31 08:00:00", "Jan  1 08:00:00"], ["2024", "2024", "2025"]),
    ],
)
def test_a_leap_day_pulls_the_whole_file_to_its_leap_year(texts: list[str], years: list[str], size: int):
    found, carry, _ = read_file(texts, anchor(rotation=date(2026, 6, 1)), size)
    assert [t[:4] for t, _ in rows(found)] == years
    assert carry.bad_stamps == 0


def test_leap_days_that_no_year_can_suit_are_bad_stamps():
    texts = ["Feb 29 00:00:00", "Oct  1 00:00:00", "Feb 29 00:00:00", "Mar  1 00:00:00"]
    found, carry, _ = read_file(texts, anchor(rotation=date(2026, 6, 1)), 100)
    assert found["time"].null_count() == carry.bad_stamps == 1


def test_the_year_of_a_neighbour_overrides_the_anchor_forwards_and_backwards():
    texts = ["Dec 31 23:59:59", "2020-01-01T00:00:00Z", "Jan  1 00:00:01", "Dec 31 23:59:58"]
    found, carry = resolve(frame(texts), anchor(year=2025))
    assert [t[:4] for t, _ in rows(found)] == ["2019", "2020", "2020", "2019"]
    assert carry.year_evidence == "an ISO-stamped neighbour"
    assert carry.years_too_late(anchor(year=2025)) == 0


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("year", [2019, 2025])
def test_a_neighbour_met_later_proves_the_anchor_wrong_in_either_direction(size: int, year: int):
    texts = ["Dec 31 23:59:57", "Dec 31 23:59:58", "2022-12-31 23:59:59", "Jan  1 00:00:00"]
    found, carry, _ = read_file(texts, anchor(year=year), size)
    assert [t[:4] for t, _ in rows(found)] == ["2022", "2022", "2022", "2023"]
    assert carry.year_evidence == "an ISO-stamped neighbour"


def test_dated_stamps_need_no_anchor():
    _, carry = resolve(frame(["2025-11-03T09:05:01Z"]), anchor(now=datetime(2024, 1, 1, tzinfo=UTC)))
    assert carry.years_too_late(anchor(year=2024)) == 0
    assert (carry.year_evidence, carry.zone_evidence) == ("the stamps", "the stamps")


def test_a_zigzag_of_stamps_cannot_overflow_the_calendar():
    texts = ["Jan  1 00:00:00", "Jun  1 00:00:00", "Oct  1 00:00:00"] * 4_000
    found, carry = resolve(frame(texts), ASSUMED)
    assert found["time"].max() < datetime(2100, 1, 1, tzinfo=UTC)  # type: ignore[operator]
    assert carry.bad_stamps > 0


def test_first_and_last_time_are_the_earliest_and_latest_moment():
    _, carry = resolve(frame(["Nov  3 09:00:00", "Nov  3 08:00:00", "Nov  3 10:00:00", "Nov  3 09:30:00"]), ASSUMED)
    assert carry.first_time == datetime(2025, 11, 3, 8, tzinfo=UTC)
    assert carry.last_time == datetime(2025, 11, 3, 10, tzinfo=UTC)
    assert carry.year == 2025


# doubtful hours


def test_the_hour_that_spring_skips_is_read_with_the_offset_before_it_and_counted():
    texts = ["Mar 30 01:59:59", "Mar 30 02:30:00", "Mar 30 03:00:00"]
    found, carry = resolve(frame(texts), GIVEN)
    assert rows(found) == [
        ("2025-03-30 00:59:59", "exact"),
        ("2025-03-30 01:30:00", "ambiguous"),
        ("2025-03-30 01:00:00", "exact"),
    ]
    assert carry.doubtful_hours == 1
    assert read(["Mar  9 02:30:00"], NEW_YORK) == [("2025-03-09 07:30:00", "ambiguous")]


REPEATS = [
    (GIVEN, "Oct 26", "02", "03", 0),
    (NEW_YORK, "Nov  2", "01", "02", 5),
]


@pytest.mark.parametrize(("by", "day", "hour", "next_hour", "utc_hour"), REPEATS)
def test_a_fall_of_the_clock_begins_the_second_pass(by: Anchor, day: str, hour: str, next_hour: str, utc_hour: int):
    texts = [f"{day} {hour}:10:00", f"{day} {hour}:59:58", f"{day} {hour}:00:34", f"{day} {hour}:59:59"]
    texts.append(f"{day} {next_hour}:00:00")
    found, carry = resolve(frame(texts), by)
    clocks = [t[11:] for t, _ in rows(found)]
    first, second, after = f"{utc_hour:02}", f"{utc_hour + 1:02}", f"{utc_hour + 2:02}"
    assert clocks == [f"{first}:10:00", f"{first}:59:58", f"{second}:00:34", f"{second}:59:59", f"{after}:00:00"]
    assert {q for _, q in rows(found)} == {"exact"}
    assert carry.doubtful_hours == 0


@pytest.mark.parametrize(("fall", "passes"), [(29, 1), (30, 2), (59, 2)])
def test_only_a_fall_of_about_that_hour_counts(fall: int, passes: int):
    texts = ["Oct 26 02:59:30", f"Oct 26 02:{59 - fall:02}:30"]
    expected = "00" if passes == 1 else "01"
    times = read(texts, GIVEN)
    assert times[1][0][11:13] == expected
    assert times[1][1] == ("ambiguous" if passes == 1 else "exact")


def test_without_a_fall_the_repeated_hour_is_ambiguous_and_read_as_its_first_pass():
    found, carry = resolve(frame(["Oct 26 01:59:00", "Oct 26 02:10:00", "Oct 26 02:20:00", "Oct 26 03:10:00"]), GIVEN)
    assert rows(found) == [
        ("2025-10-25 23:59:00", "exact"),
        ("2025-10-26 00:10:00", "ambiguous"),
        ("2025-10-26 00:20:00", "ambiguous"),
        ("2025-10-26 02:10:00", "exact"),
    ]
    assert carry.doubtful_hours == 2


def test_the_second_pass_goes_on_in_the_next_batch_and_ends_with_its_day():
    texts = ["Oct 26 02:59:58", "Oct 26 02:00:34", "Oct 26 02:30:00", "Oct 26 03:00:00", "Nov  1 00:00:00"]
    texts += ["Oct 25 02:10:00"]  # 2025 still, and the night before
    found, _, _ = read_file(texts, GIVEN, 1)
    assert rows(found) == [
        ("2025-10-26 00:59:58", "ambiguous"),
        ("2025-10-26 01:00:34", "exact"),
        ("2025-10-26 01:30:00", "exact"),
        ("2025-10-26 02:00:00", "exact"),
        ("2025-10-31 23:00:00", "exact"),
        ("2025-10-25 00:10:00", "exact"),
    ]


def test_each_autumn_has_its_own_second_pass():
    texts = ["Oct 26 02:59:58", "Oct 26 02:00:34", "Mar  1 00:00:00", "Oct 25 02:10:00"]
    found, _ = resolve(frame(texts), GIVEN)
    assert rows(found)[-1] == ("2026-10-25 00:10:00", "ambiguous")


def test_stamps_with_an_offset_are_never_doubtful():
    assert read(["2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+01:00"], GIVEN) == [
        ("2025-10-26 00:30:00", "exact"),
        ("2025-10-26 01:30:00", "exact"),
    ]


# the stamp of a container


OUTER = "2025-11-03T08:05:01.123456789Z"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("Nov 03 09:05:01", ("2025-11-03 08:05:01.123456", "exact")),
        ("Nov 03 03:05:01", ("2025-11-03 08:05:01.123456", "exact")),
        ("Nov 03 13:50:00", ("2025-11-03 08:05:01.123456", "exact")),
        ("2025-11-03 09:04:57", ("2025-11-03 08:05:01.123456", "exact")),
        ("2025-11-03 09:04:56", ("2025-11-03 09:04:56", "zone_assumed")),
        ("Nov 03 09:04:50", ("2025-11-03 09:04:50", "zone_assumed")),
        ("Nov 03 22:05:01", ("2025-11-03 08:05:01.123456", "exact")),
        ("Nov 03 22:20:01", ("2025-11-03 22:20:01", "zone_assumed")),
        ("2025-11-03T09:04:00+01:00", ("2025-11-03 08:04:00", "exact")),
        ("garbage", ("2025-11-03 08:05:01.123456", "exact")),
    ],
)
def test_an_outer_stamp_gives_the_moment_if_the_inner_agrees_but_for_a_zone(inner: str, expected: tuple[str, str]):
    by = anchor(rotation=date(2020, 1, 1))
    assert read([inner], by, [OUTER]) == [expected]


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("Jan  1 01:30:30", "2025-12-31T23:30:00Z", "2026-01-01 01:30:30"),
        ("Dec 31 23:30:30", "2026-01-01T00:30:00Z", "2025-12-31 23:30:30"),
    ],
)
def test_an_outer_stamp_gives_the_nearest_year(inner: str, outer: str, expected: str):
    assert read([inner], anchor(rotation=date(2020, 1, 1)), [outer]) == [(expected, "zone_assumed")]


def test_an_outer_stamp_that_is_not_exact_is_no_evidence():
    assert read(["Nov 03 09:05:01"], ASSUMED, ["Nov 03 08:05:01"]) == [("2025-11-03 09:05:01", "year_inferred")]


# the anchor


@pytest.mark.parametrize(
    ("evidence", "latest", "text"),
    [
        ({"year": 2024}, naive("2024-12-30 23:59:59"), "given by the caller"),
        ({"rotation": date(2026, 6, 1)}, naive("2026-06-01 23:59:59"), "file name (2026-06-01)"),
        ({"gzip_mtime": naive("2026-06-01 04:00")}, naive("2026-06-01 04:00"), "gzip header (2026-06-01 04:00 UTC)"),
        (
            {"mtime": datetime(2026, 6, 1, 4, tzinfo=timezone(timedelta(hours=2)))},
            naive("2026-06-01 02:00"),
            "file time (2026-06-01 02:00 UTC)",
        ),
        ({"now": datetime(2026, 6, 1, 4, tzinfo=UTC)}, naive("2026-06-01 04:00"), "the clock"),
    ],
)
def test_evidence_is_named(evidence: dict, latest: datetime, text: str):
    by = anchor(**evidence)
    assert (by.latest, by.year_evidence, by.year_given) == (latest, text, "year" in evidence)


def test_the_best_evidence_wins():
    all_of_it = {
        "year": 2021,
        "rotation": date(2022, 1, 1),
        "gzip_mtime": datetime(2023, 1, 1, tzinfo=UTC),
        "mtime": datetime(2024, 1, 1, tzinfo=UTC),
        "now": datetime(2025, 1, 1, tzinfo=UTC),
    }
    for year, name in enumerate(list(all_of_it), start=2021):
        assert anchor(**all_of_it).latest.year == year
        del all_of_it[name]


def test_file_times_of_clocks_that_never_were_set_are_no_evidence():
    by = anchor(mtime=datetime(1980, 1, 1, tzinfo=UTC), now=datetime(2026, 1, 1, tzinfo=UTC))
    assert by.year_evidence == "the clock"


def test_no_evidence_at_all_is_an_error_that_says_what_to_give():
    with pytest.raises(ValueError, match="give year="):
        anchor(tz="UTC")


@pytest.mark.parametrize(
    ("tz", "hint"), [("europe/warsaw", "Europe/Warsaw"), ("Europe/Warsow", "Europe/Warsaw"), ("+01:00", "IANA name"), ("../etc/passwd", "unknown"), ("Europe", "unknown"), ("", "unknown")]
)  # fmt: skip
def test_an_unknown_zone_is_named_with_a_hint(tz: str, hint: str):
    with pytest.raises(ValueError, match=hint) as caught:
        anchor(year=2025, tz=tz)
    assert repr(tz) in str(caught.value)


@pytest.mark.parametrize("year", [1969, 2100, 0])
def test_an_impossible_year_is_refused(year: int):
    with pytest.raises(ValueError, match=f"year={year}"):
        anchor(year=year)


def test_anchor_and_carry_travel_between_processes():
    _, carry = resolve(frame(["Nov  3 09:05:01"]), GIVEN)
    assert pickle.loads(pickle.dumps((GIVEN, carry))) == (GIVEN, carry)


# batches

STEPS = st.lists(st.integers(-3_600, 40 * 86_400), min_size=1, max_size=25)
FORMS = ("%b %e %H:%M:%S", "%b %d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%d %H:%M:%S", "garbage")


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, forms=st.lists(st.sampled_from(FORMS), min_size=25, max_size=25), size=st.integers(1, 5))
def test_small_batches_give_the_same_times_as_one_big_batch(steps: list[int], forms: list[str], size: int):
    moment, texts = datetime(2021, 12, 20, tzinfo=UTC), []
    for step, form in zip(steps, forms, strict=False):
        moment += timedelta(seconds=step)
        texts.append(moment.strftime(form))
    by = anchor(mtime=moment, tz="Europe/London")
    whole, one, _ = read_file(texts, by, len(texts))
    parts, many, _ = read_file(texts, by, size)
    assert parts["time"].equals(whole["time"])
    assert (one.last, one.bad_stamps, one.first_time) == (many.last, many.bad_stamps, many.first_time)
    sure = (whole["time_quality"] != "ambiguous") & (parts["time_quality"] != "ambiguous")
    assert parts.filter(sure)["time_quality"].to_list() == whole.filter(sure)["time_quality"].to_list()


PIECES = (
    "Nov",
    "Feb",
    " 29",
    "  3",
    " ",
    "2025",
    "-11-03",
    "T",
    "09:05:01",
    ":60",
    ".123",
    "Z",
    "+01:00",
    " CET",
    "@4",
    "17621",
    "x",
    "\n",
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.one_of(st.none(), st.lists(st.sampled_from(PIECES), max_size=7).map("".join)), max_size=8))
def test_any_text_is_read_or_counted_row_by_row(texts: list[str | None]):
    for by, outer in ((ASSUMED, None), (GIVEN, None), (NEW_YORK, texts[::-1])):
        found, carry = resolve(frame(texts, outer), by)
        assert found["line_no"].to_list() == list(range(1, len(texts) + 1))
        assert (found["time_quality"] == "none").to_list() == found["time"].is_null().to_list()
        assert carry.bad_stamps == sum(t is None and s is not None for t, s in zip(found["time"], texts, strict=True))
