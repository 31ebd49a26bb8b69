"""Charts of one story each: the numbers they draw, the words on them, one event and very many."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import smtplogs as sl
from small_events import findings, table
from smtplogs.charts import (
    exposure_counts,
    heat_cells,
    impact,
    intervals,
    phase_counts,
    rise_parts,
    rotation_lanes,
    spray_steps,
    throttling_bins,
)
from smtplogs.charts._style import COLOURS
from smtplogs.schema import COVERAGE, EVENTS, TRAFFIC, as_table, empty
from test_charts import MIN, T0, event, finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

DAY = timedelta(days=1)
ANN, BOB = "ann@example.com", "bob@example.com"
LIMITED: dict[str, Any] = {
    "kind": "throttling", "subject_kind": "address", "subject": "192.0.2.10", "cause": "throttled_auth",
    "limiter": "AUTH command rate", "limit_key": "client_ip", "limit_n": 2, "limit_window_s": 60.0,
    "limit_method": "printed",
}  # fmt: skip
CHANGED: dict[str, Any] = {
    "kind": "rotation", "subject_kind": "user", "subject": ANN, "user": ANN, "changed_after": T0 + 10 * MIN,
    "changed_before": T0 + 20 * MIN,
}  # fmt: skip
SPRAY: dict[str, Any] = {"kind": "spray", "subject": "203.0.113.9", "client_ip": "203.0.113.9"}


@pytest.fixture(autouse=True)
def _own_backend() -> None:
    plt.switch_backend("Agg")


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(9, 3.4)).add_subplot()


def texts(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts]


# ---- heatmap


def test_heat_cells_are_complete_and_those_without_a_log_are_no_zeros() -> None:
    events = table(event(0, "failure", count=3), event(1, "success"), event(185, "failure", user=BOB))
    coverage = as_table(
        pl.DataFrame(
            [
                {"source": "a", "first_time": T0, "last_time": T0 + 30 * MIN},
                {"source": "b", "first_time": T0 + 130 * MIN, "last_time": T0 + 200 * MIN},
            ]
        ),
        COVERAGE,
    )

    frame = heat_cells(events, every="1h", coverage=coverage)

    assert frame["user"].to_list() == [ANN] * 4 + [BOB] * 4
    assert frame["n_not_accepted"].to_list() == [3, 0, 0, 0, 0, 0, 0, 1]
    assert frame["n_attempts"].to_list() == [4, 0, 0, 0, 0, 0, 0, 1]
    assert frame["seen"].to_list() == [True, False, True, True] * 2


def test_minutes_with_lines_tell_hours_of_a_log_and_without_tables_nobody_knows() -> None:
    events = table(event(0, "failure"), event(125, "failure"))
    traffic = as_table(pl.DataFrame([{"time": T0, "n_lines": 3}, {"time": T0 + 60 * MIN, "n_lines": 0}]), TRAFFIC)

    assert heat_cells(events, every="1h", traffic=traffic)["seen"].to_list() == [True, False, True]
    assert heat_cells(events, every="1h")["seen"].to_list() == [None] * 3


def test_accounts_that_were_always_accepted_have_no_row() -> None:
    assert heat_cells(table(event(0, "success"))).is_empty()


def test_heatmap_names_zone_cell_and_what_is_left_out(ax: Axes) -> None:
    events = table(*(event(30 * i, "failure", user=f"u{i:02}", count=40 - i) for i in range(30)))

    sl.plot_heatmap(events, limit=10, tz="Europe/Warsaw", ax=ax)

    assert ax.get_xlabel() == "time (Europe/Warsaw)"
    assert ax.get_title("left").startswith("Attempts not accepted per user and hour; 20 more rows not drawn")
    assert [t.get_text() for t in ax.get_yticklabels()] == [f"u{i:02}" for i in range(10)]


@pytest.mark.parametrize(
    ("minutes", "cells", "said"),
    [
        (35, 36, "minute"),
        (59, 60, "minute"),
        (60, 13, "5 min"),
        (359, 72, "5 min"),
        (360, 7, "hour"),
        (9000, 76, "2 h"),
    ],
)
def test_a_short_log_is_cut_finer_than_hours(minutes: int, cells: int, said: str, ax: Axes) -> None:
    events = table(event(0, "failure"), event(minutes, "failure"))

    sl.plot_heatmap(events, ax=ax)

    assert heat_cells(events).height == cells
    assert ax.get_title("left") == f"Attempts not accepted per user and {said}; gaps in the log not known"


@pytest.mark.parametrize("plot", [sl.plot_phases, sl.plot_impact])
def test_without_a_finding_it_is_the_finding_that_lacks(plot: Callable[..., Axes], ax: Axes) -> None:
    plot(table(event(0, "failure")), findings().head(0), ax=ax)

    assert [t.get_text() for t in ax.texts] == ["no finding"]


# ---- intervals


def test_intervals_of_a_program_keep_its_period_and_those_of_a_person_none() -> None:
    program = [event(15 * i, "failure") for i in range(8)]
    person = [event(m, "failure", user=BOB) for m in (0, 1, 2, 90, 91, 300)]
    events = table(*program, *person)

    frame = intervals(events)

    assert frame["gap_s"].to_list() == [None] + [900.0] * 7
    assert frame["period_s"].unique().to_list() == [900.0]
    assert intervals(events, user=" BOB@example.com")["period_s"].unique().to_list() == [None]


def test_lines_stand_at_one_two_and_three_periods(ax: Axes) -> None:
    sl.plot_intervals(table(*(event(15 * i, "failure") for i in range(8))), ax=ax)

    assert [float(line.get_ydata()[0]) for line in ax.lines] == [900.0, 1800.0, 2700.0]  # pyright: ignore
    assert texts(ax) == ["P = 15 min", "2P", "3P"]


def test_one_attempt_has_no_interval(ax: Axes) -> None:
    assert texts(sl.plot_intervals(table(event(0, "failure")), ax=ax)) == ["one attempt: no interval"]


# ---- throttling


def test_throttling_counts_the_limited_key_per_window_of_the_limit() -> None:
    events = table(
        event(0, "success"),
        event(0.1, "failure"),
        event(0.2, "throttled", cause="throttled_auth", count=4),
        event(0.3, "success", client_ip="192.0.2.99"),
        event(1.5, "success"),
    )

    frame = throttling_bins(events, findings(finding(0.2, 0.3, **LIMITED)), around="1m")
    full = frame.filter(pl.col("n") > 0)

    assert full.select("time", "outcome", "n").rows() == [
        (T0, "failure", 1), (T0, "throttled", 4), (T0, "success", 1),
    ]  # fmt: skip
    assert frame["limit"].unique().to_list() == [2.0]
    assert throttling_bins(events, findings(finding(0.2, 0.3, **LIMITED)), every="30s")["limit"].null_count() > 0


def test_the_limit_is_a_line_and_is_told_with_its_method(ax: Axes) -> None:
    events = table(event(0, "success"), event(0.2, "throttled", cause="throttled_auth", count=4))

    sl.plot_throttling(events, findings(finding(0.2, 0.3, **LIMITED)), ax=ax)

    assert ax.get_title("left").endswith("limit 2 in 60 s (printed)")
    assert ax.get_ylabel() == "attempts per 60 s"
    assert any(list(line.get_ydata()) == [2.0, 2.0] for line in ax.lines)  # pyright: ignore


# ---- phases, impact, rise


def test_phases_are_rates_so_that_lengths_do_not_matter() -> None:
    events = table(
        event(0, "failure", count=6), event(60, "failure"), event(90, "failure", count=3), event(120, "success")
    )

    frame = phase_counts(events, findings(finding(60, 90)))

    assert frame.select("phase", "n", "hours", "per_hour").rows() == [
        ("before", 6, 1.0, 6.0), ("during", 4, 0.5, 8.0), ("after", 0, 0.5, 0.0),
    ]  # fmt: skip


def test_impact_counts_each_account_once_and_only_inside_the_incident() -> None:
    events = table(
        event(0, "failure"), event(10, "failure"), event(11, "deferred", user="ANN@example.com"),
        event(12, "failure", user=BOB, client_ip="192.0.2.11", count=2), event(30, "failure", user="late"),
    )  # fmt: skip

    frame = impact(events, findings(finding(10, 20)), every="1m")

    assert frame["n_so_far"].to_list()[:3] == [1, 2, 4]
    assert frame["n_users_so_far"].to_list()[:3] == [1, 1, 2]
    assert frame.row(-1, named=True)["n_so_far"] == 4
    assert frame.row(-1, named=True)["n_clients_so_far"] == 2


def test_marks_are_drawn_and_told_from_the_start_on(ax: Axes) -> None:
    events = table(event(0, "failure"), event(20, "failure"))

    sl.plot_impact(events, findings(finding(0, 20)), detected=T0 + 5 * MIN, mitigated=T0 + 15 * MIN, ax=ax)

    assert texts(ax) == ["start", "detected", "mitigated"]
    assert "detected after 5 min; mitigated after 15 min" in ax.get_title("left").replace("\n", " ")


@pytest.mark.parametrize(
    ("user", "said", "axes"), [(None, "no account named", 1), ("ann@example.com", "1 account,", 2)]
)
def test_where_no_account_is_named_none_has_an_axis(user: str | None, said: str, axes: int, ax: Axes) -> None:
    events = table(event(0, "deferred", user=user), event(20, "deferred", user=user))

    sl.plot_impact(events, findings(finding(0, 20)), ax=ax)

    figure = ax.get_figure(root=True)
    assert figure is not None
    assert len([a for a in figure.axes if a.get_visible()]) == axes
    assert said in ax.get_title("left").replace("\n", " ")
    assert len(ax.get_legend().get_texts()) == axes  # pyright: ignore[reportOptionalMemberAccess]


def test_a_mark_at_the_end_is_written_before_its_line(ax: Axes) -> None:
    events = table(event(0, "failure"), event(20, "failure"))

    sl.plot_impact(events, findings(finding(0, 20)), recovered=T0 + 20 * MIN, ax=ax)

    assert {t.get_text(): t.get_ha() for t in ax.texts} == {"start": "left", "recovered": "right"}


@pytest.mark.parametrize(("width", "between"), [(4.0, "\n"), (9.0, " · ")])
def test_cells_of_logins_hold_their_words_in_a_small_figure(width: float, between: str) -> None:
    ax = Figure(figsize=(width, 3)).add_subplot()

    sl.plot_exposure(table(event(0, "success", tls="TLSv1.3", mechanism="PLAIN")), ax=ax)

    assert f"100%{between}1 account" in [t.get_text() for t in ax.texts]


def test_parts_of_a_rise_add_up_to_the_total() -> None:
    days = [event(-1440 * d, "failure", client_ip="192.0.2.1", count=d) for d in (1, 3)]
    now = [event(0, "failure", client_ip="192.0.2.1", count=2), event(1, "failure", client_ip="192.0.2.7", count=9)]
    one = findings(finding(-1, 5, kind="one_client_rise", explained_by=["client_ip=192.0.2.7: 90%"]))

    frame = rise_parts(table(*days, event(-1440 * 4, "success"), *now), one)

    assert frame["by"].unique().to_list() == ["client_ip"]
    assert frame["n_days"].unique().to_list() == [3]
    parts = dict(frame.select("part", "n").iter_rows())
    assert parts["usual at this time"] == pytest.approx(4 / 3)
    assert parts["192.0.2.7"] == 9
    assert parts["total"] == 11
    assert frame["n"][:-1].sum() == pytest.approx(parts["total"])
    assert frame["share"].sum() == pytest.approx(1)


# ---- rotation, spray, exposure


def test_clients_of_a_changed_password_still_fail_are_repaired_or_unharmed() -> None:
    events = table(
        event(0, "success", client_ip="192.0.2.1"), event(30, "failure", client_ip="192.0.2.1", count=5),
        event(100, "failure", client_ip="192.0.2.1"),
        event(5, "success", client_ip="192.0.2.2"), event(40, "failure", client_ip="192.0.2.2"),
        event(50, "success", client_ip="192.0.2.2"),
        event(60, "success", client_ip="192.0.2.3"),
        event(25, "failure", client_ip="192.0.2.4", count=2),
        event(99, "failure", client_ip="192.0.2.5", user=BOB),
    )  # fmt: skip

    lanes = rotation_lanes(events, findings(finding(10, 20, **CHANGED)))

    assert lanes.select("client_ip", "n_failed_after", "state").rows() == [
        ("192.0.2.1", 6, "still failing"), ("192.0.2.4", 2, "stopped"), ("192.0.2.2", 1, "repaired"),
        ("192.0.2.3", 0, "unharmed"),
    ]  # fmt: skip


def test_a_spray_climbs_one_step_an_account() -> None:
    events = table(
        event(0, "failure", client_ip="203.0.113.9", user="a"),
        event(1, "failure", client_ip="203.0.113.9", user="b"),
        event(2, "failure", client_ip="203.0.113.9", user="A", count=2),
        event(3, "success", client_ip="203.0.113.9", user="c"),
        event(3, "failure", user="d"),
    )

    steps = spray_steps(events, findings(finding(0, 3, **SPRAY)))

    assert steps.select("number", "user", "n_not_accepted", "n_success").rows() == [
        (1, "a", 3, 0), (2, "b", 1, 0), (3, "c", 0, 1),
    ]  # fmt: skip
    assert steps.equals(spray_steps(events, client_ips=["203.0.113.9"]))


def test_a_windows_domain_and_capitals_make_no_other_account() -> None:
    """Exchange writes the domain where it accepts a login, and what was typed where it refuses one."""
    told = (ANN, "EXAMPLE\\Ann@example.com", " ANN@example.com")
    events = table(
        *(event(15 * i, "failure", user=user) for i, user in enumerate(told)), event(300, "failure", user=BOB)
    )
    changed = findings(finding(0, 300, **CHANGED | {"user": "example\\ann@example.com"}))

    assert intervals(events, user="example\\ann@example.com").height == 3
    assert spray_steps(events, client_ips=["192.0.2.10"])["user"].to_list() == [ANN, BOB]
    assert rotation_lanes(events, changed).select("n_failed_before", "n_failed_after").row(0) == (1, 2)
    assert impact(events, findings(finding(0, 300)))["n_users_so_far"].last() == 2


def test_what_could_not_be_assessed_is_no_attack_to_draw(ax: Axes) -> None:
    events = table(event(0, "failure", client_ip="203.0.113.9", user="a"))
    rows = findings(finding(0, 3, kind="enumeration", status="not_assessable"), finding(0, 3, **SPRAY))

    assert spray_steps(events, rows).height == 1


def test_exposure_tells_what_the_log_proves_and_what_it_cannot() -> None:
    events = table(
        event(0, "success", tls="none", mechanism="plain"), event(0, "success", tls="TLSv1", mechanism="LOGIN"),
        event(0, "success", tls="TLSv1.3", mechanism="CRAM-MD5"),
        event(0, "success", tls="TLSv1.3", mechanism="PLAIN", count=5), event(0, "success", mechanism="PLAIN"),
        event(0, "failure", tls="none", mechanism="PLAIN"),
    )  # fmt: skip

    rows = exposure_counts(events).select("tls", "mechanism", "n_logins", "risk").rows()

    assert rows == [
        ("none", "PLAIN", 1, "plain_text"), ("TLSv1", "LOGIN", 1, "old_tls"), ("TLSv1.3", "PLAIN", 5, "none"),
        ("TLSv1.3", "CRAM-MD5", 1, "weak"), ("not logged", "PLAIN", 1, "unknown"),
    ]  # fmt: skip


# ---- all of them

STORIES: dict[str, tuple[Callable[..., Axes], dict[str, Any] | None]] = {
    "heatmap": (sl.plot_heatmap, None),
    "intervals": (sl.plot_intervals, None),
    "throttling": (sl.plot_throttling, LIMITED),
    "phases": (sl.plot_phases, {}),
    "impact": (sl.plot_impact, {}),
    "rotation": (sl.plot_rotation, CHANGED | {"changed_after": T0}),
    "spray": (sl.plot_spray, {"kind": "spray", "subject": "192.0.2.10", "client_ip": "192.0.2.10"}),
    "rise": (sl.plot_rise, {"kind": "unclear_rise"}),
    "exposure": (sl.plot_exposure, None),
}


def drawn(name: str, events: Any, *, until: float) -> Axes:
    plot, more = STORIES[name]
    ax = Figure(figsize=(9, 3.4)).add_subplot()
    plot(events, *(() if more is None else (findings(finding(0, until, **more)),)), ax=ax)
    ax.figure.draw_without_rendering()  # pyright: ignore
    return ax


@pytest.mark.parametrize("name", STORIES)
def test_no_events_say_so_on_labelled_axes(name: str) -> None:
    ax = drawn(name, table(), until=1)

    assert len(texts(ax)) == 1
    assert ax.get_xlabel()


@pytest.mark.parametrize("name", STORIES)
def test_one_event_is_drawn(name: str) -> None:
    outcome = "success" if name == "exposure" else "failure"

    assert "no events" not in texts(drawn(name, table(event(0, outcome, tls="none")), until=0))


@pytest.mark.parametrize("name", STORIES)
def test_very_many_events_are_drawn_with_a_bounded_number_of_shapes(name: str) -> None:
    n = 200_000
    i = np.arange(n)
    many = pl.DataFrame({"i": i}).select(
        (pl.lit(T0) + pl.duration(seconds=pl.col("i"))).alias("time"),
        pl.lit("auth").alias("stage"),
        pl.when(pl.col("i") % 3 == 0).then(pl.lit("success")).otherwise(pl.lit("failure")).alias("outcome"),
        pl.when(pl.col("i") % 2 == 0).then(pl.lit(ANN)).otherwise(pl.concat_str(pl.lit("u"), pl.col("i") % 500)).alias("user"),
        pl.lit("192.0.2.10").alias("client_ip"),
        pl.lit("TLSv1.2").alias("tls"),
        pl.lit("smtp").alias("protocol"),
    )  # fmt: skip
    ax = drawn(name, as_table(many, EVENTS), until=n / 60)

    points = sum(len(c.get_offsets()) for c in ax.collections if len(c.get_offsets()) > 1)  # pyright: ignore
    assert len(ax.patches) + len(ax.lines) + points < 6_000


@pytest.mark.parametrize("name", STORIES)
def test_hostile_names_are_drawn_as_text(name: str) -> None:
    evil = event(
        0, "success" if name == "exposure" else "failure", user="$x_{\x1b[31m" + "y" * 200, mechanism="$\\frac{"
    )
    ax = drawn(name, table(evil, evil | {"time": T0 + MIN}), until=2)

    shown = [*texts(ax), ax.get_title("left"), *(t.get_text() for t in ax.get_yticklabels())]
    assert not any("\x1b" in t for t in shown)


def test_a_frame_from_pandas_gives_the_same_numbers() -> None:
    events = table(event(0, "failure", count=3), event(15, "failure"), event(30, "failure", user=BOB))
    one = findings(finding(0, 40))

    assert heat_cells(events.to_pandas())["n_not_accepted"].tolist() == heat_cells(events)["n_not_accepted"].to_list()
    assert impact(events.to_pandas(), one)["n_so_far"].tolist() == impact(events, one)["n_so_far"].to_list()


def test_outcomes_keep_their_colours_in_the_throttling_chart(ax: Axes) -> None:
    events = table(event(0, "success"), event(0.2, "throttled", cause="throttled_auth", count=4))
    sl.plot_throttling(events, findings(finding(0.2, 0.3, **LIMITED)), ax=ax)

    seen = [to_rgb(bars[0].get_facecolor()) for bars in ax.containers]  # pyright: ignore
    assert seen == [pytest.approx(to_rgb(COLOURS[o])) for o in ("success", "throttled")]


def test_an_empty_event_table_is_enough_for_the_frames() -> None:
    assert intervals(empty(EVENTS)).is_empty()
    assert exposure_counts(empty(EVENTS)).is_empty()
