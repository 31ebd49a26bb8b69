"""Bans by silence and accounts shut by hand: both are neighbours of a lock and told by `lockouts`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from hand_made import events
from score_detectors import banned

if TYPE_CHECKING:
    from pathlib import Path

IP, ANN, HOME = "203.0.113.5", "ann@example.com", "192.0.2.7"


def bursts(silences: list[float], *, n: int = 5, gap: float = 10, ip: str = IP) -> list[tuple[Any, ...]]:
    """Return bursts of failures with these silences between them."""
    rows, at = [], 0.0
    for silence in [*silences, 0]:
        rows += [(at + i * gap, ANN, ip, "failure") for i in range(n)]
        at += (n - 1) * gap + silence
    return rows


def bans(rows: list[tuple[Any, ...]], **constant: Any) -> list[dict[str, Any]]:
    return sl.lockouts(events(rows, **constant)).filter(pl.col("kind") == "ip_ban").to_dicts()


def test_three_silences_of_one_length_are_a_ban_and_two_are_not():
    (f,) = bans(bursts([601, 605, 603]))
    assert (f["severity"], f["client_ip"], f["n_bans"]) == ("info", IP, 3)
    assert f["ban_s"] == 603
    assert bans(bursts([601, 605])) == []


@pytest.mark.parametrize(("last", "hit"), [(630, True), (632, False)])
def test_they_agree_within_five_percent(last: float, hit: bool):
    assert bool(bans(bursts([601, 610, last]))) == hit


def test_short_silences_slow_clients_and_few_failures_are_none():
    assert bans(bursts([59, 59, 59])) == []
    assert bans(bursts([601] * 4, gap=125)) == []
    assert bans(bursts([601] * 4, n=4)) == []


def test_a_tool_that_pauses_as_it_likes_agrees_with_itself_by_chance_only():
    assert bans(bursts([300, 301, 302, 700, 1100, 1600, 2100, 2700, 3500])) == []


def test_bans_that_double():
    rows = bursts([600, 1200, 2400]) + bursts([602, 1204], ip="203.0.113.6") + bursts([605], ip="203.0.113.7")
    told = {f["client_ip"]: f for f in bans(rows)}
    assert set(told) == {IP, "203.0.113.6", "203.0.113.7"}
    assert told[IP]["n_bans"] == 3
    assert any("double" in reason for reason in told[IP]["because"])
    assert "for 10 min at first and 40 min in the end" in told[IP]["title"]
    assert not any("double" in reason for reason in told["203.0.113.7"]["because"])


def test_an_address_of_our_own_is_a_warning():
    (f,) = bans([(-9000, ANN, IP, "success"), *bursts([601, 605, 603])])
    assert (f["severity"], f["user"], f["confidence"]) == ("warning", ANN, "medium")
    assert ANN in f["advice"]


@pytest.mark.parametrize(("n", "works"), [(9, True), (10, False)])
def test_who_comes_back_after_ten_bans_needs_longer_ones(n: int, works: bool):
    (f,) = bans(bursts([601] * n))
    assert (f["advice"] == "Nothing needs to be done: the ban works.") == works
    assert ("let bans grow" in f["advice"]) != works


def test_a_log_of_bans_is_believed():
    ban = {"stage": "session", "cause": "too_many_errors", "duration_s": 3600.0}
    (f,) = bans([(0, None, IP, "throttled", ban), (9000, None, IP, "throttled", ban)])
    assert (f["n_bans"], f["ban_s"], f["confidence"]) == (2, 3600.0, "high")
    assert f["evidence"] == ["mail.log:1", "mail.log:2"]


def test_many_strangers_are_one_finding():
    rows = [row for k in range(11) for row in bursts([601, 605, 603], ip=f"203.0.113.{k}")]
    (f,) = bans(rows)
    assert (f["subject_kind"], f["n_sources"], f["n_bans"]) == ("campaign", 11, 33)


def disabled(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    found = sl.lockouts(events(rows))
    return found.filter(pl.col("kind") == "lockout").to_dicts()


def test_an_account_shut_by_hand():
    shut = {"cause": "account_disabled"}
    rows = [(-60, ANN, HOME, "success"), (0, ANN, HOME, "failure", shut), (300, ANN, HOME, "failure", shut)]
    (f,) = disabled(rows)
    assert (f["trigger_kind"], f["cause"], f["severity"], f["end"]) == (
        "administrator",
        "account_disabled",
        "warning",
        None,
    )
    assert f["n_events"] == 2
    (f,) = disabled([*rows, (900, ANN, HOME, "success")])
    assert "until it worked again" in f["title"]
    assert disabled(rows[1:]) == []


@pytest.mark.slow
def test_every_ban_told_of_a_simulated_town_was_one(tmp_path: Path):
    """Every ban that is told was one, of the right length; without bans none is told."""
    for seed in (9201, 9202, 9203):
        place, told = banned(seed, tmp_path)
        truth = {ip for ip, *_ in place.bans}
        assert told.height >= 3
        assert set(told["client_ip"].drop_nulls()) <= truth
        assert ((told["ban_s"] - 600).abs() <= 30).all()
        assert banned(seed, tmp_path, seconds=None)[1].is_empty()


def test_the_length_of_a_ban_is_told_by_the_unban_of_the_same_jail() -> None:
    found = sl.lockouts(sl.read(sl.sample("bans/cut-off")))
    bans = found.filter(pl.col("kind") == "ip_ban")

    assert dict(bans.select("client_ip", "ban_s").rows()) == {
        "203.0.113.9": 900.0,  # the median of ten and twenty minutes
        "203.0.113.20": 14_400.0,
        "198.51.100.42": 3_600.0,
    }


def test_a_ban_that_another_jail_ends_or_nobody_has_no_length(tmp_path: Path) -> None:
    log = tmp_path / "fail2ban.log"
    line = "2026-11-03 09:0{}:00,000 fail2ban.actions [42]: NOTICE  [{}] {} 203.0.113.9\n"
    log.write_text(line.format(0, "postfix-sasl", "Ban") + line.format(5, "dovecot", "Unban"))

    events = sl.read(log)

    assert events["outcome"].to_list() == ["throttled", "info"]
    assert sl.lockouts(events).filter(pl.col("kind") == "ip_ban").is_empty()


LINE = "2026-11-03 {}:00,000 fail2ban.{} [42]: NOTICE  [{}] {}\n"


def of_fail2ban(path: Path, *lines: tuple[str, str], jail: str = "postfix-sasl") -> list[dict[str, Any]]:
    """Return the bans that are told of lines of one jail, by minute; the observer writes those on growing bans."""
    who = ("observer", "actions")
    path.write_text("".join(LINE.format(at, who["Increase" not in text], jail, text) for at, text in lines))
    return sl.lockouts(sl.read(path)).filter(pl.col("kind") == "ip_ban").to_dicts()


@pytest.mark.parametrize("order", [1, -1])
def test_a_ban_that_grew_lasts_as_long_as_the_observer_says(tmp_path: Path, order: int) -> None:
    """The two lines are written by two threads: either may come first."""
    lines = [("09:00", f"Ban {IP}"), ("09:00", f"Increase Ban {IP} (3 # 2h 30m -> 2026-11-03 11:30:00)")]
    (ban,) = of_fail2ban(tmp_path / "fail2ban.log", *lines[::order])

    assert (ban["n_bans"], ban["ban_s"]) == (1, 9000.0)
    assert ban["end"] - ban["start"] == timedelta(hours=2, minutes=30)


def test_an_unban_proves_more_than_the_observer_says(tmp_path: Path) -> None:
    (ban,) = of_fail2ban(
        tmp_path / "fail2ban.log",
        ("09:00", f"Ban {IP}"),
        ("09:00", f"Increase Ban {IP} (2 # 20m -> 2026-11-03 09:20:00)"),
        ("09:12", f"Unban {IP}"),
    )
    assert ban["ban_s"] == 720.0


def test_each_ban_grows_by_itself_and_for_ever_is_no_length(tmp_path: Path) -> None:
    (ban,) = of_fail2ban(
        tmp_path / "fail2ban.log",
        ("09:00", f"Ban {IP}"),
        ("09:10", f"Unban {IP}"),
        ("10:00", f"Ban {IP}"),
        ("10:00", f"Increase Ban {IP} (2 # 20m -> 2026-11-03 10:20:00)"),
        ("10:20", f"Unban {IP}"),
        ("11:00", f"Ban {IP}"),
        ("11:00", f"Increase Ban {IP} (3 # permanent -> infinite)"),
    )
    assert (ban["n_bans"], ban["ban_s"]) == (2, 900.0)


def _bans_of(*minutes: int, jail: str = "postfix-sasl") -> list[str]:
    """Return lines of bans of one address, one an hour, each lifted after so many minutes."""
    pairs = [(8 + k, n, text) for k, n in enumerate(minutes) for n, text in ((0, f"Ban {IP}"), (n, f"Unban {IP}"))]
    return [LINE.format(f"{hour + n // 60:02}:{n % 60:02}", "actions", jail, text) for hour, n, text in pairs]


@pytest.mark.parametrize(
    ("minutes", "grows"),
    [
        ((10, 20, 40), True), ((10, 15), True), ((10, 14), False), ((10, 10, 10), False), ((10, 20, 20), True),
        ((10, 20, 10), False), ((40, 20, 10), False),
    ],
)  # fmt: skip
def test_bans_that_fail2ban_lets_grow_are_told_as_such(tmp_path: Path, minutes: tuple[int, ...], grows: bool) -> None:
    log = tmp_path / "fail2ban.log"
    log.write_text("".join(_bans_of(*minutes)))
    (ban,) = sl.lockouts(sl.read(log)).filter(pl.col("kind") == "ip_ban").to_dicts()

    assert ("The bans grow with each repetition." in ban["because"]) == grows
    assert (f"for {min(minutes)} min at first and {max(minutes)} min in the end" in ban["title"]) == grows


def test_bans_of_two_jails_do_not_grow(tmp_path: Path) -> None:
    log = tmp_path / "fail2ban.log"
    log.write_text("".join(sorted(_bans_of(10) + [t.replace(" 08:", " 09:") for t in _bans_of(40, jail="postfix")])))
    (ban,) = sl.lockouts(sl.read(log)).filter(pl.col("kind") == "ip_ban").to_dicts()

    assert (ban["n_bans"], ban["because"]) == (2, ["The log of bans says so."])


@pytest.mark.parametrize("stopped", [[("09:20", f"Unban {IP}")], []], ids=["lifted at the stop", "not lifted"])
def test_a_ban_that_is_restored_after_a_restart_goes_on(tmp_path: Path, stopped: list[tuple[str, str]]) -> None:
    (ban,) = of_fail2ban(
        tmp_path / "fail2ban.log",
        ("09:00", f"Ban {IP}"),
        *stopped,
        ("09:21", f"Restore Ban {IP}"),
        ("09:40", f"Restore Ban {IP}"),
        ("10:00", f"Unban {IP}"),
    )
    assert (ban["n_bans"], ban["ban_s"]) == (1, 3600.0)


def test_a_ban_whose_beginning_is_in_an_older_log_begins_where_it_is_restored(tmp_path: Path) -> None:
    (ban,) = of_fail2ban(tmp_path / "fail2ban.log", ("09:00", f"Restore Ban {IP}"), ("09:30", f"Unban {IP}"))

    assert (ban["n_bans"], ban["ban_s"], ban["n_events"]) == (1, 1800.0, 1)
    assert ban["evidence"][0].endswith("fail2ban.log:1")


def test_growing_and_restored_bans_of_other_jails_are_none_of_ours(tmp_path: Path) -> None:
    lines = [("09:00", f"Restore Ban {IP}"), ("09:01", f"Increase Ban {IP} (2 # 20m -> 2026-11-03 09:21:00)")]
    assert of_fail2ban(tmp_path / "fail2ban.log", *lines, jail="sshd") == []


def test_a_job_that_tries_twice_every_five_minutes_is_not_banned_in_between():
    assert bans(bursts([290] * 20, n=2, gap=10)) == []
    assert len(bans(bursts([290] * 20, n=5, gap=10))) == 1


def test_people_who_give_up_in_an_outage_agree_by_chance():
    """Three silences, of two addresses of ours; a third of one of them, or three of a stranger, bear them out."""
    logins = [(-100 - i, ANN, ip, "success") for i, ip in enumerate((HOME, "192.0.2.8"))]
    two = bursts([1055, 1057], ip=HOME) + bursts([1050], ip="192.0.2.8") + logins
    assert bans(two) == []
    three = bursts([1055, 1057, 1056], ip=HOME) + bursts([1050], ip="192.0.2.8") + logins
    assert [f["client_ip"] for f in bans(three)] == [HOME]
    told = {f["client_ip"]: f["severity"] for f in bans(two + bursts([1051, 1052, 1053]))}
    assert told == {HOME: "warning", "192.0.2.8": "warning", IP: "info"}
