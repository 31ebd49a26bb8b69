"""Charts: the numbers they draw, the words on them, what they leave alone."""

from __future__ import annotations

import itertools
import json
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from small_events import findings, table
from smtplogs import _spans as spans
from smtplogs.charts import (
    cause_counts,
    client_counts,
    lockout_bars,
    plot_causes,
    plot_clients,
    plot_lockouts,
    plot_timeline,
    timeline,
)
from smtplogs.charts._style import COLOURS, caption, percent
from smtplogs.errors import MissingColumns
from smtplogs.schema import COVERAGE, FINDINGS, TRAFFIC, as_table, empty

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
MIN = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _own_backend() -> None:
    plt.switch_backend("Agg")


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(9, 3.4)).add_subplot()


def event(minutes: float, outcome: str, **more: Any) -> dict[str, Any]:
    row = {"time": T0 + minutes * MIN, "time_quality": "exact", "stage": "auth", "outcome": outcome, "count": 1}
    row |= {"cause": "success" if outcome == "success" else "bad_credentials", "protocol": "smtp", "side": "server"}
    return row | {"user": "ann@example.com", "client_ip": "192.0.2.10"} | more


def finding(minutes: float, until: float | None, **more: Any) -> dict[str, Any]:
    row = {"finding_id": f"f{minutes}", "kind": "lockout", "status": "found", "severity": "serious", "n_events": 5}
    row |= {"subject": "ann@example.com", "start": T0 + minutes * MIN}
    return row | {"end": None if until is None else T0 + until * MIN} | more


EVENTS_OF_AN_HOUR = (
    event(1, "success"),
    event(2, "failure", count=3),
    event(3, "failure"),
    event(14, "success", user=None),
    event(14, "throttled", cause="throttled_auth"),
)


# ---- timeline: numbers


def test_timeline_counts_attempts_per_bin_and_fills_the_empty_ones_with_zero() -> None:
    frame = timeline(table(*EVENTS_OF_AN_HOUR), every="5m")

    assert frame.columns == ["time", "end", "outcome", "n"]
    assert frame.select("time", "outcome", "n").rows() == [
        (T0 + start * MIN, outcome, n)
        for start, counts in ((0, (4, 0, 1)), (5, (0, 0, 0)), (10, (0, 1, 1)))
        for outcome, n in zip(("failure", "throttled", "success"), counts, strict=True)
    ]
    assert set(frame["end"] - frame["time"]) == {5 * MIN}


def test_context_other_protocols_and_other_stages_are_no_attempts() -> None:
    events = table(
        event(0, "failure"),
        event(0, "info"),
        event(0, "failure", protocol="imap"),
        event(0, "refused", stage="mail"),
        event(0, "failure", protocol=None),
    )

    assert timeline(events)["n"].sum() == 2
    assert timeline(events, stage=None)["n"].sum() == 3
    assert timeline(events, stage="mail")["n"].sum() == 1


def test_rows_without_a_time_are_not_drawn() -> None:
    events = table(event(0, "failure"), event(0, "failure", time=None, time_quality="none"))

    assert timeline(events)["n"].to_list() == [1]


def test_no_events_make_an_empty_frame_of_the_same_columns() -> None:
    frame = timeline(table(), tz="Europe/Warsaw")

    assert frame.height == 0
    assert frame.schema["time"] == pl.Datetime("us", "Europe/Warsaw")


def test_an_event_on_a_border_belongs_to_the_bin_that_begins_there() -> None:
    events = table(event(0, "failure"), event(4.999, "failure"), event(5, "failure"))

    assert timeline(events, every="5m")["n"].to_list() == [2, 1]


@pytest.mark.parametrize(
    ("span", "every"),
    [
        (timedelta(0), "1s"),
        (timedelta(seconds=118), "1s"),
        (timedelta(seconds=119), "2s"),
        (timedelta(hours=1), "1m"),
        (timedelta(days=1), "15m"),
        (timedelta(days=7), "2h"),
        (timedelta(days=30), "12h"),
        (timedelta(days=365), "1w"),
        (timedelta(days=3650), "1q"),
    ],
)
def test_the_bin_is_round_and_follows_the_span(span: timedelta, every: str) -> None:
    assert spans.round_bin(T0, T0 + span) == every


@pytest.mark.parametrize("hours", [1, 3, 10, 24, 100, 24 * 7, 24 * 31, 24 * 90])
def test_the_chosen_bin_makes_forty_to_a_hundred_and_twenty_bars(hours: int) -> None:
    frame = timeline(table(event(0, "failure"), event(60 * hours, "failure")))

    assert 40 <= frame["time"].n_unique() <= 120


def test_days_begin_at_midnight_of_the_zone_and_last_as_long_as_they_do_there() -> None:
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    events = table(*(event(0, "failure", time=start + timedelta(days=d)) for d in range(3)))

    frame = timeline(events, every="1d", tz="Europe/Warsaw")

    assert frame["time"].dt.to_string("%Y-%m-%d %H:%M").to_list() == [
        "2026-03-28 00:00",
        "2026-03-29 00:00",
        "2026-03-30 00:00",
    ]
    assert (frame["end"] - frame["time"]).dt.total_hours().to_list() == [24, 23, 24]
    assert frame["n"].to_list() == [1, 1, 1]


def test_the_hour_that_the_clock_shows_twice_is_two_bins() -> None:
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    events = table(*(event(0, "failure", time=start + timedelta(hours=h)) for h in range(4)))

    frame = timeline(events, every="1h", tz="Europe/Warsaw")

    assert frame["time"].dt.hour().to_list() == [1, 2, 2, 3]
    assert frame["n"].to_list() == [1, 1, 1, 1]


def test_a_day_without_midnight_is_drawn() -> None:
    start = datetime(2026, 9, 5, 12, tzinfo=UTC)
    events = table(*(event(0, "failure", time=start + timedelta(days=d)) for d in range(3)))

    assert timeline(events, every="1d", tz="America/Santiago")["n"].to_list() == [1, 1, 1]


def test_hours_are_those_of_a_zone_with_half_an_hour() -> None:
    frame = timeline(table(event(0, "failure"), event(60, "failure")), every="1h", tz="Asia/Kolkata")

    assert frame["time"].dt.to_string("%H:%M").to_list() == ["14:00", "15:00"]


def test_small_groups_beyond_the_seventh_become_all_others() -> None:
    events = table(
        *(event(0, "failure", user=f"user{i}", count=20 - i) for i in range(9)), event(0, "failure", user=None)
    )

    frame = timeline(events, by="user")

    assert frame["user"].to_list() == [*(f"user{i}" for i in range(7)), "all others"]
    assert frame["n"].sum() == events["count"].sum()


def test_rows_without_a_group_form_one_of_their_own() -> None:
    assert timeline(table(event(0, "failure", user=None)), by="user")["user"].to_list() == ["(none)"]


def test_pandas_in_is_pandas_out_with_the_same_numbers() -> None:
    events = table(*EVENTS_OF_AN_HOUR)

    answer = timeline(events.to_pandas(), every="5m")

    assert hasattr(answer, "iloc")
    assert answer["n"].tolist() == timeline(events, every="5m")["n"].to_list()
    assert timeline(events.lazy(), every="5m").equals(timeline(events, every="5m"))


@pytest.mark.parametrize("every", ["", "5", "m", "0m", "-5m", "5x", "1h30m", "5m\n"])
def test_a_bin_size_that_is_none_is_refused_with_the_remedy(every: str) -> None:
    with pytest.raises(ValueError, match="write a number and one of"):
        timeline(table(event(0, "failure")), every=every)


def test_too_many_bins_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="choose a larger one"):
        timeline(table(event(0, "failure"), event(60 * 24 * 365, "failure")), every="1s")


def test_an_unknown_zone_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown time zone 'Mars/Olympus'"):
        plot_timeline(table(), tz="Mars/Olympus")


def test_a_frame_that_is_no_event_table_is_refused() -> None:
    with pytest.raises(MissingColumns, match="outcome"):
        timeline(pl.DataFrame({"time": [T0], "stage": ["auth"]}))


# ---- timeline: drawing


def heights(ax: Axes) -> int:
    return round(sum(bar.get_height() for bars in ax.containers for bar in bars))  # pyright: ignore[reportAttributeAccessIssue]


def test_bar_heights_sum_to_the_counts_and_widths_are_the_bin(ax: Axes) -> None:
    events = table(*EVENTS_OF_AN_HOUR)

    drawn = plot_timeline(events, every="5m", ax=ax)

    assert drawn is ax
    assert heights(ax) == events["count"].sum()
    bars: list[Any] = [bar for bars in ax.containers for bar in bars]
    assert {round(bar.get_width() * 1440, 6) for bar in bars} == {5.0}
    assert min(bar.get_x() for bar in bars) == pytest.approx(T0.timestamp() / 86_400)


def test_stacked_bars_stand_on_each_other_in_the_order_of_outcomes(ax: Axes) -> None:
    plot_timeline(table(*EVENTS_OF_AN_HOUR), every="5m", ax=ax)

    first: list[Any] = [bars[0] for bars in ax.containers if bars[0].get_x() == ax.containers[0][0].get_x()]
    assert [(bar.get_y(), bar.get_height()) for bar in first] == [(0, 4), (4, 1)]


def test_axes_name_zone_bin_and_unit(ax: Axes) -> None:
    plot_timeline(table(*EVENTS_OF_AN_HOUR), every="5m", tz="Europe/Warsaw", ax=ax)

    assert ax.get_xlabel() == "time (Europe/Warsaw)"
    assert ax.get_ylabel() == "AUTH events per 5 min"


def test_doubt_about_the_clock_stands_on_the_axis(ax: Axes) -> None:
    plot_timeline(
        table(event(0, "failure", time_quality="zone_assumed"), event(1, "failure", time_quality="year_inferred")),
        ax=ax,
    )

    assert ax.get_xlabel() == "time (UTC, zone assumed, year inferred)"


def test_an_outcome_has_the_same_colour_whatever_else_is_there() -> None:
    for rows in ((event(0, "throttled"),), EVENTS_OF_AN_HOUR):
        ax = plot_timeline(table(*rows), ax=Figure().add_subplot())
        drawn = {
            t.get_text(): c[0].get_facecolor()[:3]
            for t, c in zip(ax.get_legend().get_texts(), ax.containers, strict=True)
        }  # pyright: ignore
        assert drawn["throttled"] == pytest.approx(to_rgb(COLOURS["throttled"]))


def test_the_y_axis_counts_whole_attempts(ax: Axes) -> None:
    plot_timeline(table(event(0, "failure")), ax=ax)

    assert all(float(tick).is_integer() for tick in ax.get_yticks())


@pytest.mark.parametrize(
    ("plot", "label", "says"),
    [
        (plot_timeline, "time (UTC)", "no events"),
        (plot_causes, "attempts not accepted", "no events"),
        (plot_clients, "attempts", "no events"),
    ],
)
def test_no_events_draw_empty_labelled_axes(plot: Callable[..., Axes], label: str, says: str, ax: Axes) -> None:
    plot(table(), ax=ax)

    assert [t.get_text() for t in ax.texts] == [says]
    assert ax.get_xlabel().startswith(label)


def test_an_unknown_zone_is_answered_with_the_one_that_is_near() -> None:
    with pytest.raises(ValueError, match=r"^unknown time zone 'Berlin': did you mean 'Europe/Berlin'\?$"):
        plot_timeline(table(event(0, "failure")), tz="Berlin")


@pytest.mark.parametrize("plot", [plot_causes, plot_clients])
def test_only_logins_are_no_lack_of_events(plot: Callable[..., Axes], ax: Axes) -> None:
    plot(table(event(0, "success")), ax=ax)

    assert [t.get_text() for t in ax.texts] == ["no attempts that were not accepted"]


def test_events_without_a_time_are_named_where_a_time_line_is_empty(ax: Axes) -> None:
    plot_timeline(table(event(0, "failure", time=None), event(0, "failure", time=None)), ax=ax)

    assert [t.get_text() for t in ax.texts] == ["2 events without a time"]


def test_a_share_of_next_to_nothing_is_not_none(ax: Axes) -> None:
    plot_clients(table(*(event(0, "failure", user=f"u{i:03}") for i in range(300))), limit=1, ax=ax)

    assert [t.get_text() for t in ax.texts] == ["1 · under 1%"]


def test_a_figure_of_our_own_holds_its_labels_and_its_legend_when_it_is_saved() -> None:
    """`plot_clients(events).figure.savefig("clients.png")`: nobody has to know `bbox_inches="tight"`."""
    with plt.rc_context():
        plt.close("all")
        ax = plot_clients(table(event(0, "failure", user="accounting.department@mail.branch.example.com")))
        figure = ax.figure
        figure.canvas.draw()
        inside = figure.bbox
        shown = [*ax.get_yticklabels(), ax.xaxis.label, ax.get_legend()]
        boxes = [part.get_window_extent() for part in shown if part is not None]
        plt.close("all")

    assert len(boxes) == 3
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= inside.x1 and b.y1 <= inside.y1 for b in boxes)


def test_findings_are_numbered_in_their_order_and_those_outside_are_left_out(ax: Axes) -> None:
    events = table(event(0, "failure"), event(60, "failure"))
    rows = [finding(10, 20), finding(15, 25), finding(500, 510), finding(50, None)]

    plot_timeline(events, findings=findings(*rows), ax=ax)

    assert sorted(t.get_text() for t in ax.texts) == ["1", "2", "4"]


def test_at_most_twenty_findings_are_drawn_over_the_bars(ax: Axes) -> None:
    events = table(event(0, "failure"), event(60 * 100, "failure"))
    rows = [finding(i * 10, i * 10 + 5) for i in range(500)]

    plot_timeline(events, findings=findings(*rows), ax=ax)

    assert 0 < len(ax.texts) <= 20


def test_holes_in_the_log_are_holes_in_the_strip(ax: Axes) -> None:
    events = table(event(0, "failure"), event(120, "failure"))
    minutes = [{"time": T0 + m * MIN, "n_lines": 3} for m in range(121) if not 30 <= m < 60]
    traffic = as_table(pl.DataFrame(minutes), TRAFFIC)

    plot_timeline(events, traffic=traffic, ax=ax)

    (strip,) = (c for c in ax.collections if type(c).__name__ == "LineCollection")
    assert len(strip.get_paths()) == 2
    assert "log lines seen" in [t.get_text() for t in ax.get_legend().get_texts()]  # pyright: ignore


def test_without_line_counts_the_strip_is_the_span_of_the_files(ax: Axes) -> None:
    coverage = as_table(pl.DataFrame([{"source": "mail.log", "first_time": T0, "last_time": T0 + 30 * MIN}]), COVERAGE)

    plot_timeline(table(event(0, "failure"), event(60, "failure")), coverage=coverage, traffic=empty(TRAFFIC), ax=ax)

    assert "span of the log files" in [t.get_text() for t in ax.get_legend().get_texts()]  # pyright: ignore


def test_charts_draw_on_the_current_axes_and_leave_the_users_settings_alone() -> None:
    with mpl.rc_context():
        plt.style.use("dark_background")
        before = dict(mpl.rcParams)

        ax = plot_timeline(table(*EVENTS_OF_AN_HOUR))

        assert ax is plt.gca()
        assert {k: v for k, v in mpl.rcParams.items() if k != "backend"} == {
            k: v for k, v in before.items() if k != "backend"
        }
        assert ax.figure.get_facecolor() == (1, 1, 1, 1)
        assert ax.get_facecolor() == (1, 1, 1, 1)


def test_axes_made_in_a_dark_style_get_dark_ink_on_white() -> None:
    with plt.style.context("dark_background"):
        ax = plot_timeline(table(*EVENTS_OF_AN_HOUR), ax=Figure().add_subplot())

    dark = [ax.xaxis.label, ax.yaxis.label, ax.title, *ax.get_xticklabels(), *ax.get_legend().get_texts()]  # pyright: ignore
    assert all(max(to_rgb(t.get_color())) < 0.4 for t in dark)


@pytest.mark.parametrize("name", ["$x_1^{2$", "a$b$c", "_private", "\\frac{", "\x1b[31m", "x" * 300, "漢字"])
def test_names_are_drawn_as_they_are_never_as_formulas(name: str, ax: Axes) -> None:
    events = table(event(0, "failure", user=name), event(1, "failure", user="$y$"))

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        plot_timeline(events, by="user", ax=ax)
        plot_clients(events, ax=Figure().add_subplot()).figure.draw_without_rendering()  # pyright: ignore
        plot_lockouts(
            findings(finding(0, 5, subject=name, trigger=name)), ax=Figure().add_subplot()
        ).figure.draw_without_rendering()  # pyright: ignore
        ax.figure.draw_without_rendering()  # pyright: ignore

    shown = {t.get_text() for t in ax.get_legend().get_texts()}  # pyright: ignore
    assert r"\$y\$" in shown
    assert len(shown) == 2
    assert not any("\x1b" in text or len(text) > 40 for text in shown)


# ---- lockouts


BRACKETS = {
    "onset_after": T0 + 5 * MIN,
    "onset_before": T0 + 10 * MIN,
    "end_after": T0 + 40 * MIN,
    "end_before": T0 + 60 * MIN,
    "recovered_at": T0 + 60 * MIN,
    "trigger": "203.0.113.9",
    "trigger_kind": "attacker_induced",
}


def test_a_lockout_is_known_between_its_brackets_and_uncertain_inside_them() -> None:
    (bar,) = lockout_bars(findings(finding(0, 60, **BRACKETS))).rows(named=True)

    assert bar == {
        "finding_id": "f0",
        "kind": "lockout",
        "subject": "ann@example.com",
        "trigger": "203.0.113.9",
        "trigger_kind": "attacker_induced",
        "uncertain_from": BRACKETS["onset_after"],
        "known_from": BRACKETS["onset_before"],
        "known_until": BRACKETS["end_after"],
        "uncertain_until": BRACKETS["end_before"],
        "open_end": False,
        "recovered_at": BRACKETS["recovered_at"],
    }


@pytest.mark.parametrize("separator", ["T", " "])
def test_own_columns_packed_into_details_give_the_same_bar(separator: str) -> None:
    packed = {k: v.isoformat(sep=separator) if isinstance(v, datetime) else v for k, v in BRACKETS.items()}
    whole = lockout_bars(findings(finding(0, 60, **BRACKETS)))

    assert lockout_bars(findings(finding(0, 60, details=json.dumps(packed)))).equals(whole)


@pytest.mark.parametrize("details", [None, "", "{", "[]", '{"onset_after": "yesterday", "trigger": null}'])
def test_details_that_say_nothing_leave_a_plain_bar(details: str | None) -> None:
    (bar,) = lockout_bars(findings(finding(0, 30, details=details, client_ip="192.0.2.9"))).rows(named=True)

    assert (bar["uncertain_from"], bar["known_from"]) == (T0, T0)
    assert (bar["known_until"], bar["uncertain_until"]) == (T0 + 30 * MIN, T0 + 30 * MIN)
    assert bar["trigger"] == "192.0.2.9"
    assert not bar["open_end"]


def test_a_lockout_not_seen_to_end_is_open() -> None:
    (bar,) = lockout_bars(findings(finding(0, None, end_after=T0 + 9 * MIN))).rows(named=True)

    assert bar["open_end"]
    assert bar["known_until"] == T0 + 9 * MIN


def test_only_lockouts_streaks_and_bans_are_drawn_in_order_of_time() -> None:
    rows = findings(finding(9, 10), finding(0, 5, kind="failure_streak"), finding(3, 4, kind="rotation"))

    assert lockout_bars(rows)["finding_id"].to_list() == ["f0", "f9"]


def test_the_weightiest_are_drawn_and_the_rest_is_counted(ax: Axes) -> None:
    rows = [finding(i, i + 1, subject=f"u{i}", severity="serious" if i >= 10 else "info") for i in range(40)]

    plot_lockouts(findings(*rows), limit=30, ax=ax)

    assert [t.get_text() for t in ax.get_yticklabels()] == [f"u{i}" for i in range(10, 40)]
    assert ax.get_xlabel() == "time (UTC) · 10 more not drawn"


def test_uncertain_stretches_are_hatched_and_known_ones_solid(ax: Axes) -> None:
    plot_lockouts(findings(finding(0, 60, **BRACKETS)), ax=ax)

    bars: list[Any] = [bar for bars in ax.containers for bar in bars]
    assert [(round(bar.get_width() * 1440), bool(bar.get_hatch())) for bar in bars] == [
        (5, True),
        (30, False),
        (20, True),
    ]
    texts = [t.get_text() for t in ax.texts]
    assert "203.0.113.9, attack" in texts
    assert "30 min to 55 min" in texts


def test_no_lockouts_draw_empty_labelled_axes(ax: Axes) -> None:
    plot_lockouts(empty(FINDINGS), tz="Europe/Warsaw", ax=ax)

    assert [t.get_text() for t in ax.texts] == ["no lockouts"]
    assert ax.get_xlabel() == "time (Europe/Warsaw)"


def test_pandas_findings_draw_the_same_bars() -> None:
    frame = findings(finding(0, 60, **BRACKETS), finding(5, None, kind="failure_streak"))

    bars = lockout_bars(frame.to_pandas())

    assert hasattr(bars, "iloc")
    assert bars["known_from"].to_list() == lockout_bars(frame)["known_from"].to_list()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3599, "1 h"),
        (5400, "1 h 30 min"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_lengths_of_time_are_said_in_the_units_that_matter(seconds: int, said: str) -> None:
    assert spans.duration(seconds) == said


# ---- causes and clients


def test_causes_are_counted_without_successes_and_with_their_share() -> None:
    events = table(
        event(0, "success"),
        event(0, "failure", count=2),
        event(0, "failure", user="bob@example.com"),
        event(0, "deferred", cause="backend_unavailable", user=None),
    )

    assert cause_counts(events).rows() == [
        ("bad_credentials", "failure", 3, 2, 1, 0.75),
        ("backend_unavailable", "deferred", 1, 0, 1, 0.25),
    ]


def test_cause_bars_sum_to_the_counts_and_name_causes_in_words(ax: Axes) -> None:
    events = table(
        event(0, "failure", count=5), event(0, "refused", cause="tls_required"), event(0, "success", count=9)
    )

    plot_causes(events, ax=ax)

    assert [t.get_text() for t in ax.get_yticklabels()] == ["bad credentials", "TLS required"]
    widths = [bar.get_width() for bars in ax.containers for bar in bars]  # pyright: ignore[reportAttributeAccessIssue]
    assert sum(widths) == 6
    assert [t.get_text() for t in ax.texts] == ["5 · 83%", "1 · 17%"]


def test_causes_beyond_the_limit_become_one_bar(ax: Axes) -> None:
    causes = ("bad_credentials", "unknown_user", "account_locked", "password_expired")
    events = table(*(event(0, "failure", cause=c, count=9 - i) for i, c in enumerate(causes)))

    plot_causes(events, limit=2, ax=ax)

    assert [t.get_text() for t in ax.get_yticklabels()] == ["bad credentials", "unknown user", "2 other causes"]
    assert [t.get_text() for t in ax.texts] == ["9 · 30%", "8 · 27%", "13 · 43%"]


def test_clients_are_ranked_by_what_was_not_accepted() -> None:
    events = table(
        event(0, "failure", count=3),
        event(1, "success", count=50),
        event(2, "throttled", user="bob@example.com", client_ip="192.0.2.9"),
        event(3, "success", user="carla@example.com"),
    )

    ranked = client_counts(events)

    columns = (
        "user",
        "client_ip",
        "n_not_accepted",
        "n_failure",
        "n_throttled",
        "n_success",
        "share",
        "running_share",
        "first",
        "last",
    )
    assert ranked.select(columns).rows() == [
        ("ann@example.com", "192.0.2.10", 3, 3, 0, 50, 0.75, 0.75, T0, T0),
        ("bob@example.com", "192.0.2.9", 1, 0, 1, 0, 0.25, 1.0, T0 + 2 * MIN, T0 + 2 * MIN),
    ]


def test_shares_stay_those_of_the_whole_when_few_clients_are_kept() -> None:
    events = table(*(event(0, "failure", user=f"u{i}") for i in range(4)))

    assert client_counts(events, limit=1)["running_share"].to_list() == [0.25]


def test_client_bars_name_account_and_address_and_say_who_is_left_out(ax: Axes) -> None:
    address = "2001:db8:1234:5678:9abc:def0:1234:5678"
    events = table(
        event(0, "failure", count=2, client_ip=address),
        *(event(0, "failure", user=None, client_ip=f"192.0.2.{i}") for i in range(9)),
    )

    plot_clients(events, limit=3, ax=ax)

    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert labels[0] == "ann@example.com  2001:db8:…:1234:5678"
    assert labels[1] == "(no user logged)  192.0.2.0"
    assert "7 more clients not drawn" in ax.get_xlabel()


# ---- style


def test_outcome_colours_are_told_apart_by_colour_blind_eyes() -> None:
    """Machado, Oliveira and Fernandes (2009), full dichromacy, distances in CIELAB."""
    sights = {
        "all cones": np.eye(3),
        "no red": np.array(
            [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
        ),
        "no green": np.array(
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
        ),
        "no blue": np.array(
            [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
        ),
    }
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

    def lab(colour: str, sight: np.ndarray) -> np.ndarray:
        srgb = np.array(to_rgb(colour))
        linear = np.clip(sight @ np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4), 0, 1)
        x, y, z = np.cbrt(to_xyz @ linear / np.array([0.9505, 1, 1.089]))
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

    drawn = [colour for outcome, colour in COLOURS.items() if outcome != "info"]
    for sight in sights.values():
        for a, b in itertools.combinations(drawn, 2):
            assert np.linalg.norm(lab(a, sight) - lab(b, sight)) > 20


def boxes(ax: Axes, texts: Any) -> list[Any]:
    """Return where texts are drawn, in pixels, those that are drawn at all."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    return [t.get_window_extent() for t in texts if t.get_visible() and t.get_text().strip()]


@pytest.mark.parametrize("width", [4.0, 6.5, 9.0])
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("hours", [1.9, 3, 47, 60, 24 * 9, 24 * 80, 24 * 400, 24 * 1000])
def test_the_labels_of_a_date_axis_do_not_touch_each_other(width: float, hours: int) -> None:
    ax = Figure(figsize=(width, 3)).add_subplot()

    plot_timeline(table(event(0, "failure"), event(60 * hours, "failure")), ax=ax)

    drawn = sorted(boxes(ax, ax.get_xticklabels()), key=lambda box: box.x0)
    assert len(drawn) >= 2
    assert all(a.x1 + 2 < b.x0 for a, b in itertools.pairwise(drawn))


@pytest.mark.parametrize("width", [4.0, 9.0])
@pytest.mark.parametrize("plot", [plot_causes, plot_clients])
def test_figures_after_bars_stay_clear_of_the_legend(plot: Callable[..., Axes], width: float) -> None:
    ax = Figure(figsize=(width, 3)).add_subplot()

    plot(
        table(event(0, "failure", count=123_456), event(1, "failure", user="bob@example.com", cause="account_locked")),
        ax=ax,
    )

    assert all(box.x1 <= ax.bbox.x1 + 1 for box in boxes(ax, ax.texts))


def test_a_share_is_never_none_or_all_of_what_is_not() -> None:
    assert [percent(n, 1000) for n in (0, 1, 5, 6, 500, 994, 995, 1000)] == [
        "0%", "under 1%", "under 1%", "1%", "50%", "99%", "over 99%", "100%",
    ]  # fmt: skip


def test_a_caption_is_broken_where_a_small_figure_ends() -> None:
    small, large = (Figure(figsize=(width, 3)).add_subplot() for width in (4, 9))

    for ax in (small, large):
        caption(ax, "word " * 14)

    assert small.get_title("left").count("\n") == 1
    assert large.get_title("left").count("\n") == 0
