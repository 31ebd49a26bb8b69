"""What is easily taken for something else: told by its log lines, and what all detectors may and may not say of it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

import smtplogs as sl
from smtplogs.detect._rhythm import rhythm, schedules
from smtplogs.simulating.server import play
from smtplogs.simulating.stories import FaultySite
from smtplogs.simulating.writing import exim

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ANN, BOB = "ann@example.com", "bob@example.com"
PHONE, DESK, APP, STRANGER = "2001:db8:1::7", "192.0.2.5", "198.51.100.23", "203.0.113.9"
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 16, tzinfo=UTC)
BAD = "535 5.7.8 Error: authentication failed: authentication failure"

Try = tuple[datetime, str, str, bool]


def at(day: float = 0, hour: float = 9, minute: float = 0) -> datetime:
    """Return a moment of the log, which begins on a Monday."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def log(path: Path, tries: Iterable[Try], *more: tuple[datetime, str], reason: str = "(reason unavailable)") -> Path:
    """Write attempts as a session of Postfix each, and any other lines."""
    lines = list(more)
    for i, (moment, user, ip, ok) in enumerate(sorted(tries)):
        peer, tag = f"unknown[{ip}]", f"postfix/submission/smtpd[{1000 + i}]:"
        said = f"{i + 0xA000:X}: client={peer}, sasl_method=PLAIN, sasl_username={user}"
        if not ok:
            said = f"warning: {peer}: SASL PLAIN authentication failed: {reason}, sasl_username={user}"
        counts = "auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8" if ok else "auth=0/1 quit=1 commands=4/5"
        for k, text in enumerate((f"connect from {peer}", said, f"disconnect from {peer} ehlo=2 starttls=1 {counts}")):
            lines.append((moment + timedelta(milliseconds=20 * k), f"{tag} {text}"))
    path.write_text("".join(f"{t:%Y-%m-%dT%H:%M:%S.%f}+00:00 mx {text}\n" for t, text in sorted(lines)))
    return path


def found(path: Path) -> pl.DataFrame:
    """Return what all detectors find in a log."""
    events, coverage, traffic = sl.read(path, full=True)
    return sl.findings(events, coverage=coverage, traffic=traffic).filter(status="found")


def kinds(findings: pl.DataFrame) -> set[str]:
    return set(findings["kind"].cast(pl.String))


def one(findings: pl.DataFrame, kind: str) -> dict[str, Any]:
    """Return the one finding of a kind, with its own columns."""
    row = findings.filter(kind=kind)
    assert row.height == 1, findings.select("kind", "title").rows()
    return row.row(0, named=True) | pl.Series([row["details"][0]]).str.json_decode(infer_schema_length=1).item()


def usual(days: int, *people: tuple[str, str], start: int = 0) -> list[Try]:
    """Let people log in at work, a few times a day."""
    return [
        (at(day, 8 + 2 * k, 7 * i % 60), user, ip, True)
        for day in range(start, days) if day % 7 < 5
        for i, (user, ip) in enumerate(people)
        for k in range(5)
    ]  # fmt: skip


def office(n: int = 12) -> list[tuple[str, str]]:
    return [(f"worker{i}@example.com", f"192.0.2.{100 + i}") for i in range(n)]


# -- clocks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begin", [datetime(2026, 3, 16, tzinfo=BERLIN), datetime(2026, 10, 14, tzinfo=BERLIN)], ids=["spring", "autumn"]
)
@pytest.mark.parametrize("hours", [24, 12, 6, 4, 2])
def test_a_cron_job_keeps_its_rhythm_when_summer_time_begins_or_ends(begin: datetime, hours: int) -> None:
    # adding to a time of a zone moves the clock on the wall, as cron does
    local = [begin + timedelta(hours=3 + hours * k) for k in range(22 * 24 // hours)]
    times = [t.astimezone(UTC) + timedelta(seconds=k % 3) for k, t in enumerate(local)]
    rows = pl.DataFrame({"who": "app", "time": times}, schema_overrides={"time": pl.Datetime("us", "UTC")})
    beat = rhythm(rows, ["who"])

    assert beat.select("regular", "regular_share").row(0) == (True, 1.0)
    assert abs(beat["period_s"][0] - 3600 * hours) <= 3
    assert schedules(rows, beat, ["who"])["schedule"].to_list() == ["clock"]


def test_five_days_of_a_cron_job_are_enough_although_one_gap_is_an_hour_short() -> None:
    local = [datetime(2026, 3, 26 + k, 6, tzinfo=BERLIN) for k in range(5)]
    rows = pl.DataFrame({"who": "app", "time": [t.astimezone(UTC) for t in local]})
    assert rhythm(rows, ["who"]).select("regular", "jump_s").row(0) == (True, -3600.0)


def test_two_jumps_and_jumps_of_another_length_are_no_change_of_clock() -> None:
    for jumps in ({3: 3600, 6: 3600}, {3: 5400}):
        gaps = [86_400 + jumps.get(k, 0) for k in range(8)]
        times = [MONDAY + timedelta(seconds=sum(gaps[:k])) for k in range(9)]
        share = rhythm(pl.DataFrame({"who": "x", "time": times}), ["who"])["regular_share"][0]
        assert math.isclose(share, 1 - len(jumps) / 8)


def test_a_nightly_job_across_summer_time_is_a_forgotten_application(tmp_path: Path) -> None:
    nights = [datetime(2026, 3, 16, 3, 30, tzinfo=BERLIN) + timedelta(days=k) for k in range(24)]
    job = [(t.astimezone(UTC), ANN, APP, k < 9) for k, t in enumerate(nights)]
    findings = found(log(tmp_path / "mail.log", [*job, *usual(24, (ANN, DESK))]))

    app = one(findings, "stale_credential")
    assert (app["client_ip"], app["state"], app["schedule"]) == (APP, "still_failing", "clock")
    assert app["period_s"] == pytest.approx(86_400, abs=2)
    assert app["start"] == job[9][0].replace(microsecond=20_000)


def test_a_change_within_a_gap_of_the_log_is_bounded_by_the_gap(tmp_path: Path) -> None:
    """Nobody knows what happened while nothing was written: the bracket is as wide as the hole."""
    hole = at(4, 0), at(7, 12)
    job = [(at(0, 0, 30 * k), ANN, APP, True) for k in range(4 * 48)]
    job += [(at(7, 12, 30 * k + 5), ANN, APP, False) for k in range(40)]
    people = [t for t in usual(10, (ANN, DESK), *office()) if not hole[0] <= t[0] < hole[1]]
    findings = found(log(tmp_path / "mail.log", [*job, *people]))

    rotation = one(findings, "rotation")
    assert hole[0] - timedelta(hours=1) <= datetime.fromisoformat(rotation["changed_after"]) <= hole[0]
    assert hole[1] <= datetime.fromisoformat(rotation["changed_before"]) <= hole[1] + timedelta(minutes=6)
    assert one(findings, "stale_credential")["client_ip"] == APP
    assert not {"outage", "partial_fault", "network_loss"} & kinds(findings.filter(pl.col("severity") != "info"))


# -- who did it --------------------------------------------------------------------------------------------------------


def test_two_applications_with_the_same_period_are_two(tmp_path: Path) -> None:
    changed = at(2, 10)
    apps = [(at(1, 0, 10 * k + 3 * i), ANN, f"198.51.100.{23 + i}") for k in range(6 * 48) for i in range(2)]
    tries = [(t, user, ip, t < changed) for t, user, ip in apps]
    findings = found(log(tmp_path / "mail.log", [*tries, *usual(4, (ANN, DESK))]))

    told = findings.filter(kind="stale_credential")
    assert sorted(told["client_ip"]) == ["198.51.100.23", "198.51.100.24"]
    assert all("600" in d for d in told["details"])
    rotation = one(findings, "rotation")
    assert (rotation["n_clients"], sorted(rotation["clients"])) == (2, ["198.51.100.23", "198.51.100.24"])


def test_two_applications_behind_one_address_are_told_at_least_as_one(tmp_path: Path) -> None:
    changed = at(2, 10)
    tries = [
        (t, ANN, APP, t < changed)
        for t in (at(1, 0, 10 * k + offset) for k in range(6 * 90) for offset in (0, 3))
    ]  # fmt: skip
    findings = found(log(tmp_path / "mail.log", [*tries, *usual(5, (ANN, DESK))]))

    told = one(findings, "stale_credential")
    assert (told["client_ip"], told["state"]) == (APP, "still_failing")


def nat_victim(*, phone: bool) -> list[Try]:
    """A device in the office keeps ann's old password and locks her account; she works behind the same address."""
    gateway = "192.0.2.1"
    people = [(u, gateway) for u, _ in office(6)]
    tries = usual(5, (ANN, gateway), *people)
    tries += [(at(day, 7, 30 * k), ANN, PHONE, True) for day in range(5) for k in range(20) if phone]
    locked = at(3, 10, 20), at(3, 10, 50)
    tries = [t for t in tries if not (t[1] == ANN and locked[0] <= t[0] < locked[1])]
    tries += [(locked[0] + timedelta(seconds=20 * k), ANN, gateway, False) for k in range(10)]
    if phone:
        tries.append((at(3, 10, 30), ANN, PHONE, False))
    tries.append((at(3, 10, 35), ANN, gateway, False))
    return [*tries, (at(3, 10, 51), ANN, gateway, True)]


def test_a_lock_by_a_neighbour_behind_the_victims_own_address(tmp_path: Path) -> None:
    """The phone proves the lock. Nobody is called an attacker, and the address of the office is no source of attacks."""
    findings = found(log(tmp_path / "mail.log", nat_victim(phone=True)))

    lock = one(findings, "lockout")
    assert (lock["user"], lock["trigger"], lock["trigger_kind"]) == (ANN, "192.0.2.1", "self_inflicted")
    assert PHONE in lock["trusted_refused"]
    assert not {"brute_force", "spray", "distributed", "ip_ban", "takeover"} & kinds(findings)


def test_a_lock_that_only_the_shared_address_met_is_not_claimed(tmp_path: Path) -> None:
    """One address, one account: a neighbour's lock and somebody who mistyped look the same, and no more is said."""
    findings = found(log(tmp_path / "mail.log", nat_victim(phone=False)))

    assert one(findings, "failure_streak")["user"] == ANN
    assert not {"lockout", "brute_force", "spray", "takeover"} & kinds(findings)


def gateway_log(*, outage: bool, spray: bool) -> list[Try]:
    """Thirty people use web mail, one address for all; beside them mail programs of a dozen."""
    gateway = "192.0.2.1"
    people = [(f"web{i}@example.com", gateway) for i in range(30)]
    tries = usual(10, *people, *office())
    down = at(8, 10), at(8, 10, 40)
    if outage:
        tries = [(t, u, ip, ok and not down[0] <= t < down[1]) for t, u, ip, ok in tries]
        extra = [(at(8, 10, m), u, ip, False) for m in range(40) for u, ip in (people + office())[m % 6 :: 6]]
        tries += extra
    if spray:
        names = [u for u, _ in people] + [f"guess{i}@example.com" for i in range(60)]
        tries += [(at(8, 15, 0.1 * k), name, gateway, False) for k, name in enumerate(names * 2)]
    return tries


def test_a_gateway_refused_in_an_outage_is_no_spray(tmp_path: Path) -> None:
    findings = found(log(tmp_path / "mail.log", gateway_log(outage=True, spray=False)))

    assert "outage" in kinds(findings)
    assert not {"spray", "spray_rise", "brute_force", "stuffing", "distributed", "botnet_rise"} & kinds(findings)


def test_a_gateway_sprayed_after_an_outage_is_both_apart(tmp_path: Path) -> None:
    """Somebody guesses through web mail: the address is our own, and blocking it would shut out everybody."""
    findings = found(log(tmp_path / "mail.log", gateway_log(outage=True, spray=True)))

    outage, rise = one(findings, "outage"), one(findings, "spray_rise")
    assert outage["end"] < rise["start"]
    assert rise["client_ip"] == "192.0.2.1"
    assert rise["part_of"] is None
    assert rise["advice"].startswith("Do not block 192.0.2.1: accounts of yours log in from there.")


def lock_amid(n: int, *, back: float) -> list[Try]:
    """An application locks ann out, her phone meets it; meanwhile n others mistype once and are in again after `back` s."""
    people = office(40)
    locked = at(3, 10, 20), at(3, 10, 50)
    tries = [t for t in usual(5, (ANN, DESK), *people) if not (t[1] == ANN and locked[0] <= t[0] < locked[1])]
    tries += [(at(day, 7, 30 * k), ANN, PHONE, True) for day in range(5) for k in range(6)]
    tries += [(at(day, 6), ANN, APP, True) for day in range(3)]
    tries += [(locked[0] + timedelta(seconds=20 * k), ANN, APP, False) for k in range(10)]
    tries += [(at(3, 10, 30), ANN, PHONE, False), (at(3, 10, 41), ANN, PHONE, False), (at(3, 10, 51), ANN, PHONE, True)]
    for k, (user, ip) in enumerate(people[:n]):
        moment = at(3, 10, 22 + k)
        tries += [(moment, user, ip, False), (moment + timedelta(seconds=back), user, ip, True)]
    return tries


@pytest.mark.parametrize(("n", "back", "locked"), [(0, 20, True), (3, 20, True), (12, 20, True), (12, 400, False)])
def test_a_dozen_people_who_mistype_do_not_hide_a_lock(tmp_path: Path, n: int, back: float, locked: bool) -> None:
    """Who is back in seconds mistyped; a dozen who are shut out for minutes, though nobody failed before, are a fault."""
    findings = found(log(tmp_path / "mail.log", lock_amid(n, back=back)))

    assert ("lockout" in kinds(findings)) == locked
    if locked:
        lock = one(findings, "lockout")
        assert (lock["user"], lock["trigger"], lock["trusted_refused"]) == (ANN, APP, [PHONE])


def test_a_person_whose_phone_polls_meanwhile_mistyped_all_the_same(tmp_path: Path) -> None:
    """Five wrong words at the desk; the phone gets in before she does. If she never gets in, somebody should look."""
    for finally_in in (True, False):
        tries = [
            *usual(3, (ANN, DESK), *office()),
            *((at(day, 7, 30 * k), ANN, PHONE, True) for day in range(5) for k in range(20)),
        ]
        tries += [(at(3, 9, 31 + k / 4), ANN, DESK, False) for k in range(6)]
        tries += [(at(3, 9, 35), ANN, DESK, True)] if finally_in else []
        findings = found(log(tmp_path / "mail.log", [*tries, (at(3, 9, 33), ANN, PHONE, True)]))

        streak = one(findings, "failure_streak")
        assert (streak["severity"], streak["recovered_from"]) == ("info" if finally_in else "serious", "other_address")


def test_bans_that_double_are_told_by_their_silences(tmp_path: Path) -> None:
    tries = usual(5, (ANN, DESK), *office())
    for ip, silences in ((STRANGER, (600, 1200, 2400)), ("203.0.113.10", (603, 1204)), ("203.0.113.11", (605,))):
        moment = at(2, 3)
        for silence in (*silences, 0):
            tries += [(moment + timedelta(seconds=10 * k), BOB, ip, False) for k in range(5)]
            moment += timedelta(seconds=40 + silence)
    bans = found(log(tmp_path / "mail.log", tries)).filter(kind="ip_ban")

    told = {row["client_ip"]: row for row in bans.iter_rows(named=True)}
    assert set(told) == {STRANGER, "203.0.113.10", "203.0.113.11"}
    grown = {ip for ip, row in told.items() if any("a ban that grows" in reason for reason in row["because"])}
    assert grown == {STRANGER, "203.0.113.10"}
    assert "for 10 min at first and 40 min in the end" in told[STRANGER]["title"]


@pytest.mark.parametrize("window", [60.0, 30.0])
def test_a_limit_of_thirty_a_minute_is_told_from_thirty_in_half_a_minute(tmp_path: Path, window: float) -> None:
    """Exim prints no limit: both refuse the thirty-first of a burst, and differ in when they let the next one through."""
    site = FaultySite(seed=5, n_users=40, n_days=5)
    site.people()
    site.limit = (30, window)
    for burst in range(8):
        moment = begun = (2 * 24 + 9 + burst) * 3600.0
        while moment < begun + window + 1:
            site.attempt(moment, site.users[0], APP, "right", who="application")
            moment += site.random.uniform(0.3, 0.6)
    (tmp_path / "mainlog").write_text("\n".join(exim(play(site))[0]) + "\n")
    told = sl.throttling(sl.read(tmp_path / "mainlog")).filter(client_ip=APP)

    assert told.select("limit_n", "limit_method").unique().rows() == [(30, "inferred")]
    assert told["limit_window_s"].unique().to_list() == [pytest.approx(window, rel=0.05)]


def test_five_typing_mistakes_are_a_streak(tmp_path: Path) -> None:
    tries = [
        *usual(5, (ANN, DESK)),
        *((at(3, 9, k / 3), ANN, DESK, False) for k in range(5)),
        (at(3, 9, 2), ANN, DESK, True),
    ]
    findings = found(log(tmp_path / "mail.log", tries))

    assert (kinds(findings), findings["severity"].to_list()) == ({"failure_streak"}, ["info"])


def test_a_repaired_application_is_no_takeover(tmp_path: Path) -> None:
    """Failures, then logins and a burst of mail that had waited: its address was known."""
    tries = [(at(day, 0, 15 * k), ANN, APP, day != 3) for day in range(5) for k in range(96)]
    tries += [(at(4, 0, 0.3 * k), ANN, APP, True) for k in range(100)]
    findings = found(log(tmp_path / "mail.log", [*tries, *usual(5, (ANN, DESK), *office())]))

    assert one(findings, "stale_credential")["state"] == "repaired"
    assert not {"takeover", "brute_force"} & kinds(findings)


def test_an_application_that_made_most_logins_and_is_refused_is_no_lost_network(tmp_path: Path) -> None:
    """Logins fall to a tenth, but the client whose they were is there: it fails."""
    changed = at(8, 10)
    app = [(at(0, 0, k), ANN, APP, at(0, 0, k) < changed) for k in range(9 * 1440)]
    findings = found(log(tmp_path / "mail.log", [*app, *usual(9, (ANN, DESK), *office(6))]))

    assert one(findings, "stale_credential")["client_ip"] == APP
    assert not {"network_loss", "log_hole", "outage"} & kinds(findings)


# -- words that mislead ------------------------------------------------------------------------------------------------


def test_an_outage_as_pure_535_is_an_outage(tmp_path: Path) -> None:
    people = office(20)
    tries = [(t, u, ip, not at(8, 10) <= t < at(8, 11)) for t, u, ip, _ in usual(10, *people)]
    tries += [(at(8, 10, m), u, ip, False) for m in range(60) for u, ip in people[m % 5 :: 5]]
    findings = found(log(tmp_path / "mail.log", tries))

    outage = one(findings, "outage")
    assert (outage["severity"], outage["shown_as"]) == ("serious", "refusal")
    assert not {"lockout", "spray", "distributed", "stale_credential"} & kinds(findings)


def test_a_relay_denied_with_454_is_neither_an_outage_nor_a_failed_login(tmp_path: Path) -> None:
    """A device that never logs in is deferred for ever: temporary by its code, by its cause it is not."""
    tag, peer = "postfix/submission/smtpd", f"unknown[{DESK}]"
    lines = []
    for k in range(200):
        text = (
            f"connect from {peer}",
            f"NOQUEUE: reject: RCPT from {peer}: 454 4.7.1 <b@example.net>: Relay access denied; "
            "from=<a@example.com> to=<b@example.net> proto=ESMTP helo=<printer>",
            f"disconnect from {peer} ehlo=2 starttls=1 mail=1 rcpt=0/1 quit=1 commands=5/6",
        )
        lines += [(at(1, 9, 3 * k), f"{tag}[{100 + k}]: {line}") for line in text]
    path = log(tmp_path / "mail.log", usual(5, (ANN, DESK), *office()), *lines)
    findings = found(path)

    refused = sl.read(path).filter(cause="relay_denied")
    assert (refused.height, set(refused["outcome"])) == (200, {"refused"})
    assert one(findings, "no_login")["client_ip"] == DESK
    assert not {"outage", "partial_fault", "lockout", "failure_streak"} & kinds(findings)


def relayed(path: Path, said: str, n: int = 12) -> pl.DataFrame:
    """Return what is found where a relay answers our login so, to mails tried again and again."""
    to = "to=<eve@example.net>, relay=smtp.example.net[192.0.2.200]:587, delay=9, delays=1/0/1/0"
    host = "server smtp.example.net[192.0.2.200]"
    lines = [
        (at(1, 9, 20 * k), f"postfix/smtp[77]: {0xC000 + k % 3:X}: {to}, dsn=4.7.8, status=deferred "
         f"(SASL authentication failed; {host} said: {said})")
        for k in range(n)
    ]  # fmt: skip
    sent = [
        (
            at(0, 9, 20 * k),
            f"postfix/smtp[77]: {0xB000 + k:X}: {to}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as X)",
        )
        for k in range(n)
    ]
    return found(log(path, [], *lines, *sent))


def test_a_535_that_postfix_defers_is_told_as_a_refused_login_at_the_relay(tmp_path: Path) -> None:
    refusal = one(relayed(tmp_path / "mail.log", BAD), "relay_refusal")

    assert (refusal["cause"], refusal["severity"], refusal["relay_host"]) == (
        "bad_credentials", "serious", "smtp.example.net",
    )  # fmt: skip
    assert refusal["n_deferred"] == 3


def test_locked_by_security_defaults_is_a_rule_and_no_lock(tmp_path: Path) -> None:
    said = (
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. "
        "Contact your administrator. [XX0PR00CA0001.example.com 2026-03-17T09:00:00.000Z 00AA11BB]"
    )
    findings = relayed(tmp_path / "mail.log", said)

    assert one(findings, "relay_refusal")["cause"] == "auth_disabled_by_policy"
    assert "lockout" not in kinds(findings)


def test_the_servers_prompt_is_neither_a_reason_nor_a_secret(tmp_path: Path) -> None:
    """Postfix before 3.9 prints the last prompt of the server, in base64, as the reason."""
    tries = [*usual(3, (ANN, DESK)), *((at(2, 9, k / 4), ANN, DESK, False) for k in range(6))]
    path = log(tmp_path / "mail.log", tries, reason="UGFzc3dvcmQ6")
    refused = sl.read(path).filter(outcome="failure")

    assert refused.select("cause", "basis").unique().rows() == [("bad_credentials", "assumed")]
    assert refused["redacted"].null_count() == 6
    assert "secret_in_log" not in kinds(found(path))


def test_a_secret_in_exims_main_log_is_told_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "mainlog"
    secret = "AGFubkBleGFtcGxlLmNvbQBwbGFudGVkLXNlY3JldA=="
    path.write_text(
        f'2026-03-16 09:00:00 SMTP protocol error in "AUTH PLAIN {secret}" H=(pc-7) [192.0.2.5] '
        "AUTH command used when not advertised\n"
    )
    events = sl.read(path)
    findings = sl.findings(events)

    told = one(findings.filter(status="found"), "secret_in_log")
    assert told["evidence"] == [f"{path}:1"]
    for frame in (events, findings, sl.evidence(findings, events)):
        assert secret not in frame.write_json()
        assert "planted-secret" not in frame.write_json()
