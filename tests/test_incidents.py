"""Incidents: what stands out, which kind it is and what explains it; by hand, in the sample, and in towns."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from hand_made import NINE, events
from rewrite_samples import read_tables
from score_detectors import INCIDENTS, Tally, incident_of
from smtplogs.detect._bins import BIN, earlier_days, holes
from smtplogs.detect._incident_edges import sharpened
from smtplogs.detect._incident_facts import Facts, turned, verdict
from smtplogs.detect._incident_stories import incident_row
from smtplogs.detect._missing import as_many, missing, one_missing, were_there
from smtplogs.detect.outages import COLUMNS
from smtplogs.schema import FINDINGS, TRAFFIC, as_table, dtypes

if TYPE_CHECKING:
    from pathlib import Path

DAY, HOUR = 86_400, 3600
CLIENTS_SHUT = [("", f"u{i}@example.com") for i in range(5)]
CLIENTS = [(f"u{i}@example.com", f"192.0.2.{i}", "PLAIN" if i % 2 else "LOGIN") for i in range(30)]


@cache
def normal(days: int = 4, *, every: int = 450, seed: int = 1) -> list[tuple[Any, ...]]:
    """Return the logins of thirty clients, each every `every` seconds, for so many days before nine and an hour after."""
    r = random.Random(seed)
    return [
        (at + r.uniform(0, every), user, ip, "success", {"mechanism": how})
        for at in range(-days * DAY, HOUR, every)
        for user, ip, how in CLIENTS
    ]


def broken(
    rows: list[tuple[Any, ...]], start: int, end: int, outcome: str = "failure", who: Any = None
) -> list[tuple[Any, ...]]:
    """Return the rows with those of `who` (all) in this time refused."""
    return [
        (t, u, ip, outcome, more)
        if start <= t < end and (who is None or who(u, ip, more["mechanism"]))
        else (t, u, ip, o, more)
        for t, u, ip, o, more in rows
    ]


def loud(frame: pl.DataFrame, **how: Any) -> list[dict[str, Any]]:
    found = sl.incidents(frame, **how)
    assert found.schema == dtypes(FINDINGS) | dtypes(COLUMNS)
    return found.filter(pl.col("status") == "found").to_dicts()


@pytest.mark.parametrize(("outcome", "shown"), [("failure", "refusal"), ("deferred", "temporary")])
def test_an_outage_is_one_whether_it_shows_as_535_or_454(outcome: str, shown: str):
    (found,) = loud(events(broken(normal(), 600, 1800, outcome)))
    assert (found["kind"], found["severity"], found["shown_as"]) == ("outage", "serious", shown)
    assert abs(found["start"] - NINE - timedelta(seconds=600)) < timedelta(seconds=60)
    assert abs(found["end"] - NINE - timedelta(seconds=1800)) < timedelta(seconds=60)
    assert found["n_established_hit"] == 30
    assert timedelta(0) < found["recovered_at"] - found["end"] < timedelta(minutes=1)
    assert found["explained_by"] == [] or found["explained_by"][0].startswith("cause")
    assert ("with a temporary error (454 or the like)" in found["title"]) == (outcome == "deferred")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (("cause", "backend_unavailable", 1.0), "the cause backend unavailable: 100%"),
        (("cause", "unknown", 0.98), "attempts that could not be judged: 98%"),
        (("client_ip", "192.0.2.7", 0.9), "address 192.0.2.7: 90%"),
        (("mechanism", "LOGIN", 0.9), "mechanism LOGIN: 90%"),
    ],
)
def test_what_explains_a_rise_is_told_in_words(part: tuple[str, str, float], words: str):
    facts = Facts(NINE, NINE + timedelta(minutes=30), n_bad=100, deferred_share=0.95, explained_by=[part])

    row = incident_row(facts, "outage")

    assert row["because"][0] == f"The rise is explained by {words}."
    assert row["explained_by"] == [f"{part[0]}={part[1]}: {part[2]:.0%}"]


def test_judged_refusals_of_no_known_cause_are_told_as_that():
    facts = Facts(NINE, NINE + timedelta(minutes=30), n_bad=9, explained_by=[("cause", "unknown", 1.0)])

    assert "refusals of no known cause" in incident_row(facts, "outage")["because"][0]


def test_a_fault_of_a_part_hits_some_attempts_of_everybody():
    r = random.Random(2)
    (found,) = loud(events(broken(normal(), 600, 2400, who=lambda *_: r.random() < 0.35)))
    assert found["kind"] == "partial_fault"
    assert 0.5 < found["success_share"] < 0.8


def test_a_rule_that_shuts_out_one_mechanism():
    (found,) = loud(events(broken(normal(), 600, 3000, who=lambda _, __, how: how == "LOGIN")))
    assert (found["kind"], found["shared"]) == ("policy_change", "mechanism=LOGIN")
    assert "mechanism LOGIN" in found["title"]


@pytest.mark.parametrize(("start", "end"), [(600, 3000), (690, 3000), (600, 2610), (790, 2710)])
def test_the_rest_of_a_bin_does_not_hide_what_the_shut_out_share(start: int, end: int):
    """A rule that begins and ends within five minutes: the bins at both ends hold logins of those it shuts out."""
    (found,) = loud(events(broken(normal(every=120), start, end, who=lambda _, __, how: how == "LOGIN")))
    assert (found["kind"], found["shared"]) == ("policy_change", "mechanism=LOGIN")
    assert found["n_failing_only"] >= 12


@pytest.mark.parametrize("late", [1800 + 240, 1800 + 290, 600 - 280])
def test_who_mistypes_just_after_an_outage_does_not_make_it_a_partial_one(late: int):
    rows = broken(normal(every=240), 600, 1800)
    typo = [(late + k, "u4@example.com", "192.0.2.4", "failure", {"mechanism": "LOGIN"}) for k in (0, 5)]
    (found,) = loud(events(rows + typo))
    assert found["kind"] == "outage"
    assert abs(found["start"] - NINE - timedelta(seconds=600)) < timedelta(seconds=60)
    assert abs(found["end"] - NINE - timedelta(seconds=1800)) < timedelta(seconds=60)


@pytest.mark.parametrize(("during", "kind"), [(False, "outage"), (True, "partial_fault")])
def test_who_was_at_work_only_before_and_after_an_outage_met_nothing(during: bool, kind: str):
    """Ten more clients log in within the five minutes at its ends, or some of them while it lasts."""
    others = [(f"v{i}@example.com", f"198.51.100.{i}") for i in range(10)]
    known = [(t + 7 * i, u, ip, "success", {}) for t in range(-DAY, 0, HOUR) for i, (u, ip) in enumerate(others)]
    ends = [(t + i, u, ip, "success", {}) for i, (u, ip) in enumerate(others) for t in (610, 2250)]
    ends += [(900 + 60 * i, u, ip, "success", {}) for i, (u, ip) in enumerate(others)] if during else []
    (found,) = loud(events([*broken(normal(every=240), 630, 2240), *known, *ends]))
    assert found["kind"] == kind


def test_a_fault_that_lets_some_in_all_the_time_is_no_outage():
    """The longest time without a login holds far less than nine tenths of the refusals."""
    r = random.Random(5)
    (found,) = loud(events(broken(normal(every=240), 600, 2400, who=lambda *_: r.random() < 0.8)))
    assert found["kind"] == "partial_fault"


def test_the_addresses_that_made_most_of_a_rise_are_named():
    guesses = [(600 + i, "x@example.com", f"203.0.113.{i % 3}", "failure", {}) for i in range(90)]
    once = [(640 + i, "y@example.com", f"203.0.113.{100 + i}", "failure", {}) for i in range(9)]
    (found,) = loud(events(normal() + guesses + once))
    assert (found["kind"], found["n_sources"]) == ("botnet_rise", 12)
    assert found["sources"] == ["203.0.113.0", "203.0.113.1", "203.0.113.2"]


def test_one_client_is_no_outage_however_often_it_fails():
    rows = normal()
    hammer = [(600 + i, "u3@example.com", "203.0.113.9", "failure", {}) for i in range(1200)]
    good = [(-DAY, "u3@example.com", "203.0.113.9", "success", {})]
    (found,) = loud(events(rows + hammer + good))
    assert (found["kind"], found["severity"], found["client_ip"]) == ("one_client_rise", "warning", "203.0.113.9")
    assert "100% of a rise of failures is one client" in found["title"]
    assert "used to log in" in found["title"]
    assert found["explained_by"] == ["client_ip=203.0.113.9: 100%"]
    assert found["evidence"][0].endswith(":" + str(len(rows) + 1))


@pytest.mark.parametrize("more", [0, 9])
def test_one_client_is_named_with_its_own_account_whatever_the_others_try(more: int):
    """Half of the rise is one address on one account; all others guess at another one, now and then more often."""
    hammer = [(600 + 2 * i, "u3@example.com", "203.0.113.9", "failure", {}) for i in range(20 + more)]
    others = [(601 + 2 * i, "u4@example.com", f"198.51.100.{i}", "failure", {}) for i in range(20)]
    (found,) = loud(events(normal() + hammer + others))
    assert (found["kind"], found["client_ip"], found["user"]) == ("one_client_rise", "203.0.113.9", "u3@example.com")
    assert (found["start"], found["end"]) == (NINE + timedelta(seconds=600), NINE + timedelta(seconds=638 + 2 * more))


def one_rise(rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    (found,) = [f for f in loud(events(rows)) if f["kind"] == "one_client_rise"]
    return found


@pytest.mark.parametrize(
    ("n", "back", "severity"),
    [(29, 60, "info"), (30, 60, "warning"), (29, None, "warning"), (29, 3700, "warning"), (29, 3500, "info")],
)
def test_a_person_who_mistypes_often_and_gets_in_is_information(n: int, back: float | None, severity: str):
    rows = [(-9000 + i, "u3@example.com", "203.0.113.9", "success", {}) for i in range(3)]
    rows += [(620 + i, "u3@example.com", "203.0.113.9", "failure", {}) for i in range(n)]
    rows += [(620 + n + back, "u3@example.com", "203.0.113.9", "success", {})] if back else []
    found = one_rise(normal(days=4) + rows)
    assert (found["kind"], found["severity"]) == ("one_client_rise", severity)
    assert (found["recovered_at"] is not None) == (back is not None and back < 3600)
    others = [(620 + n + 60, "u4@example.com", "203.0.113.9", "success", {})]
    found = one_rise([*normal(days=4), *rows[: 3 + n], *others])
    assert found["severity"] == "warning"


@pytest.mark.parametrize(("n", "hit"), [(20, True), (19, False)])
def test_twenty_failures_stand_out_and_nineteen_do_not(n: int, hit: bool):
    rows = [(620 + i, "u3@example.com", "203.0.113.9", "failure", {}) for i in range(n)]
    assert bool(loud(events(normal() + rows))) == hit
    assert bool(loud(events(normal() + rows), count=n)) is True


def test_what_is_usual_at_that_hour_is_no_incident():
    nightly = [
        (600 - day * DAY + i, "u3@example.com", "203.0.113.9", "failure", {}) for day in range(4) for i in range(60)
    ]
    # told on the first Saturday and the first working day, and no more on the days after them
    days = {f["start"].date().isoformat() for f in loud(events(normal() + nightly))}
    assert days == {"2026-01-31", "2026-02-02"}


def test_a_spray_and_a_botnet_are_told_apart_from_an_outage():
    spray = [(600 + i * 2, f"u{i % 30}@example.com", "203.0.113.9", "failure", {}) for i in range(90)]
    bots = [(600 + i * 2, f"u{i % 30}@example.com", f"203.0.113.{i}", "failure", {}) for i in range(90)]
    assert [f["kind"] for f in loud(events(normal() + spray))] == ["spray_rise"]
    assert [f["kind"] for f in loud(events(normal() + bots))] == ["botnet_rise"]


def silent(rows: list[tuple[Any, ...]], start: int, end: int, *, but: int = 0) -> list[tuple[Any, ...]]:
    return [row for i, row in enumerate(rows) if not start <= row[0] < end or (but and i % but == 0)]


def minutes(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    times = events([row for row in rows if row[0] < HOUR])["time"].dt.truncate("1m")
    counts = (
        pl.DataFrame({"time": times}).group_by("time").len("n_lines").with_columns(pl.lit("mail.log").alias("source"))
    )
    return as_table(counts, TRAFFIC)


def test_logins_that_stop_while_lines_go_on_are_the_network_else_the_log():
    rows = normal()
    cut = silent(rows, 600, 3000, but=9)
    (found,) = loud(events(cut), traffic=minutes(rows))
    assert (found["kind"], found["severity"]) == ("network_loss", "warning")
    assert found["success_share"] < 0.3
    hole = silent(rows, 600, 3000)
    for traffic in (minutes(hole), minutes(hole).to_pandas(), None):
        (found,) = loud(events(hole), traffic=traffic)
        assert found["kind"] == "log_hole"
        assert found["evidence"] in ([], None)


@pytest.mark.parametrize(("begin", "severity"), [(0, "info"), (3600, "warning")])
def test_a_late_morning_is_only_information(begin: int, severity: str):
    """Nobody works before nine: who is missing from nine on may be late; who is missing from ten on had been there."""
    day = [row for row in normal(days=5, every=150) if 0 <= row[0] % DAY < 3600]
    rows = [(t + hour, *rest) for hour in range(0, begin + 1, 3600) for t, *rest in day]
    (found,) = [f for f in loud(events(silent(rows, begin, begin + 3600, but=3))) if f["kind"] == "network_loss"]
    assert found["severity"] == severity


def test_a_hole_with_quiet_minutes_after_it_is_a_hole_that_ends_where_lines_begin():
    rows = silent(silent(normal(every=150), 600, 2400), 2400, 3000, but=2)
    (found,) = loud(events(rows), traffic=minutes(rows))
    assert found["kind"] == "log_hole"
    assert abs(found["start"] - NINE - timedelta(seconds=600)) <= timedelta(minutes=5)
    assert abs(found["end"] - NINE - timedelta(seconds=2400)) <= timedelta(minutes=5)
    mostly = silent(silent(normal(every=150), 600, 1500), 1500, 3300, but=3)
    (found,) = loud(events(mostly), traffic=minutes(mostly))
    assert found["kind"] == "network_loss"


def test_a_quiet_five_minutes_before_an_outage_are_no_drop_of_their_own():
    """The hour as a whole is low, for the outage is in it; who stays away for half an hour is missed all the same."""
    rows = broken(normal(every=150), 1800, 3540)
    (found,) = loud(events(silent(rows, 300, 600, but=2)))
    assert (found["kind"], found["start"] > NINE + timedelta(seconds=1700)) == ("outage", True)
    both = loud(events(silent(broken(normal(every=150), 3000, 3540), 0, 1500, but=4)))
    assert sorted(f["kind"] for f in both) == ["network_loss", "outage"]


def test_a_day_off_is_only_information():
    rows = [row for row in normal(days=6) if row[0] < -DAY or row[0] % 3600 < 200]
    assert {f["severity"] for f in loud(events(rows))} <= {"info", "warning"}


def test_null_users_are_judged_by_address_and_other_sides_do_not_count():
    nameless = [(t, None, ip, o, more) for t, _, ip, o, more in broken(normal(), 600, 1800)]
    assert [f["kind"] for f in loud(events(nameless))] == ["outage"]
    assert loud(events(broken(normal(), 600, 1800), side="client")) == []
    assert loud(events(broken(normal(), 600, 1800), protocol="imap")) == []
    assert [f["kind"] for f in loud(events(broken(normal(), 600, 1800), protocol="imap"), protocols=["imap"])] == [
        "outage"
    ]


def test_what_cannot_be_judged_is_said():
    short = sl.incidents(events([(i, "u", "192.0.2.1", "failure") for i in range(0, 3000, 10)]))
    assert short.select("kind", "status").rows() == [("outage", "not_assessable")]
    assert "shorter than an hour" in short["title"][0]
    without = sl.incidents(events([(i, "u", "192.0.2.1", "failure") for i in range(0, 7200, 600)]))
    assert "no login that worked" in without["title"][0]


@pytest.mark.parametrize("how", [{"count": 0}, {"ratio": 1.0}, {"z": 0.0}])
def test_senseless_parameters_are_refused(how: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(how))):
        sl.incidents(events([(0, "u", "192.0.2.1", "failure")]), **how)


def test_the_outage_sample_is_one_incident_and_the_quiet_one_none():
    given, _, traffic = read_tables("postfix/outage")
    (found,) = list(loud(given, traffic=traffic))
    assert (found["kind"], found["cause"]) == ("outage", "backend_unavailable")
    assert (str(found["start"])[:16], str(found["end"])[:16]) == ("2026-11-11 10:40", "2026-11-11 10:59")
    given, _, traffic = read_tables("postfix/quiet")
    assert loud(given, traffic=traffic) == []


@pytest.mark.slow
def test_incidents_of_towns_never_used_for_tuning(tmp_path: Path):
    """Twenty towns, from log lines to findings; quiet ones are silent."""
    pooled, matrix = Tally(), Counter()
    stories = (*INCIDENTS, "quiet")
    for i, seed in enumerate(range(8001, 8021)):
        one, pairs = incident_of(seed, stories[i % len(stories)], tmp_path)
        pooled.add(one)
        matrix += pairs
    assert pooled.true == 18
    assert pooled.precision >= 0.95, pooled.wrong
    assert pooled.recall >= 0.9, pooled.missed
    assert matrix["(nothing)", "(nothing)"] == 2
    assert max(pooled.errors()) < 120


def test_the_busiest_address_and_the_busiest_account_need_not_be_one_client() -> None:
    facts = Facts(NINE, NINE + timedelta(hours=1), n_names=2, top_ip="192.0.2.1", top_user="al@example.com")
    attempts = {"time": [NINE, NINE], "bad": 9, "established": False, "client_ip": ["192.0.2.1", "192.0.2.2"]}
    apart = pl.DataFrame(attempts | {"account": ["bo@example.com", "al@example.com"]})

    assert sharpened(facts, "one_client_rise", apart) == (facts.start, facts.end)
    assert sharpened(facts, "spray_rise", apart) == (NINE, NINE)


def weeks(monday: int, *, earlier: int) -> list[tuple[Any, ...]]:
    """Return the working days of a week, and the Monday after it, an hour (3600) `earlier`; `monday`: days after nine."""
    probe = [
        (monday * DAY + day * DAY + at, "probe@example.com", "192.0.2.99", "success")
        for day in (0, 1, 2, 3, 4, 7) for at in range(-2 * HOUR, 8 * HOUR, 120)
    ]  # fmt: skip
    return probe + [
        (monday * DAY + day * DAY + at - (earlier if day == 7 else 0) + 7 * i, f"u{i}@example.com", f"192.0.2.{i}", "success")
        for day in (0, 1, 2, 3, 4, 7) for at in range(0, 6 * HOUR, 300) for i in range(12)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("monday", "earlier", "told"),
    [(48, 3600, False), (90, 3600, True), (258, -3600, False), (272, -3600, True), (48, -3600, True)],
)
def test_people_who_come_an_hour_earlier_when_clocks_are_put_forward_are_no_lost_network(
    monday: int, earlier: int, told: bool
):
    """Monday 30 March and Monday 26 October 2026 in Europe; and Mondays on which no clock was changed."""
    found = [f["kind"] for f in loud(events(weeks(monday, earlier=earlier)))]
    assert found == (["network_loss"] if told else [])


def test_a_network_that_is_lost_at_noon_is_told_the_day_after_clocks_were_changed():
    noon = 55 * DAY + 2 * HOUR
    (found,) = loud(events(silent(weeks(48, earlier=3600), noon, noon + 2 * HOUR)), count=10)
    assert (found["kind"], found["start"].hour) == ("log_hole", 11)  # the probe is silent too


@pytest.mark.parametrize(
    ("name", "n", "severity"),
    [
        ("u3@example.com", 90, "warning"),
        ("x@example.com", 90, "info"),
        (None, 99, "info"),
        (None, 100, "warning"),
    ],
)
def test_a_stranger_at_an_account_that_nobody_has_is_the_noise_of_every_day(name: str | None, n: int, severity: str):
    """Where failures carry no name it cannot be told whose account was tried: a hundred refusals are too many for one."""
    (found,) = loud(events([*normal(), *((600 + i, name, "203.0.113.9", "failure", {}) for i in range(n))]))
    assert (found["kind"], found["severity"]) == ("one_client_rise", severity)
    assert ("noise" in " ".join(found["because"])) == (severity == "info")


@pytest.mark.parametrize(("known", "severity"), [(5, "warning"), (4, "info")])
@pytest.mark.parametrize("kind", ["spray_rise", "botnet_rise"])
def test_strangers_are_told_as_a_warning_if_they_aim_at_five_accounts(kind: str, known: int, severity: str):
    names = [f"u{i}@example.com" for i in range(known)] + [f"x{i}@example.com" for i in range(30 - known)]
    rows = [
        (600 + i * 2, names[i % 30], "203.0.113.9" if kind == "spray_rise" else f"203.0.113.{i}", "failure", {})
        for i in range(90)
    ]
    (found,) = loud(events(normal() + rows))
    assert (found["kind"], found["severity"]) == (kind, severity)


def test_a_port_without_auth_that_a_stranger_knocks_at_is_noise():
    knocks = [(600 + i, None, "203.0.113.9", "refused", {}) for i in range(90)]
    (found,) = loud(events(normal() + knocks))
    assert (found["kind"], found["severity"]) == ("one_client_rise", "info")


@pytest.mark.parametrize(("share", "kind"), [(0.66, "partial_fault"), (0.68, "one_client_rise")])
def test_a_few_who_mistype_beside_one_client_that_is_most_of_a_rise_are_no_fault(share: float, kind: str):
    facts = Facts(NINE, NINE, n_bad=34, n_ok=85, usual_ok=98.0, n_hit=4, n_active=19, top_ip_share=share, one_name=True)
    facts.n_hit_beside = 4
    assert verdict(facts, up=True) == kind


@pytest.mark.parametrize(("others", "kind"), [(2, "one_client_rise"), (12, "partial_fault")])
def test_a_lock_that_shuts_out_all_devices_of_one_account_is_no_fault(others: int, kind: str):
    """Three devices of one person are refused, as are a few who mistype: with twelve of thirty it is the server."""
    ann = [(t, "u0@example.com", f"198.51.100.{i}", "success", {}) for t in range(-DAY, 0, HOUR) for i in range(3)]
    locked = [(600 + 5 * k, "u0@example.com", f"198.51.100.{k % 3}", "failure", {}) for k in range(90)]
    typed = [(600 + 20 * i, user, ip, "failure", {}) for i, (user, ip, _) in enumerate(CLIENTS[1 : 1 + others])]
    found = loud(events([*normal(every=1800), *ann, *locked, *typed]))
    assert ("partial_fault" in {f["kind"] for f in found}) == (kind == "partial_fault")


def quiet_office(n: int, outcome: str, clients: int = 6, minutes: float = 4) -> list[dict[str, Any]]:
    """Return what is told of an office that logs in now and then, and is refused `n` times, every few minutes."""
    people = CLIENTS[:clients]
    usual = [
        (t + 60 * i, u, ip, "success", {}) for t in range(-4 * DAY, HOUR, 1200) for i, (u, ip, _) in enumerate(people)
    ]
    hit = [(300 + 60 * minutes * k, *people[k % clients][:2], outcome, {}) for k in range(n)]
    return loud(events(usual + hit))


@pytest.mark.parametrize(("n", "outcome", "told"), [(10, "deferred", 1), (9, "deferred", 0), (12, "failure", 0)])
def test_ten_that_the_server_could_not_judge_within_an_hour_are_a_fault(n: int, outcome: str, told: int):
    """No wrong password is answered so; a dozen wrong passwords of six people are no rise."""
    found = quiet_office(n, outcome)
    assert [f["kind"] for f in found] == ["partial_fault"] * told


def test_one_client_that_could_not_be_judged_is_no_fault():
    assert quiet_office(12, "deferred", clients=2) == []
    assert quiet_office(12, "deferred", minutes=9) == []  # too seldom


@pytest.mark.parametrize(("month", "clocks"), [(2, 1), (3, 2), (11, 2)])
def test_what_is_usual_is_the_median_of_the_comparable_days(month: int, clocks: int):
    """Of none to five days, as many as the log holds; in March and November by two clocks."""
    r = random.Random(month)
    start = NINE.replace(month=month, day=1)
    bins = pl.DataFrame({"bin": [start + k * BIN for k in range(20 * 288)]})
    values = pl.Series([None if k < 3 else float(r.randrange(6)) for k in range(bins.height)])
    days = earlier_days(bins)
    told = days.of(values)

    assert len(told) == clocks
    for rows, found in zip(days.clocks, told, strict=True):
        lists = rows.select(pl.concat_list(pl.lit(values).gather(day) for day in rows.columns).list.drop_nulls())
        then = lists.to_series()
        assert set(found["n"]) == set(range(6))
        assert found["n"].to_list() == then.list.len().to_list()
        assert found["usual"].to_list() == then.list.median().to_list()
        assert found["lowest"].to_list() == then.list.min().to_list()
        assert found["mean"].to_list() == pytest.approx(then.list.mean().to_list())
    assert earlier_days(bins.head(288)).of(values.head(288)) == []


@pytest.mark.parametrize(("seldom", "silent_bins", "told"), [(10_000, 3, True), (8, 3, False), (8, 6, True)])
def test_a_hole_is_longer_than_what_is_empty_by_chance(seldom: int, silent_bins: int, told: bool):
    """Forty lines in five minutes; before, hardly any bin was empty, or each eighth."""
    monday = NINE.replace(hour=0) - timedelta(days=NINE.weekday())
    n = 5 * 288
    last = n - 140
    lines = [0.0 if (last <= k < last + silent_bins) or (k < last and k % seldom == 0) else 40.0 for k in range(n)]
    bins = pl.DataFrame({"bin": [monday + k * BIN for k in range(n)], "lines": lines})
    fired = holes(bins, "lines", earlier_days(bins))
    assert fired[last : last + silent_bins].all() is told
    assert fired[: last - 12].sum() == 0


def test_on_a_holiday_an_empty_half_hour_is_none():
    monday = NINE.replace(hour=0) - timedelta(days=NINE.weekday())
    n = 5 * 288
    off = n - 288
    lines = [40.0 if k < off or k % 7 == 0 else 0.0 for k in range(n)]
    bins = pl.DataFrame({"bin": [monday + k * BIN for k in range(n)], "lines": lines})
    assert holes(bins, "lines", earlier_days(bins))[off + 24 :].sum() == 0


def test_refusals_before_any_password_are_worded_so():
    (found,) = loud(events(broken(normal(), 600, 1800, "refused")))
    assert found["kind"] == "outage"
    assert "before any password was asked" in found["title"]
    assert "AUTH" in found["advice"]


@pytest.mark.parametrize(("gap", "start"), [(140, 600), (160, None)])
def test_three_clients_within_five_minutes_begin_an_incident_whoever_failed_before(gap: int, start: int | None):
    facts = Facts(NINE, NINE + timedelta(hours=1))
    rows = pl.DataFrame(
        [(t, f"192.0.2.{k}") for k, t in enumerate((600, 600 + gap, 600 + 2 * gap))] + [(0, "192.0.2.0"), (60, "192.0.2.1")],
        schema=["at", "client_ip"], orient="row",
    )  # fmt: skip
    time = pl.lit(NINE) + pl.duration(seconds=pl.col("at"))
    rows = rows.select(time.alias("time"), "client_ip", bad=pl.lit(1), ok=pl.lit(0), established=pl.lit(value=True))
    first, last = sharpened(facts, "outage", rows)
    told = (NINE + timedelta(seconds=600), NINE + timedelta(seconds=600 + 2 * gap))
    assert (first, last) == (told if start else (facts.start, facts.end))


@pytest.mark.parametrize(("hours", "kinds"), [(1, ["outage"]), (7, ["network_loss"])])
def test_who_was_shut_out_hours_before_does_not_make_an_outage_of_a_quiet_time(hours: int, kinds: list[str]):
    """Thirty clients are at work, but for the last hour, when only five that were refused all the time are there."""
    rows = [row for row in normal() if row[0] < 0 or int(row[1][1:].split("@")[0]) < 5]
    shut = [row[1] for row in CLIENTS_SHUT]
    rows = [(*row[:3], "failure", row[4]) if row[1] in shut and row[0] >= HOUR - hours * HOUR else row for row in rows]
    assert [f["kind"] for f in loud(events(rows)) if f["start"] >= NINE] == kinds


def logged(*rows: tuple[int, str, int]) -> pl.DataFrame:
    """Return logins, as `described` gives them: (days after nine, account, how many)."""
    frame = pl.DataFrame(rows, schema=["day", "account", "ok"], orient="row")
    time = pl.lit(NINE) + pl.duration(days=pl.col("day"))
    return frame.select(time.alias("time"), "account", pl.lit(None, pl.String).alias("client_ip"), "ok")


@pytest.mark.parametrize(("people", "job"), [(10, "bulk"), (11, None)])
def test_one_account_that_makes_half_of_a_drop_is_a_job_that_did_not_run(people: int, job: str | None):
    before = logged((-1, "bulk", 10), *((-1, f"u{i}", 1) for i in range(people)), (-1, "shop", 9))
    gone = missing(logged((0, "shop", 6)), before, 1)
    assert gone["who"].to_list()[0] == "bulk"
    assert "shop" not in gone["who"].to_list()  # six of nine: it did not fall as all did
    assert one_missing(gone) == job


@pytest.mark.parametrize(("now", "same"), [(7, True), (6, False)])
def test_as_many_accounts_as_usual_are_no_lost_network(now: int, same: bool):
    before = logged(*((day, f"u{i}", 9) for day in (-2, -1) for i in range(10)))
    assert as_many(logged(*((0, f"u{i}", 1) for i in range(now))), before, 2) == same


@pytest.mark.parametrize(("there", "abrupt"), [(6, True), (5, False)])
def test_a_drop_is_abrupt_if_the_missing_were_there_the_hour_before(there: int, abrupt: bool):
    gone = missing(logged((0, "probe", 60)), logged((-1, "probe", 60), *((-1, f"u{i}", 1) for i in range(10))), 1)
    hours = [logged((0, "probe", 60), *((0, f"u{i}", 9) for i in range(there)))]
    assert were_there(gone, [*hours, *(logged(*((day, f"u{i}", 1) for i in range(10))) for day in (-2, -1))]) == abrupt


@pytest.mark.parametrize(("usual", "absent", "abrupt"), [(5, 10, True), (4, 10, False), (8, 80, True), (7, 80, False)])
def test_at_dawn_a_few_who_were_there_tell_nothing(usual: int, absent: int, abrupt: bool):
    gone = missing(logged((0, "probe", 60)), logged(*((-1, f"u{i}", 1) for i in range(absent))), 1)
    hour = [logged(*((day, f"u{i}", 1) for i in range(usual))) for day in (0, -2, -1)]
    assert were_there(gone, hour) == abrupt


@pytest.mark.parametrize(
    ("refused", "share", "severity"),
    [(29, 0.9, "info"), (30, 0.9, "warning"), (29, 0.89, "warning"), (29, None, "warning")],
)
def test_a_few_refusals_that_nothing_explains_are_information_while_logins_go_on(
    refused: int, share: float | None, severity: str
):
    usual = 0.0 if share is None else 100.0
    facts = Facts(NINE, NINE + timedelta(minutes=5), n_bad=refused, n_ok=round(100 * (share or 0)), usual_ok=usual)
    assert facts.success_share == share
    assert incident_row(facts, "unclear_rise")["severity"] == severity


@pytest.mark.parametrize(("n", "severity"), [(199, "info"), (200, "warning")])
def test_a_wave_without_names_is_noise_if_other_whole_days_have_as_many_failures(n: int, severity: str):
    """Two hundred refusals a day, one by one, from strangers; then so many at once, from forty of them."""
    days = [-432 * i - 36_000 for i in range(800)]
    noise = [(t, None, f"198.51.100.{i % 250}", "failure", {}) for i, t in enumerate(days)]
    wave = [(600 + i, None, f"203.0.113.{i % 40}", "failure", {}) for i in range(n)]
    (found,) = loud(events([*normal(), *noise, *wave]))
    assert (found["kind"], found["severity"]) == ("botnet_rise", severity)
    assert ("ordinary day" in " ".join(found["because"])) == (severity == "info")


@pytest.mark.parametrize(
    ("strange", "usual", "kind"), [(0.6, 10, "botnet_rise"), (0.4, 10, "partial_fault"), (0.6, 20, "partial_fault")]
)
def test_a_few_who_mistype_among_many_strangers_are_no_fault_while_all_get_in_as_usual(
    strange: float, usual: float, kind: str
):
    facts = Facts(NINE, NINE, n_bad=46, n_ok=10, usual_ok=usual, n_hit=3, n_active=7, stranger_share=strange)
    facts.n_hit_beside = 3
    assert verdict(facts, up=True) == kind


def test_who_failed_for_hours_is_no_established_client_of_a_fault_even_without_a_name():
    """Postfix before 3.9 names who logs in, not who fails: there a client is its address."""
    ips = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    inside = pl.DataFrame({"account": [None, None, "u3"], "client_ip": ips, "bad": [1, 1, 1], "established": True})
    old = pl.DataFrame(
        {
            "account": [None, None, "u2", "u3"],
            "client_ip": ["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3"],
            "bad": [4, 4, 0, 4],
            "ok": [0, 0, 1, 0],
        }
    )
    assert set(turned(old, inside).rows()) == {("u3", "192.0.2.3"), (None, "192.0.2.1")}


def small_firm(hours: int, *, left: int = 0, clients: int = 13) -> list[tuple[Any, ...]]:
    """Return five days of a firm with thirteen logins an hour, and strangers; so many hours of the last are all but empty."""
    day = range(-2 * HOUR, 8 * HOUR, HOUR)
    rows = [
        (d * DAY + at + 270 * i + 17 * (d % 7), f"u{i}@example.com", f"192.0.2.{i}", "success")
        for d in range(-4, 1)
        for at in day
        for i in range(clients)
    ]
    kept = silent(rows, 1 * HOUR, (1 + hours) * HOUR, but=left) if hours else rows
    strangers = [(t, "x@example.com", f"203.0.113.{t % 97}", "failure") for t in range(-4 * DAY, 8 * HOUR, 240)]
    return kept + strangers


@pytest.mark.parametrize(("hours", "left", "told"), [(4, 0, ["network_loss"]), (2, 0, []), (4, 4, []), (0, 0, [])])
def test_a_small_firm_that_falls_silent_for_hours_is_told(hours: int, left: int, told: list[str]):
    """Thirty-nine logins missed in three hours are clear, twenty-six are not; on a day off the jobs go on."""
    found = [f for f in loud(events(small_firm(hours, left=left))) if f["kind"] == "network_loss"]
    assert [f["kind"] for f in found] == told
    if told:
        (f,) = found
        assert (f["severity"], f["n_ok"] <= 2) == ("warning", True)
        assert abs(f["start"] - (NINE + timedelta(hours=1))) <= timedelta(minutes=20)
        assert abs(f["end"] - (NINE + timedelta(hours=5))) <= timedelta(minutes=20)
