"""Attacks: each rule from both sides on frames made by hand, presets by their own arithmetic, campaigns, and towns."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from hand_made import NINE, events
from score_detectors import ATTACKS, Tally, attack_of
from smtplogs.detect._campaigns import components, linked
from smtplogs.detect._presets import PRESETS, bans, fires
from smtplogs.detect.attacking import COLUMNS
from smtplogs.schema import FINDINGS, dtypes

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE, OFFICE = "203.0.113.66", "192.0.2.10"


def users(n: int, ip: str = OFFICE, at: int = -9000) -> list[tuple[Any, ...]]:
    """Return a login of each of n users."""
    return [(at + i, f"u{i}@example.com", ip, "success") for i in range(n)]


def guesses(n: int, gap: float, user: str = "u0@example.com", ip: str = HOSTILE) -> list[tuple[Any, ...]]:
    return [(i * gap, user, ip, "failure") for i in range(n)]


def told(frame: pl.DataFrame, **how: Any) -> list[tuple[Any, ...]]:
    found = sl.attacks(frame, **how).filter(pl.col("status") == "found")
    return found.select("kind", "severity", "subject", "n_events").rows()


def test_a_table_of_documented_columns():
    found = sl.attacks(events(users(3) + guesses(12, 10)))
    assert found.schema == dtypes(FINDINGS) | dtypes(COLUMNS)


@pytest.mark.parametrize(("n", "gap", "hit"), [(10, 66, True), (9, 1, False), (10, 600 / 9, True), (10, 67, False)])
def test_brute_force_is_ten_failures_on_one_account_in_ten_minutes(n: int, gap: float, hit: bool):
    found = told(events(users(3) + guesses(n, gap)))
    assert found == ([("brute_force", "warning", HOSTILE, n)] if hit else [])


@pytest.mark.parametrize(("later", "two"), [(9000, True), (60, False)])
def test_two_who_guess_at_one_account_one_after_the_other_are_two(later: int, two: bool):
    """At the same time none of three made more than half of the failures: one finding for the account."""
    first = guesses(20, 60)
    second = [(t + later, user, "203.0.113.67", outcome) for t, user, _, outcome in guesses(20, 60)]
    third = [] if two else [(t + 30, user, "203.0.113.68", outcome) for t, user, _, outcome in guesses(20, 60)]
    found = told(events(users(3) + first + second + third))
    subjects = [HOSTILE, "203.0.113.67"] if two else ["u0@example.com"]
    assert [(kind, subject) for kind, _, subject, _ in found] == [("brute_force", s) for s in subjects]


def test_count_is_attempts():
    row = (0, "u0@example.com", HOSTILE, "failure", {"count": 10})
    assert told(events([*users(3), row])) == [("brute_force", "warning", HOSTILE, 10)]


def test_guessing_at_a_name_that_never_logs_in_is_noise():
    assert told(events(users(3) + guesses(12, 10, "nobody@example.com"))) == [("brute_force", "info", HOSTILE, 12)]


def test_who_ever_logs_in_from_there_is_no_attacker():
    mistyped = guesses(14, 10, ip=OFFICE)
    assert told(events(users(3) + mistyped)) == []
    assert told(events([*users(3), *guesses(14, 10), (9000, "u0@example.com", HOSTILE, "success")])) == []


def test_one_account_from_many_addresses():
    rows = [(i * 20, "u0@example.com", f"203.0.113.{i % 4}", "failure") for i in range(16)]
    assert told(events(users(3) + rows)) == [("brute_force", "warning", "u0@example.com", 16)]


@pytest.mark.parametrize(("n", "gap", "hit"), [(10, 400, True), (9, 1, False), (10, 401, False)])
def test_spray_is_ten_accounts_in_an_hour(n: int, gap: float, hit: bool):
    rows = [(i * gap, f"u{i}@example.com", HOSTILE, "failure") for i in range(n)]
    found = told(events(users(4) + rows))
    assert found == ([("spray", "info", HOSTILE, n)] if hit else [])


@pytest.mark.parametrize(("known", "n", "hit"), [(5, 10, True), (4, 10, False), (5, 9, False)])
def test_ten_accounts_at_any_pace_are_guessed_at_if_five_exist(known: int, n: int, hit: bool):
    rows = [(i * 7200, f"u{i}@example.com", HOSTILE, "failure") for i in range(n)]
    found = sl.attacks(events(users(known) + rows)).filter(kind="spray")
    assert found.select("severity", "client_ip", "tries_per_name").rows() == [("warning", HOSTILE, None)] * hit
    assert [title for title in found["title"] if f"{HOSTILE} guessed at 10 accounts" in title] == found[
        "title"
    ].to_list()


@pytest.mark.parametrize(("each", "names", "hit"), [(10, 3, True), (9, 3, False), (10, 2, False)])
def test_three_accounts_are_guessed_at_slowly_if_one_that_exists_fails_ten_times_a_day(
    each: int, names: int, hit: bool
):
    days = 3
    rows = [
        (day * 86_400 + k * 8000 + 100 * i, f"u{i}@example.com", HOSTILE, "failure")
        for day in range(days) for k in range(each) for i in range(names)
    ]  # fmt: skip
    found = told(events([*users(1), (days * 86_400 - 1, "u0@example.com", HOSTILE, "failure"), *rows[:-names]]))
    assert found == ([("spray", "info", HOSTILE, len(rows) - names + 1)] if hit else [])


def test_four_tries_on_each_of_many_accounts_are_no_few_passwords():
    rows = [(i * 40 + k, f"u{i}@example.com", HOSTILE, "failure") for i in range(12) for k in range(4)]
    found = sl.attacks(events(users(20) + rows))
    assert found.select("kind", "severity", "tries_per_name").rows() == [("spray", "warning", None)]
    assert "few passwords" not in found["title"][0]
    assert told(events(users(4) + rows)) == []


def test_a_gateway_after_a_change_of_rule_is_no_spray_and_hits_are_serious():
    rows = [(i * 40, f"u{i}@example.com", HOSTILE, "failure") for i in range(12)]
    into = [(5000 + i, f"u{i}@example.com", HOSTILE, "success") for i in range(3)]
    assert told(events(users(20) + rows + into)) == []
    found = sl.attacks(events(users(20) + rows + into[:1]))
    assert found.select("kind", "severity").row(0) == ("spray", "serious")
    assert found["hits"][0].to_list() == ["u0@example.com"]
    assert "u0@example.com" in found["title"][0]


@pytest.mark.parametrize(("unknown", "n", "kind"), [(10, 20, "enumeration"), (9, 20, "spray"), (19, 19, "spray")])
def test_enumeration_is_twenty_names_half_of_which_do_not_exist(unknown: int, n: int, kind: str):
    rows = [
        (
            i * 30,
            f"u{i}@example.com",
            HOSTILE,
            "failure",
            {"cause": "unknown_user" if i < unknown else "bad_credentials"},
        )
        for i in range(n)
    ]
    assert [k for k, *_ in told(events(users(2) + rows))] == [kind]


def test_enumeration_cannot_be_told_if_no_name_is_said_not_to_exist():
    rows = [(i * 30, f"x{i}@example.com", HOSTILE, "failure") for i in range(20)]
    found = sl.attacks(events(users(2) + rows))
    assert found.filter(kind="enumeration").select("status", "severity").rows() == [("not_assessable", "info")]


@pytest.mark.parametrize(("n", "hit"), [(50, True), (49, False)])
def test_stuffing_is_fifty_accounts_from_twenty_addresses_once_each(n: int, hit: bool):
    rows = [(i * 30, f"u{i}@example.com", f"203.0.113.{i % 25}", "failure") for i in range(n)]
    found = told(events(users(19) + rows))
    assert [k for k, *_ in found if k == "stuffing"] == (["stuffing"] if hit else [])


@pytest.mark.parametrize(("known", "hit"), [(20, True), (19, False)])
def test_a_stolen_list_shows_in_twenty_accounts_that_exist(known: int, hit: bool):
    rows = [(i * 60, f"u{i}@example.com", f"203.0.113.{i % 25}", "failure") for i in range(40)]
    found = told(events(users(known) + rows))
    assert [k for k, *_ in found if k == "stuffing"] == (["stuffing"] if hit else [])


def slow_list(n: int, *, hours: float = 8, net: str = "203.0.113") -> list[tuple[Any, ...]]:
    """Return a list of n names that n addresses work through over hours, on the seventh day."""
    return [(6 * 86_400 + i * hours * 3600 / n, f"u{i}@example.com", f"{net}.{i + 1}", "failure") for i in range(n)]


def daily(days: int, per_day: int = 4) -> list[tuple[Any, ...]]:
    """Return what strangers try every day: the same three accounts, each time from another address."""
    return [
        (86_400 * k / per_day + 40, f"u{k % 3}@example.com", f"198.51.{k // 200}.{k % 200}", "failure")
        for k in range(days * per_day)
    ]


@pytest.mark.parametrize(
    ("n", "days", "per_day", "hit"),
    [(20, 8, 4, True), (19, 8, 4, False), (20, 8, 40, True), (20, 0, 0, False)],
)
def test_a_stolen_list_that_is_worked_through_over_hours(n: int, days: int, per_day: int, hit: bool):
    """Two and a half names an hour; in a log that shows what strangers hit on other days."""
    found = told(events(users(30) + slow_list(n) + daily(days, per_day)))
    assert [(k, s) for k, s, *_ in found if k == "stuffing"] == ([("stuffing", "warning")] if hit else [])


def test_lists_every_day_are_what_is_usual_there():
    every = [
        (day * 43_200 + i * 2000, f"u{i}@example.com", f"198.{day + 20}.{i}.7", "failure")
        for day in range(18)
        for i in range(20)
    ]
    assert not [k for k, *_ in told(events(users(30) + every)) if k == "stuffing"]


def test_phones_of_the_owners_are_no_stolen_list():
    """Refused at new addresses of the provider they log in from, as in an outage: nobody stole a list."""
    phones = [(-5000 + i, f"u{i}@example.com", "198.18.9.9", "success") for i in range(30)]
    fast = [(6 * 86_400 + i * 60, f"u{i}@example.com", f"198.18.7.{i}", "failure") for i in range(30)]
    for rows in (slow_list(25, net="198.18.8"), fast):
        assert [k for k, *_ in told(events(users(30) + rows + daily(8))) if k == "stuffing"] == ["stuffing"]
        assert not [k for k, *_ in told(events(users(30) + phones + rows + daily(8))) if k == "stuffing"]


def banned(n: int, *, pause: int = 620, ip: str = HOSTILE) -> list[tuple[Any, ...]]:
    """Return n guesses as fail2ban lets them through: five within a minute or two, then ten minutes of silence."""
    draw = random.Random(3)
    times = [(i // 5) * (pause + 150) + (i % 5) * 20 + draw.uniform(0, 15) for i in range(n)]
    return [(t, "u0@example.com", ip, "failure") for t in times]


@pytest.mark.parametrize(("n", "hit"), [(50, True), (49, False)])
def test_guesses_that_bans_keep_below_ten_in_ten_minutes_are_told_by_the_day(n: int, hit: bool):
    assert told(events(users(3) + banned(n))) == ([("brute_force", "warning", HOSTILE, n)] if hit else [])


def test_a_guesser_below_any_window_is_told_with_the_reason_and_what_helps():
    slow = sl.attacks(events(users(3) + banned(50))).row(0, named=True)
    fast = sl.attacks(events(users(3) + guesses(50, 5.0))).row(0, named=True)
    both = sl.attacks(events(users(3) + guesses(10, 5.0) + [(t + 9000, *rest) for t, *rest in banned(50)]))
    assert [("a ban that is soon over" in f["because"][-1], "let bans grow" in f["advice"]) for f in (slow, fast)] == [
        (True, True),
        (False, False),
    ]
    assert both["advice"].str.contains("counted per address").to_list() == [True]


def test_who_fails_all_day_is_no_guesser_if_it_is_ours_or_a_device():
    assert told(events(users(3) + banned(60, ip="192.0.2.77"))) == []  # a neighbour logs in
    assert told(events(users(3) + banned(60, ip="10.0.0.7"))) == []
    assert told(events(users(3) + guesses(60, 300.0))) == []  # in the rhythm of a device
    assert told(events([(-9000, "u9@example.com", OFFICE, "success"), *banned(60)])) == []  # nobody has that account
    assert told(events(users(3) + [(t * 13, u, i, o) for t, u, i, o in banned(60)])) == []  # over a day


@pytest.mark.parametrize(
    ("addresses", "accounts", "each", "hit"),
    [(100, 5, 1, True), (99, 5, 1, False), (100, 4, 1, False), (100, 5, 2, True), (120, 6, 3, False)],
)
def test_a_hundred_addresses_that_aim_at_five_accounts_once_each_are_a_campaign(
    addresses: int, accounts: int, each: int, hit: bool
):
    """Each tries an account once or twice, so that no ban per address would fire; of three tries it is another story."""
    rows = [
        (600 * i + 7 * k, f"u{i % accounts}@example.com", f"198.51.100.{i}", "failure")
        for i in range(addresses)
        for k in range(each)
    ]
    found = sl.attacks(events(users(9) + rows)).filter(pl.col("kind") == "distributed")
    assert found.select("severity", "n_events", "part_of").rows() == (
        [("warning", addresses * each, None)] if hit else []
    )
    assert found["advice"].str.starts_with("A ban per address never fires").all()


@pytest.mark.parametrize(("addresses", "networks", "hit"), [(100, 50, True), (100, 49, False), (99, 99, False)])
def test_a_hundred_strangers_who_guess_at_one_account_once_each(addresses: int, networks: int, hit: bool):
    """From all over the world; of one or two providers it may be the owner's phone."""
    ips = [f"198.{18 + i % networks}.{100 + i // networks}.{i}" for i in range(addresses)]
    rows = [(7200 * i, "u1@example.com", ip, "failure") for i, ip in enumerate(ips)]
    found = sl.attacks(events(users(9) + rows)).filter(pl.col("kind") == "distributed")
    assert found.select("severity", "user").rows() == ([("warning", "u1@example.com")] if hit else [])
    if hit:
        assert (
            "100 addresses that try once or twice each guessed at u1@example.com: refused 100 times"
            in found["title"][0]
        )


def test_the_phone_of_the_owner_does_not_hide_who_guesses_at_the_account():
    """A phone with an old password fails at a new address every hour, twice as often as the strangers."""
    guessed = [(7200 * i, "u1@example.com", f"198.{20 + i}.9.{i}", "failure") for i in range(100)]
    phone = [(3600 * i, "u1@example.com", f"198.18.{i // 200}.{i % 200}", "failure") for i in range(200)]
    seen = [(-5000, "u1@example.com", "198.18.9.9", "success")]
    found = sl.attacks(events(users(9) + seen + phone + guessed)).filter(pl.col("kind") == "distributed")
    assert found.select("n_events", "user").rows() == [(100, "u1@example.com")]
    assert sl.attacks(events(users(9) + seen + phone)).filter(pl.col("kind") == "distributed").is_empty()


@pytest.mark.parametrize(
    ("addresses", "names", "aimed", "hit"), [(5, 40, 20, 1), (4, 40, 20, 0), (5, 41, 20, 0), (5, 38, 19, 0)]
)
def test_addresses_of_one_network_that_guess_by_turns(addresses: int, names: int, aimed: int, hit: int):
    """Each asks for a name or two a day: no rule per address fires."""
    rows = [(i * 40_000, f"u{i}@example.com", f"203.0.113.{i * addresses // names}", "failure") for i in range(names)]
    subjects = [s for _, _, s, _ in told(events(users(aimed) + rows))]
    assert subjects.count("203.0.113.0/24") == hit
    ours = [(9, "u1@example.com", "203.0.113.200", "success")]
    assert "203.0.113.0/24" not in [s for _, _, s, _ in told(events(users(aimed) + ours + rows))]


def test_names_that_nobody_has_and_a_few_a_day_are_no_campaign():
    strangers = [(600 * i, f"admin{i % 5}", f"198.51.100.{i}", "failure") for i in range(200)]
    slow = [(15_000 * i, f"u{i % 5}@example.com", f"198.51.100.{i}", "failure") for i in range(200)]
    for rows in (strangers, slow):
        assert told(events(users(9) + rows)) == []


def test_without_names_nothing_can_be_told():
    found = sl.attacks(events([(i, None, HOSTILE, "failure") for i in range(30)]))
    assert found.select("kind", "status").rows() == [("spray", "not_assessable")]
    assert "none of 30 failed logins" in found["title"][0]


def test_null_users_and_addresses_are_passed_over():
    rows = [(i, None, HOSTILE, "failure") for i in range(20)] + [
        (i, "u1@example.com", None, "failure") for i in range(20)
    ]
    assert told(events(users(3) + rows)) == []


def test_ties_in_time_and_names_in_any_form():
    rows = [(0, ["u0@example.com", " U0@Example.com "][i % 2], HOSTILE, "failure") for i in range(10)]
    frame = events(users(3) + rows)
    assert told(frame) == [("brute_force", "warning", HOSTILE, 10)]
    assert_frame_equal(sl.attacks(frame.reverse()), sl.attacks(frame))


def test_hostile_names_are_made_safe():
    found = sl.attacks(events(users(3) + guesses(12, 1, "a\x1b[31m\u202eb\n")))
    assert not any(c in found["title"][0] for c in "\x1b\u202e\n")


@pytest.mark.parametrize(
    "how", [{"failures": 0}, {"names": 0}, {"unknown_names": 0}, {"within": "soon"}, {"preset": "x"}]
)
def test_senseless_parameters_are_refused(how: dict[str, Any]):
    with pytest.raises(ValueError, match=f"{next(iter(how))}|preset"):
        sl.attacks(events(guesses(3, 1)), **how)


# ---- campaigns


def lists(*lists: tuple[str, int, list[str]]) -> pl.DataFrame:
    rows = [(f"{p}{i}", n) for p, k, names in lists for i in range(k) for n in names]
    frame = pl.DataFrame(rows, schema=["ip", "name"], orient="row")
    return frame.with_columns(pl.all().cast(pl.Categorical))


def groups(pairs: pl.DataFrame) -> list[list[str]]:
    found = linked(pairs).with_columns(pl.col("ip").cast(pl.String)).sort("ip")
    return sorted(g["ip"].to_list() for _, g in found.group_by("campaign"))


def test_three_shared_names_link_and_two_do_not():
    assert groups(lists(("a", 3, ["x", "y", "z"]))) == [["a0", "a1", "a2"]]
    assert groups(lists(("a", 3, ["x", "y"]))) == []
    assert groups(lists(("a", 2, ["x", "y", "z"]))) == []


def test_a_campaign_is_told_with_its_marks_in_columns_that_can_be_written():
    mark = {"helo": "win-7", "mechanism": "LOGIN"}
    rows = [(h * 3600, f"n{h}", f"203.0.113.{k}", "failure", mark) for k in range(4) for h in range(4)]
    found = sl.attacks(events(users(2) + rows)).filter(kind="distributed")
    assert found.select("n_sources", "n_names", "helo", "mechanism").rows() == [(4, 4, "win-7", "LOGIN")]
    assert found["active_hours"][0].to_list() == ["09", "10", "11", "12"]
    nested = [t for t in found.schema.values() if isinstance(t, pl.List)]
    assert set(nested) == {pl.List(pl.String)}


@pytest.mark.parametrize(
    ("known", "unknown", "severity"), [(20, 20, "warning"), (19, 0, "info"), (20, 21, "info"), (9, 30, "info")]
)
def test_a_slow_campaign_weighs_if_it_works_through_a_list_of_accounts_that_exist(
    known: int, unknown: int, severity: str
):
    """Each of five addresses tries each name once in four days: no account meets ten failures a day."""
    names = [f"u{i}@example.com" for i in range(known)] + [f"x{i}@example.com" for i in range(unknown)]
    rows = [
        ((5 * i + k) * 4 * 86_400 / (5 * len(names)), name, f"203.0.113.{k}", "failure")
        for i, name in enumerate(names)
        for k in range(5)
    ]
    (campaign,) = sl.attacks(events(users(known) + rows)).filter(kind="distributed").to_dicts()
    assert campaign["severity"] == severity
    reason = "Most of these names are accounts that log in: somebody knows them."
    assert (reason in campaign["because"]) == (severity == "warning")


@pytest.mark.parametrize(("others", "one_story"), [(0, True), (9, True), (10, False), (12, False)])
def test_who_guess_at_one_account_by_turns_are_their_campaign(others: int, one_story: bool):
    """Ten addresses of one list, each a try at ann within ten minutes; `others` have no list in common."""
    listed = [
        (h * 3600 + 120 * k, f"n{h}@example.com", f"203.0.113.{k}", "failure") for k in range(10) for h in range(3)
    ]
    at_once = [(9000 + 50 * k, "u0@example.com", f"203.0.113.{k}", "failure") for k in range(10)]
    at_once += [(9001 + 30 * k, "u0@example.com", f"198.51.100.{k}", "failure", {"count": 3}) for k in range(others)]
    found = sl.attacks(events(users(3) + listed + at_once))
    (campaign,) = found.filter(kind="distributed").to_dicts()
    (guess,) = found.filter(kind="brute_force", subject="u0@example.com").to_dicts()
    assert (guess["part_of"] == campaign["finding_id"]) == one_story


def test_lists_that_overlap_by_less_than_a_third_stay_apart():
    common, more = ["x", "y", "z"], [f"n{i}" for i in range(4)]
    assert groups(lists(("a", 3, common + more), ("b", 3, [*common, *(f"m{i}" for i in range(4))]))) == [
        ["a0", "a1", "a2"], ["b0", "b1", "b2"],
    ]  # fmt: skip


def test_names_that_everybody_tries_link_nobody():
    loners = [(f"l{k}", 1, ["admin", "info", "test", *(f"l{k}n{i}" for i in range(4))]) for k in range(60)]
    assert groups(lists(*loners)) == []


def test_components_of_a_long_chain():
    edges = pl.DataFrame({"i": list(range(1, 200)), "i_2": list(range(2, 201))}).with_columns(pl.all().cast(pl.UInt32))
    found = components(edges)
    assert found["component"].unique().to_list() == [1]
    assert found.height == 200


# ---- published rules


def fired(name: str, times: list[float], **columns: Any) -> int:
    n = len(times)
    frame = pl.DataFrame(
        {
            "key": pl.Series(columns.get("key", ["k"] * n), dtype=pl.Categorical),
            "time": [NINE + timedelta(seconds=t) for t in times],
            "account": pl.Series(columns.get("account", ["a"] * n), dtype=pl.Categorical),
            "bad": columns.get("bad", [True] * n),
            "ok": [not b for b in columns.get("bad", [True] * n)],
            "unknown": columns.get("unknown", [False] * n),
            "n": pl.Series(columns.get("n", [1] * n), dtype=pl.UInt32),
        }
    )
    return fires(frame, PRESETS[name]).height


@pytest.mark.parametrize(
    ("name", "times", "n"),
    [
        ("fail2ban", [0, 150, 300, 450, 600], 1),
        ("fail2ban", [0, 150, 300, 450, 601], 0),
        ("fail2ban", [0, 1, 2, 3], 0),
        ("mailcow", [i * 600 for i in range(10)], 1),  # the counter only starts anew after a pause
        ("mailcow", [i * 601 for i in range(10)], 0),
        ("mailcow", [i * 600 for i in range(9)], 0),
        ("wazuh", [0, 0, 0, 0, 0, 0, 0, 120], 1),
        ("wazuh", [0, 0, 0, 0, 0, 0, 0, 121], 0),
        ("crowdsec", [0, 0, 0, 0, 0, 0], 1),  # the sixth overflows a bucket of five
        ("crowdsec", [0, 0, 0, 0, 0], 0),
        ("crowdsec", [0, 0, 0, 0, 0, 10], 0),  # one has leaked by then
        ("crowdsec", [0, 0, 0, 0, 0, 10, 10], 1),
        ("crowdsec", [0, 0, 0, 0, 0, 9000, 9000, 9000, 9000, 9000], 0),  # it does not get emptier than empty
        ("crowdsec-slow", [0, 1200, 2400, 3500], 1),
        ("crowdsec-slow", [0, 1200, 2400, 3600], 0),
        ("crowdsec-time", [0, 1300, 2600, 3900], 1),
        ("crowdsec-time", [0, 100, 200, 300], 0),
        ("splunk", list(range(21)), 1),
        ("splunk", list(range(20)), 0),
    ],
)
def test_a_rule_fires_as_its_makers_say(name: str, times: list[float], n: int):
    assert fired(name, times) == n


def test_rules_on_names_and_on_logins():
    assert fired("sentinel", [0, 300, 600, 900, 1200], account=list("abcde")) == 1
    assert fired("sentinel", [0, 300, 600, 900, 1201], account=list("abcde")) == 0
    assert fired("sentinel", [0, 1, 2, 3, 4, 5], account=list("aabbcc")) == 0
    assert fired("mailu", [0, 1, 2, 3, 4], unknown=[True] * 5, account=list("abcde")) == 1
    assert fired("mailu", [0, 1, 2, 3, 4], unknown=[True] * 4 + [False], account=list("abcde")) == 0
    assert fired("mailu", [0, 1, 2, 3, 4], unknown=[True] * 5, account=list("aabcd")) == 0
    assert fired("sentinel-success", [0, 1, 2, 3, 4, 3600], bad=[True] * 5 + [False]) == 1
    assert fired("sentinel-success", [0, 1, 2, 3, 4, 3601], bad=[True] * 5 + [False]) == 0
    assert fired("sentinel-success", [0, 1, 2, 3, 4, 5], bad=[True, True, False, True, True, False]) == 0


def test_keys_are_counted_apart_and_counts_weigh():
    assert fired("fail2ban", [0, 0, 0, 1, 1, 1], key=["k", "l"] * 3) == 0
    assert fired("fail2ban", [0], n=[5]) == 1
    assert fired("fail2ban", [0], n=[4]) == 0


def test_bans_that_overlap_are_one():
    times = [NINE + timedelta(seconds=s) for s in (0, 300, 2000)]
    got = bans(pl.DataFrame({"key": ["k"] * 3, "time": times}), 600)
    assert [(e - s).total_seconds() for s, e in got.select("start", "end").iter_rows()] == [900.0, 600.0]


def test_whom_a_rule_would_have_hit():
    office = guesses(5, 10, "u1@example.com", OFFICE)
    cut = [(300, "u2@example.com", OFFICE, "success"), (700, "u3@example.com", OFFICE, "success")]
    found = sl.attacks(events(users(4) + office + cut + guesses(40, 5)), preset="fail2ban")
    assert found.select("kind", "severity", "subject", "n_logins_hit").rows() == [
        ("rule_hit", "warning", OFFICE, 1),
        ("rule_hit", "info", "strangers hit by fail2ban", 0),
    ]
    assert found["users_hit"][0].to_list() == ["u2@example.com"]
    assert found["sources"][1].to_list() == [HOSTILE]
    assert found["preset"].unique().to_list() == ["fail2ban"]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_names_its_source_and_runs(name: str):
    assert len(PRESETS[name].source) > 8
    found = sl.attacks(events(users(4) + guesses(60, 2)), preset=name)
    assert found["kind"].cast(pl.String).unique().to_list() in ([], ["rule_hit"])


# ---- towns


@pytest.mark.slow
def test_attacks_of_towns_never_used_for_tuning(tmp_path: Path):
    """Twenty towns, from log lines to findings."""
    pooled = Tally()
    for i, seed in enumerate(range(7001, 7021)):
        pooled.add(attack_of(seed, ATTACKS[i % len(ATTACKS)], tmp_path, users=50))
    assert pooled.true >= 20
    assert pooled.precision >= 0.95, pooled.wrong
    assert pooled.recall >= 0.9, pooled.missed
    assert pooled.errors()[0] < 120


@pytest.mark.parametrize("seed", [7101, 7102])
def test_a_quiet_town_has_no_attack_above_info(seed: int, tmp_path: Path):
    assert attack_of(seed, "quiet", tmp_path, users=50).found == 0


def turns(
    *, extra: int = 0, late: float = 0.0, known: int = 12, sources: int = 4, rounds: int = 4
) -> list[tuple[Any, ...]]:
    """Return one list of 12 names that four addresses hand round in strict turns, so that each has its own three.

    The last address tries `extra` times more, and begins `late` seconds later.
    """
    rows = []
    for k in range(rounds * 12):
        ip = k % sources
        rows.append(
            (100 * k + (late if ip == sources - 1 else 0), f"u{k % 12}@example.com", f"203.0.113.{ip}", "failure")
        )
    end = max(t for t, _, ip, _ in rows if ip == f"203.0.113.{sources - 1}")
    rows += [(end - i, f"u{sources - 1}@example.com", f"203.0.113.{sources - 1}", "failure") for i in range(extra)]
    return users(known) + rows


def test_two_botnets_that_draw_from_lists_of_their_own_all_week_stay_two():
    draw = random.Random(5)
    rows = users(60)
    nets = ("192.0.2.", "198.51.100.")
    for n, net in enumerate(nets):
        names = [f"u{n * 20 + k}@example.com" for k in range(20)]
        for bot in range(20):
            times = sorted(draw.uniform(0, 6 * 86_400) for _ in range(24))
            times = [600.0 * bot, *times[1:-1], 6 * 86_400 - 600.0 * bot]  # all begin and end within one round
            rows += [(t, draw.choice(names), f"{net}{100 + bot}", "failure") for t in times]
    found = sl.attacks(events(rows)).filter(kind="distributed")
    assert sorted(sorted({ip[:-3] for ip in row}) for row in found["sources"].to_list()) == [[net] for net in nets]


@pytest.mark.parametrize(
    ("how", "n"),
    [
        ({}, 4), ({"extra": 1}, 4), ({"extra": 2}, 3),
        ({"late": 300.0}, 4), ({"late": 301.0}, 3),
        ({"known": 11}, 3), ({"sources": 3}, 3), ({"sources": 2}, 0),
    ],
)  # fmt: skip
def test_a_list_that_is_handed_round_in_turns_is_one_campaign(how: dict[str, Any], n: int):
    """They share no name: they begin and end within a round of each other, try equally often, and know our accounts."""
    found = sl.attacks(events(turns(**how))).filter(kind="distributed")
    assert found["n_sources"].to_list() == ([n] if n else [])


def test_strangers_of_every_day_that_begin_together_are_no_campaign():
    rows = [(100 * k, f"x{k % 12}@example.com", f"203.0.113.{k % 4}", "failure") for k in range(48)]
    assert sl.attacks(events(users(12) + rows)).filter(kind="distributed").is_empty()
