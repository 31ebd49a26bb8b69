"""The door: Polars in, Polars out; pandas in, pandas out; a round trip changes neither values nor dtypes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from smtplogs.errors import MissingColumns
from smtplogs.schema import CAUSES, EVENTS, FINDINGS, OUTCOMES, as_table, conform, dtypes, empty

if TYPE_CHECKING:
    from collections.abc import Callable

mpl.use("Agg")

EVENTS_OF_A_SAMPLE = sl.read(sl.sample("postfix/new-year"))
FOUND = sl.lockouts(EVENTS_OF_A_SAMPLE)

FUNCTIONS: dict[str, Any] = {
    "summary": sl.summary,
    "sessions": sl.sessions,
    "clients": sl.clients,
    "lockouts": sl.lockouts,
    "findings": sl.findings,
}
CHARTS = ("plot_timeline", "plot_causes", "plot_clients")


def sample_row(column: str, i: int) -> Any:
    """Return a value that only this dtype can hold, or null in every third row."""
    dtype = EVENTS[column].dtype
    if i % 3 == 2:
        return None
    if isinstance(dtype, pl.Enum):
        return dtype.categories[i % len(dtype.categories)]
    if isinstance(dtype, pl.List):
        return [[], ["a", "ü"]][i % 2]
    if isinstance(dtype, pl.Datetime):
        return datetime(2026, 3, 2, 9, 0, 0, 1 + i, UTC) + timedelta(days=i)
    values = {pl.UInt16: 65_535, pl.UInt32: 4_294_967_295, pl.UInt64: 9_007_199_254_740_993, pl.Float64: 0.1 + i}
    return values.get(dtype, f"t{i}\x00\u202e")


FULL = as_table(
    pl.DataFrame({c: [sample_row(c, i) for i in range(9)] for c in EVENTS}, schema=dtypes(EVENTS), strict=False), EVENTS
)
"""Every column with the extremes of its dtype, and nulls."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_answer_comes_in_the_kind_of_the_question(name: str) -> None:
    function = FUNCTIONS[name]

    polars = function(EVENTS_OF_A_SAMPLE)
    lazy = function(EVENTS_OF_A_SAMPLE.lazy())
    pandas = function(EVENTS_OF_A_SAMPLE.to_pandas())

    assert isinstance(polars, pl.DataFrame)
    assert isinstance(lazy, pl.DataFrame)
    assert isinstance(pandas, pd.DataFrame)
    assert_frame_equal(lazy, polars)
    pd.testing.assert_frame_equal(pandas, polars.to_pandas())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_frame_may_be_given_by_its_name(name: str) -> None:
    assert_frame_equal(FUNCTIONS[name](events=EVENTS_OF_A_SAMPLE), FUNCTIONS[name](EVENTS_OF_A_SAMPLE))
    with pytest.raises(TypeError, match="'events'"):
        FUNCTIONS[name]()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sl.lockouts(EVENTS_OF_A_SAMPLE, protocols="imap"), "protocols=['imap']"),
        (lambda: sl.stale_credentials(EVENTS_OF_A_SAMPLE, client="helo"), "client=['helo']"),
        (lambda: sl.misconfigured_clients(EVENTS_OF_A_SAMPLE, networks="192.0.2.0/24"), "networks=['192.0.2.0/24']"),
        (lambda: sl.client_hints(EVENTS_OF_A_SAMPLE, clients="192.0.2.9"), "clients=['192.0.2.9']"),
        (lambda: sl.plot_spray(EVENTS_OF_A_SAMPLE, client_ips="192.0.2.9"), "client_ips=['192.0.2.9']"),
    ],
)
def test_one_text_where_a_list_is_wanted_is_no_list_of_letters(call: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        call()


def test_an_address_is_no_column_that_tells_clients_apart() -> None:
    for detector in (sl.lockouts, sl.stale_credentials):
        with pytest.raises(MissingColumns, match=r"clients\(events, client=\.\.\.\)"):
            detector(EVENTS_OF_A_SAMPLE, client=["192.0.2.9"])


def test_evidence_answers_in_the_kind_of_the_findings() -> None:
    found = sl.findings(EVENTS_OF_A_SAMPLE)

    polars = sl.evidence(found, EVENTS_OF_A_SAMPLE)
    assert isinstance(polars, pl.DataFrame)
    assert_frame_equal(sl.evidence(found, EVENTS_OF_A_SAMPLE.lazy()), polars)
    assert_frame_equal(sl.evidence(found, EVENTS_OF_A_SAMPLE.to_pandas()), polars)
    pandas = sl.evidence(found.to_pandas(), EVENTS_OF_A_SAMPLE)
    assert isinstance(pandas, pd.DataFrame)
    pd.testing.assert_frame_equal(pandas, polars.to_pandas())


@pytest.mark.parametrize("name", CHARTS)
def test_charts_take_every_kind_of_events(name: str) -> None:
    for events in (EVENTS_OF_A_SAMPLE, EVENTS_OF_A_SAMPLE.lazy(), EVENTS_OF_A_SAMPLE.to_pandas()):
        axes = getattr(sl, name)(events, ax=plt.figure().add_subplot())
        assert isinstance(axes, mpl.axes.Axes)
        plt.close(axes.figure)


def test_the_chart_of_lockouts_takes_every_kind_of_findings() -> None:
    for found in (FOUND, FOUND.lazy(), FOUND.to_pandas()):
        axes = sl.plot_lockouts(found, ax=plt.figure().add_subplot())
        plt.close(axes.figure)
    for found in (FOUND, FOUND.to_pandas()):
        axes = sl.plot_timeline(EVENTS_OF_A_SAMPLE, findings=found, ax=plt.figure().add_subplot())
        plt.close(axes.figure)


@pytest.mark.parametrize("frame", [FULL, EVENTS_OF_A_SAMPLE, empty(EVENTS)], ids=["extremes", "sample", "empty"])
def test_a_round_trip_through_pandas_changes_nothing(frame: pl.DataFrame) -> None:
    back = conform(pl.from_pandas(frame.to_pandas()))

    assert back.schema == dtypes(EVENTS)
    exact = [c for c in EVENTS if EVENTS[c].dtype != pl.UInt64]
    assert_frame_equal(back.select(exact), frame.select(exact), check_exact=True)


def test_whole_numbers_without_gaps_are_exact_to_the_last_digit() -> None:
    """In pandas a column of whole numbers with a gap holds floats; line numbers have no gaps."""
    frame = as_table(pl.DataFrame({"line_no": [1, 2**53 + 1, 2**63]}, schema={"line_no": pl.UInt64}), EVENTS)

    assert conform(pl.from_pandas(frame.to_pandas()))["line_no"].to_list() == [1, 2**53 + 1, 2**63]


def test_findings_come_back_from_pandas_too() -> None:
    back = conform(pl.from_pandas(FOUND.to_pandas()), FINDINGS)

    assert_frame_equal(back.select(list(FINDINGS)), FOUND.select(list(FINDINGS)))


def test_a_word_outside_a_vocabulary_becomes_unknown_or_null() -> None:
    frame = pl.DataFrame({"cause": ["success", "eaten_by_a_bear", None], "outcome": ["success", "eaten", None]})

    said = conform(frame)

    assert said["cause"].to_list() == ["success", "unknown", None]
    assert said["outcome"].to_list() == ["success", None, None]
    assert (said["cause"].dtype, said["outcome"].dtype) == (pl.Enum(CAUSES), pl.Enum(OUTCOMES))


def test_times_of_other_zones_and_naive_ones_are_utc() -> None:
    t = datetime(2026, 3, 2, 9, tzinfo=UTC)
    warsaw = pl.DataFrame({"time": [t]}).with_columns(pl.col("time").dt.convert_time_zone("Europe/Warsaw"))
    naive = pl.DataFrame({"time": [t.replace(tzinfo=None)]})

    for frame in (warsaw, naive, warsaw.cast({"time": pl.Datetime("ns", "Europe/Warsaw")})):
        assert conform(frame)["time"].to_list() == [t]
        assert conform(frame).schema["time"] == EVENTS["time"].dtype


def test_columns_of_the_caller_stay() -> None:
    events = EVENTS_OF_A_SAMPLE.with_columns(mine=pl.lit(1))

    assert conform(events).columns == events.columns
    assert sl.summary(events.to_pandas()).equals(sl.summary(EVENTS_OF_A_SAMPLE.to_pandas()))


@pytest.mark.parametrize("thing", [None, [], {"time": []}, "mail.log", 7])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_frame_is_refused_by_its_name(name: str, thing: Any) -> None:
    with pytest.raises(TypeError, match=f"expected a Polars or pandas frame, got {type(thing).__name__}"):
        FUNCTIONS[name](thing)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_frame_given_is_not_changed(name: str) -> None:
    pandas = EVENTS_OF_A_SAMPLE.to_pandas()
    before = pandas.copy(deep=True)

    FUNCTIONS[name](pandas)

    pd.testing.assert_frame_equal(pandas, before)


def test_a_frame_may_be_given_by_its_name() -> None:
    assert_frame_equal(sl.summary(events=EVENTS_OF_A_SAMPLE), sl.summary(EVENTS_OF_A_SAMPLE))
    assert isinstance(sl.clients(events=EVENTS_OF_A_SAMPLE.to_pandas(), user="x"), pd.DataFrame)
    with pytest.raises(TypeError, match=r"summary\(\) missing 1 required positional argument: 'events'"):
        sl.summary()


@pytest.mark.parametrize(("by", "near"), [("usr", "user"), ("couse", "cause"), ("clientip", "client_ip")])
def test_a_mistyped_column_is_answered_with_the_one_that_is_near(by: str, near: str) -> None:
    with pytest.raises(MissingColumns, match=rf"lacks the column\(s\) {by}; did you mean {near}\?"):
        sl.plot_timeline(EVENTS_OF_A_SAMPLE, by=by)


def test_a_column_of_ours_is_looked_for_among_those_that_are_there() -> None:
    """A frame of something else has no `client_port` either: it would be named where `client_ip` lacks."""
    with pytest.raises(MissingColumns) as raised:
        sl.lockouts(pl.DataFrame({"a": [1]}))
    assert str(raised.value) == (
        "the frame lacks the column(s) time, stage, outcome, user, client_ip; "
        "it should come from smtplogs.read() or .load()"
    )
    with pytest.raises(MissingColumns, match=r"lacks the column\(s\) client_ip; did you mean clientip or"):
        sl.lockouts(EVENTS_OF_A_SAMPLE.rename({"client_ip": "clientip"}))


def test_a_column_that_resembles_nothing_is_only_named() -> None:
    with pytest.raises(MissingColumns, match=r"lacks the column\(s\) zzz; it should come from"):
        sl.plot_timeline(EVENTS_OF_A_SAMPLE, by="zzz")


def test_events_are_no_findings() -> None:
    with pytest.raises(MissingColumns, match="this is no table of findings"):
        sl.plot_lockouts(EVENTS_OF_A_SAMPLE)


def test_an_unknown_stage_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="stage='aut' is none of connect, tls, helo, auth"):
        sl.plot_causes(EVENTS_OF_A_SAMPLE, stage="aut")


def test_a_frame_in_place_of_a_path_is_refused() -> None:
    with pytest.raises(TypeError, match="expected the path of a log, got Series"):
        sl.read(EVENTS_OF_A_SAMPLE)
