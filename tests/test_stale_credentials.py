"""Forgotten applications: since when, how often, when the secret changed; what is none; on hand-made frames."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from small_events import ANN, APP, BOB, HOME, NINE, STRANGER, events, kinds, only, shuffled, tries
from smtplogs.detect.forgotten import COLUMNS, stale_credentials
from smtplogs.errors import MissingColumns
from smtplogs.schema import EVENTS, FINDINGS, dtypes, empty

HOURLY = [60.0 * k for k in range(1, 13)]
EARLIER = [-60.0 * k for k in (5, 4, 3)]


def forgotten(
    failures: list[float] | None = None, *, before: int = 3, elsewhere: tuple[float, ...] = (90, 400)
) -> pl.DataFrame:
    """Return an application that worked, and then fails every hour while ann's computer logs in."""
    return events(
        *tries(ANN, APP, EARLIER[:before]),
        *tries(ANN, APP, HOURLY if failures is None else failures, "failure"),
        *tries(ANN, HOME, [-200, -100, *elsewhere]),
    )


def stale(frame: pl.DataFrame, **how) -> pl.DataFrame:
    """Return the findings but rotations."""
    return stale_credentials(frame, **how).filter(pl.col("kind") != "rotation")


def test_a_client_that_fails_regularly_while_the_account_works_is_forgotten():
    found = only(stale(forgotten()))
    expected = {
        "kind": "stale_credential",
        "severity": "warning",
        "confidence": "high",
        "subject_kind": "client",
        "subject": f"{ANN} at {APP}",
        "user": ANN,
        "client_ip": APP,
        "start": NINE + timedelta(hours=1),
        "end": NINE + timedelta(hours=12),
        "n_events": 12,
        "cause": "bad_credentials",
        "state": "still_failing",
        "last_ok": NINE - timedelta(hours=3),
        "repaired_at": None,
        "n_elsewhere": 2,
        "period_s": 3600.0,
        "regular_share": 1.0,
        "n_ticks": 12,
        "n_missed": 0,
        "schedule": "clock",
        "failure_share": 1.0,
        "trips_limits": False,
        "fix_order": 1,
        "changed_after": NINE - timedelta(hours=3),
        "changed_before": NINE + timedelta(hours=1),
        "title": f"A client or application at {APP} still uses an old password of {ANN}: it worked until 2026-02-03 06:00 "
        "UTC, was refused 12 times since 2026-02-03 10:00 UTC, every 60 min.",
    }
    assert {name: found[name] for name in expected} == expected
    assert found["evidence"] == [f"mail.log:{i}" for i in range(3, 16)]


def test_the_change_is_told_as_rotation():
    found = only(stale_credentials(forgotten()).filter(pl.col("kind") == "rotation"))
    assert (found["subject"], found["severity"], found["clients"], found["repaired"]) == (ANN, "info", [APP], [])
    assert (found["start"], found["end"]) == (NINE - timedelta(hours=3), NINE + timedelta(hours=1))
    assert "the client that failed then still fails" in found["title"]


def test_two_clients_narrow_the_moment_of_the_change():
    other = [*tries(ANN, STRANGER, [-20, -10, -1]), *tries(ANN, STRANGER, [7 + 30.0 * k for k in range(20)], "failure")]
    found = stale_credentials(pl.concat([forgotten(), events(*other)]))
    rotation = only(found.filter(pl.col("kind") == "rotation"))
    assert (rotation["changed_after"], rotation["changed_before"]) == (
        NINE - timedelta(minutes=1),
        NINE + timedelta(minutes=7),
    )
    assert (rotation["confidence"], rotation["n_clients"]) == ("high", 2)
    order = found.filter(pl.col("kind") == "stale_credential").sort("fix_order")
    assert order["client_ip"].to_list() == [STRANGER, APP]  # 20 failures before 12


@pytest.mark.parametrize(("n", "told"), [(5, False), (6, True)])
def test_six_failures_are_enough(n: int, told: bool):
    assert stale(forgotten(HOURLY[:n])).height == told
    assert stale(forgotten(HOURLY[:n]), failures=n).height == 1


@pytest.mark.parametrize(("before", "kind"), [(3, ["stale_credential"]), (2, [])])
def test_a_client_worked_if_it_logged_in_three_times(before: int, kind: list[str]):
    assert kinds(stale(forgotten(before=before))) == kind
    assert kinds(stale(forgotten(before=before), successes=before)) == ["stale_credential"]


def test_four_of_five_gaps_must_keep_the_period():
    # five gaps: four and five of an hour against three of them
    steady = [60, 120, 180, 240, 300, 337]
    uneven = [60, 120, 180, 240, 277, 314.5]
    assert only(stale(forgotten(steady)))["regular_share"] == 0.8
    assert stale(forgotten(uneven)).is_empty()


def test_retries_within_a_quarter_of_a_minute_are_one_try():
    failures = [m + s for m in HOURLY for s in (0, 0.1, 0.2)]
    found = only(stale(forgotten(failures)))
    assert (found["n_events"], found["n_ticks"], found["period_s"]) == (36, 12, 3600.0)


def test_missed_tries_are_counted():
    found = only(stale(forgotten([*HOURLY[:5], *HOURLY[7:]])))
    assert (found["n_ticks"], found["n_missed"], found["period_s"]) == (10, 2, 3600.0)


def test_two_bursts_hours_apart_are_no_rhythm():
    """A phone that met two locks: it kept a pace of a minute in each, and nothing between."""
    assert stale(forgotten([100, 101, 102, 103, 300, 301, 302, 303], elsewhere=(200, 350))).is_empty()


def test_what_fails_with_the_whole_account_must_last_longer_than_locks_and_outages():
    short, long = ([10.0 * k for k in range(1, n)] for n in (37, 38))  # 5 h 50 min, 6 h
    assert stale(forgotten(short, elsewhere=())).is_empty()
    assert only(stale(forgotten(long, elsewhere=())))["confidence"] == "medium"
    assert only(stale(forgotten(short, elsewhere=(90,))))["confidence"] == "high"


@pytest.mark.parametrize(("last", "told"), [(721, True), (719, False)])
def test_an_uneven_application_is_told_after_a_night(last: float, told: bool):
    uneven = [1, 13, 100, 130, 290, 300, 400, 477, 600, last]
    found = stale(forgotten(uneven, elsewhere=(50, 800)))
    assert found.height == told
    if told:
        assert (found["period_s"][0], found["confidence"][0]) == (None, "medium")


def test_a_repaired_client_is_information():
    found = only(stale(pl.concat([forgotten(), events(*tries(ANN, APP, [800]))])))
    assert (found["state"], found["severity"], found["fix_order"]) == ("repaired", "info", None)
    assert found["repaired_at"] == NINE + timedelta(minutes=800)
    assert found["title"].endswith("it logs in again since 2026-02-03 22:20 UTC.")


@pytest.mark.parametrize(("hours", "state"), [(24, "still_failing"), (24.1, "stopped")])
def test_a_client_that_is_silent_for_a_day_has_stopped(hours: float, state: str):
    later = events(*tries(ANN, HOME, [720 + 60 * hours]))
    assert only(stale(pl.concat([forgotten(), later])))["state"] == state


def test_five_failures_in_a_quarter_of_an_hour_can_trip_limits():
    assert only(stale(forgotten([3.75 * k for k in range(1, 30)])))["trips_limits"] is True
    assert only(stale(forgotten([3.76 * k for k in range(1, 30)])))["trips_limits"] is False


def test_failures_count_as_often_as_count_says():
    frame = forgotten(HOURLY[:5]).with_columns(
        pl.when(pl.col("outcome") == "failure").then(2).otherwise(1).cast(pl.UInt32).alias("count")
    )
    assert only(stale(frame))["n_events"] == 10


@pytest.mark.parametrize("cause", ["account_locked", "account_disabled", "oauth_required"])
def test_another_reason_than_the_secret_is_no_old_password(cause: str):
    said = pl.when(pl.col("outcome") == "failure").then(pl.lit(cause)).otherwise(pl.col("cause").cast(pl.String))
    assert stale(forgotten().with_columns(said.cast(EVENTS["cause"].dtype).alias("cause"))).is_empty()


def test_a_blank_at_the_end_of_the_name_is_no_old_password():
    odd = pl.when(pl.col("outcome") == "failure").then(pl.col("user") + " ").otherwise("user")
    assert stale(forgotten().with_columns(odd.alias("user"))).is_empty()


def test_names_in_other_letters_are_one_account():
    odd = pl.when(pl.col("client_ip") == HOME).then(pl.col("user").str.to_uppercase()).otherwise("user")
    assert only(stale(forgotten().with_columns(odd.alias("user"))))["n_elsewhere"] == 2


def test_the_domain_before_a_backslash_is_no_other_account():
    r"""Exchange writes `CORP\ann` when it accepts a login, and what was typed when it refuses one."""
    good = pl.col("outcome") == "success"
    odd = pl.when(good).then(pl.lit("CORP\\Ann")).otherwise(pl.lit("ann"))
    assert only(stale(forgotten().with_columns(odd.alias("user"))))["n_elsewhere"] == 2


def test_many_accounts_that_turn_at_once_are_a_change_of_rule():
    parts = [
        forgotten().with_columns(
            pl.col("user").str.replace("ann", f"ann{i}"), (pl.col("client_ip") + str(i)).alias("client_ip")
        )
        for i in range(5)
    ]
    assert set(stale(pl.concat(parts))["severity"]) == {"info"}
    assert set(stale(pl.concat(parts[:4]))["severity"]) == {"warning"}


@pytest.mark.parametrize(("n", "hours", "told"), [(50, 24, True), (49, 24, False), (50, 23.9, False)])
def test_a_client_that_fails_at_uneven_times_where_nobody_else_logs_in(n: int, hours: float, told: bool):
    """It locks the account for all others, or the account is closed: after a day of fifty refusals it is told."""
    minutes = [60 * hours * (k / (n - 1)) ** 2 for k in range(n)]
    frame = events(*tries(ANN, APP, EARLIER), *tries(ANN, APP, [5 + m for m in minutes], "failure"))
    found = stale(frame)
    assert kinds(found) == (["stale_credential"] if told else [])
    if told:
        assert "No other client of the account is seen to log in meanwhile" in " ".join(only(found)["because"])


def test_one_program_of_two_behind_an_address():
    """Failures every half hour, logins of a person between them: one of two programs has a wrong password."""
    frame = events(
        *tries(ANN, APP, [-30, -20, -10, *(45.0 + 97 * k for k in range(10))]),
        *tries(ANN, APP, [30.0 * k for k in range(1, 30)], "failure"),
    )
    found = only(stale(frame))
    assert (found["kind"], found["confidence"], found["changed_after"]) == ("stale_credential", "medium", None)
    assert found["title"].startswith(f"One program at {APP} keeps trying {ANN} with a wrong password every 30 min")


# -- never worked ------------------------------------------------------------------------------------------------------


def never(ip: str = "10.0.0.9", **how) -> pl.DataFrame:
    """Return a device that tries ann's account every half an hour and never gets in."""
    frame = events(*tries(ANN, HOME, [-20, 800]), *tries(ANN, ip, [30.0 * k for k in range(1, 9)], "failure"))
    return stale_credentials(frame, **how)


def test_a_device_of_ours_that_never_got_in():
    found = only(never())
    assert (found["kind"], found["severity"], found["confidence"], found["last_ok"]) == (
        "never_worked",
        "warning",
        "medium",
        None,
    )
    assert "tries ann@example.com every 30 min and was not seen to log in: refused 8 times" in found["title"]
    assert only(never(STRANGER))["severity"] == "info"
    assert only(never(STRANGER, networks=("203.0.113.0/24",)))["severity"] == "warning"
    assert only(never("192.0.2.77"))["severity"] == "warning"  # a neighbour of ann's computer


def test_a_week_of_log_before_makes_it_never():
    old = events({"at": -60 * 24 * 8, "user": BOB, "client_ip": HOME})
    frame = pl.concat(
        [old, events(*tries(ANN, HOME, [-20]), *tries(ANN, "10.0.0.9", [30.0 * k for k in range(8)], "failure"))]
    )
    assert "and never logged in" in only(stale_credentials(frame))["title"]


def test_guessers_are_no_clients_that_never_worked():
    steady = [30.0 * k for k in range(1, 9)]
    known = tries(ANN, HOME, [-20, 800])
    three = [t for i in range(3) for t in tries(f"name{i}@example.com", STRANGER, steady, "failure")]
    assert stale_credentials(events(*known, *three)).is_empty()
    fast = tries(ANN, STRANGER, [0.5 * k for k in range(200)], "failure")
    assert stale_credentials(events(*known, *fast)).is_empty()
    nobody = tries("ghost@example.org", STRANGER, steady, "failure")
    assert stale_credentials(events(*known, *nobody)).is_empty()


MONITOR = "monitor@example.com"


def probe(user: str = MONITOR, tries_: int = 300, every: float = 5.0, **more) -> pl.DataFrame:
    """Return a probe that asks with a name nobody logs in with, while ann logs in."""
    asked = tries(user, STRANGER, [every * k for k in range(tries_)], "failure", **more)
    return events(*tries(ANN, HOME, [-20, 800]), *asked)


def test_a_probe_of_a_mailbox_in_our_domain_that_nobody_uses():
    found = only(stale_credentials(probe()))
    assert (found["kind"], found["severity"], found["confidence"]) == ("never_worked", "info", "low")
    assert "monitor@example.com is not seen to log in from anywhere" in " ".join(found["because"])
    assert stale_credentials(probe("monitor@example.org")).is_empty()
    assert stale_credentials(probe("monitor")).is_empty()
    assert stale_credentials(probe(tries_=288)).is_empty()  # five minutes less than a day
    assert stale_credentials(probe(tries_=289)).height == 1
    assert stale_credentials(probe(tries_=23, every=90.0)).is_empty()


def test_the_name_of_an_address_ties_it_to_us():
    found = only(stale_credentials(probe(client_name="mon.example.com")))
    assert (found["severity"], found["confidence"]) == ("warning", "medium")
    assert "The address is mon.example.com, a name in a domain of yours." in found["because"]
    for other in ("unknown", "mon.example.com.example.net", "monexample.com"):
        assert only(stale_credentials(probe(client_name=other)))["severity"] == "info"


@pytest.mark.parametrize(
    ("every", "days", "severity"), [(28.0, 3.1, "warning"), (29.0, 3.1, "info"), (28.0, 2.9, "info")]
)
def test_who_asks_fifty_times_a_day_for_three_days_is_worth_a_look(every: float, days: float, severity: str):
    frame = probe(tries_=int(days * 1440 / every) + 1, every=every)
    assert only(stale_credentials(frame))["severity"] == severity


def test_who_tries_a_second_name_of_our_domain_is_no_probe():
    second = events(*tries("admin@example.com", STRANGER, [7.0], "failure"))
    assert stale_credentials(pl.concat([probe(), second])).is_empty()


# -- frames ------------------------------------------------------------------------------------------------------------


def test_the_order_of_the_rows_and_the_library_do_not_matter():
    frame = forgotten()
    expected = stale_credentials(frame)
    assert_frame_equal(stale_credentials(shuffled(frame)), expected)
    assert_frame_equal(stale_credentials(frame.lazy()), expected)
    assert stale_credentials(frame.to_pandas())["title"].tolist() == expected["title"].to_list()


def test_attempts_at_the_same_time_are_all_counted():
    twice = pl.concat([forgotten(), forgotten().with_columns(pl.col("line_no") + 100)])
    found = only(stale(twice))
    assert (found["n_events"], found["n_ticks"]) == (24, 12)


def test_rows_without_name_address_or_time_are_passed_over():
    nothing = events(
        *tries(None, STRANGER, HOURLY, "failure"),
        *tries(ANN, None, HOURLY, "failure"),
        *tries(BOB, STRANGER, HOURLY, "deferred"),
    )
    late = forgotten().with_columns(pl.lit(None, EVENTS["time"].dtype).alias("time"))
    assert only(stale(pl.concat([forgotten(), nothing, late])))["n_events"] == 12


def test_without_names_it_is_not_assessable():
    found = only(stale_credentials(events(*tries(None, APP, HOURLY, "failure"))))
    assert (found["status"], found["severity"], found["unnamed_share"]) == ("not_assessable", "info", 1.0)


def test_nothing_gives_nothing_in_all_columns():
    found = stale_credentials(empty(EVENTS))
    assert found.is_empty()
    assert found.schema == dtypes(FINDINGS) | dtypes(COLUMNS)


def test_mistakes_of_the_caller_are_named():
    with pytest.raises(MissingColumns, match="client_ip"):
        stale_credentials(forgotten().drop("client_ip"))
    with pytest.raises(ValueError, match="failures=0"):
        stale_credentials(forgotten(), failures=0)
    with pytest.raises(ValueError, match="not a network"):
        stale_credentials(forgotten(), networks=("office",))


def test_columns_that_are_only_used_may_be_missing():
    frame = forgotten().drop("cause", "count", "side", "protocol", "session", "helo", "mechanism")
    assert only(stale(frame))["n_events"] == 12


def test_other_protocols_count_only_if_asked_for():
    frame = forgotten().with_columns(pl.lit("imap").cast(EVENTS["protocol"].dtype).alias("protocol"))
    assert stale_credentials(frame).is_empty()
    assert stale(frame, protocols=("smtp", "imap")).height == 1


# -- locks -------------------------------------------------------------------------------------------------------------


def test_a_client_that_a_lock_refuses_is_no_old_password():
    """A computer fails for an hour, in a rhythm, right after five failures of a stranger: the account is locked."""
    phone = tries(ANN, APP, [*EARLIER, -1]) + tries(ANN, APP, [10.0 * k for k in range(1, 8)], "failure")
    frame = events(*phone, *tries(ANN, HOME, [-200, 5, 65]), *tries(ANN, APP, [95]))
    guesses = events(*tries(ANN, STRANGER, [1, 2, 3, 3.5, 4], "failure"))
    assert stale(frame)["kind"].cast(pl.String).to_list() == ["stale_credential"]
    assert stale(pl.concat([frame, guesses])).is_empty()
    assert stale(pl.concat([frame, guesses.head(4)])).height == 1


def test_an_uneven_client_of_an_account_that_is_locked_all_day_is_a_victim():
    uneven = [100, 130, 290, 300, 700, 777, 900, 1000, 1300, 1600]
    app = tries(ANN, STRANGER, [-30, -20, -10]) + tries(ANN, STRANGER, [5.0 * k for k in range(400)], "failure")
    frame = events(
        *app, *tries(ANN, APP, EARLIER), *tries(ANN, APP, uneven, "failure"), *tries(ANN, HOME, [50.5, 800.5])
    )
    assert stale(frame)["client_ip"].to_list() == [STRANGER]


def test_of_two_old_passwords_the_slower_is_told_with_doubt():
    fast = tries(ANN, STRANGER, [-30, -20, -10]) + tries(ANN, STRANGER, [5.0 * k for k in range(200)], "failure")
    frame = pl.concat([forgotten(), events(*fast)])
    told = stale(frame).sort("n_events")
    assert told["client_ip"].to_list() == [APP, STRANGER]
    assert told["confidence"].cast(pl.String).to_list() == ["low", "high"]
    assert told["severity"].cast(pl.String).to_list() == ["info", "warning"]


def test_a_client_that_follows_the_change_and_is_locked_out_is_no_old_password():
    fast = tries(ANN, STRANGER, [-600, -590, -580]) + tries(
        ANN, STRANGER, [-500.0 + 5 * k for k in range(300)], "failure"
    )
    assert stale(pl.concat([forgotten(), events(*fast)]))["client_ip"].to_list() == [STRANGER]


def shared(*failures: int, bracket: float = 0, span: float = 80) -> pl.DataFrame:
    """Return a mailbox of several people: one knows the new password, the others fail so many times each after nine."""
    rows = tries(ANN, "192.0.2.1", [-60 + 20.0 * k for k in range(60)])
    for i, n in enumerate(failures):
        ip = f"192.0.2.{10 + i}"
        began = 3 + i * bracket
        rows += tries(ANN, ip, [began - 40, began - 30, began - 20])
        rows += tries(ANN, ip, [began + span * (k / (n - 1)) ** 1.3 for k in range(n)], "failure")
    return events(*rows)


@pytest.mark.parametrize(
    ("how", "n"),
    [
        ({"failures": (6, 4)}, 2), ({"failures": (6, 3)}, 0), ({"failures": (8, 2)}, 0), ({"failures": (10,)}, 0),
        ({"failures": (6, 4), "span": 75}, 0), ({"failures": (6, 4), "bracket": 60}, 0),
    ],
)  # fmt: skip
def test_clients_of_one_mailbox_that_turn_together_bear_each_other_out(how: dict[str, Any], n: int):
    """Ten failures together, three each at least, for longer than a lock, from about the same time on."""
    assert stale(shared(*how.pop("failures"), **how)).height == n


def behind_one_address(ticks: int, hours: float) -> pl.DataFrame:
    """Return a program that fails unevenly between the logins of another at the same address."""
    at = [60 * hours * (k / (ticks - 1)) ** 1.2 for k in range(ticks)]
    rows = tries(ANN, APP, [-300, -200, -100, *(t + 2 for t in at[1::2])])
    return events(*rows, *tries(ANN, APP, at, "failure"))


@pytest.mark.parametrize(
    ("ticks", "hours", "told"), [(20, 12, True), (19, 12, False), (20, 11.9, False), (20, 96, True), (20, 97, False)]
)
def test_a_program_behind_the_address_of_another_needs_no_rhythm_if_it_fails_all_day(
    ticks: int, hours: float, told: bool
):
    found = stale(behind_one_address(ticks, hours))
    assert found.height == told
    if told:
        assert "while another there logs in" in only(found)["title"]


@pytest.mark.parametrize(("share", "told"), [(0.6, True), (0.95, False)])
def test_whom_the_failures_of_others_lock_out_all_day_has_no_old_password(share: float, told: bool):
    """Others fail five times in the hour before most of its failures: a lock explains them."""
    victim = behind_one_address(100, 12)
    until = 720 * share**1.2
    rows = tries(ANN, STRANGER, [-80 + 10.0 * k for k in range(int((until + 80) / 10) + 1)], "failure")
    found = stale(pl.concat([victim, events(*rows)]))
    assert (APP in found["client_ip"].to_list()) == told


def roaming(
    *, addresses: int = 4, before: int = 3, network: str = "198.18.{}.9", failures: int = 12, names: int = 1
) -> pl.DataFrame:
    """Return a phone that fails every hour and has an address of its own for every few tries; 2 others fail there, too."""
    there = [network.format(100 + k % addresses) for k in range(failures)]
    strangers = [f"guess{k}@example.com" for k in range(names - 1)]
    return events(
        *[row for k in range(before) for row in tries(ANN, network.format(k), [-60.0 * (k + 1)])],
        *[row for k, ip in enumerate(there) for row in tries(ANN, ip, [60.0 * (k + 1)], "failure")],
        *[row for name in strangers for ip in set(there) for row in tries(name, ip, [20], "failure")],
        *tries(ANN, HOME, [-200, 90, 400]),
    )


def test_a_phone_whose_address_changes_is_told_by_its_providers_network():
    found = only(stale(roaming()))
    expected = {
        "kind": "stale_credential",
        "severity": "warning",
        "subject": f"{ANN} at 198.18.0.0/16",
        "user": ANN,
        "client_ip": None,
        "clients": [f"198.18.{k}.9" for k in (100, 101, 102, 103)],
        "n_clients": 4,
        "n_events": 12,
        "period_s": 3600.0,
        "title": f"A client or application at changing addresses of 198.18.0.0/16 still uses an old password of {ANN}: it "
        "worked until 2026-02-03 08:00 UTC, was refused 12 times since 2026-02-03 10:00 UTC, every 60 min.",
    }
    assert {name: found[name] for name in expected} == expected
    assert (
        "Its address changes, as that of a phone: refused from 4 addresses of 198.18.0.0/16, from which "
        f"{ANN} had logged in before." in found["because"]
    )
    rotation = only(stale_credentials(roaming()).filter(pl.col("kind") == "rotation"))
    assert rotation["clients"] == ["198.18.0.0/16"]


def test_of_ipv6_a_providers_network_is_wider():
    found = only(stale(roaming(network="2001:db8:{}:1::9")))
    assert found["subject"] == f"{ANN} at 2001:db8::/32"


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"addresses": 3}, 1),
        ({"failures": 18}, 1),  # six tries at each address, in a rhythm
        ({"addresses": 2, "failures": 10}, 0),  # it does not move
        ({"before": 2}, 0),  # it is not known from there
        ({"failures": 6}, 1),
        ({"failures": 5}, 0),
        ({"names": 2}, 1),
        ({"names": 3}, 0),  # these addresses guess
    ],
)
def test_what_makes_a_device_that_moves(how: dict[str, Any], told: int):
    assert stale(roaming(**how)).height == told


def test_strangers_all_over_the_world_are_no_device_that_moves():
    phone = roaming(failures=0)
    bots = [row for k in range(12) for row in tries(ANN, f"203.{k}.113.9", [60.0 * (k + 1)], "failure")]
    assert stale(pl.concat([phone, events(*bots)])).is_empty()


DAILY = [1440.0 * k for k in range(-6, 0)]


@pytest.mark.parametrize(
    ("logins", "failures", "told"),
    [
        (DAILY[1:], [0.0, 1440, 2880], True),  # five and three: eight ticks
        (DAILY[2:], [0.0, 1440, 2880], False),
        (DAILY[3:], [0.0, 1440, 2880, 4320, 5760], True),
        (DAILY[1:], [0.0, 1440, 2900], False),  # one is 20 minutes off
        (DAILY[1:], [2.0, 1442, 2882], True),
        ([m / 25 for m in DAILY[1:]], [0.0, 57.6, 115.2], False),  # under an hour: six come soon
    ],
)
def test_a_job_of_every_day_is_told_after_three_failures_at_its_time(
    logins: list[float], failures: list[float], told: bool
):
    rows = [*tries(ANN, APP, logins), *tries(ANN, APP, failures, "failure"), *tries(ANN, HOME, [-20, 800, 2000])]
    found = stale(events(*rows))
    assert found.height == told
    if told:
        row = only(found)
        assert (row["n_events"], row["regular_share"], row["severity"]) == (len(failures), 1.0, "warning")
        assert row["period_s"] == pytest.approx(86_400, abs=60)


def test_a_job_of_every_day_that_works_again_is_no_finding_of_its_own():
    rows = [*tries(ANN, APP, DAILY), *tries(ANN, APP, [0.0, 1440, 2880], "failure"), *tries(ANN, APP, [4320])]
    assert stale(events(*rows, *tries(ANN, HOME, [-20, 800, 2000]))).is_empty()


@pytest.mark.parametrize(("elsewhere", "hours", "severity"), [((90.0, 400.0), 30, "warning"), ((), 30, "info"), ((90.0, 400.0), 20, "info")])  # fmt: skip
def test_two_old_passwords_of_one_account_do_not_hide_each_other_for_days(
    elsewhere: tuple[float, ...], hours: int, severity: str
):
    """One tries eight times an hour: a lock of the other is possible, but not for a day on which others get in."""
    first = [60.0 * k + i for k in range(1, hours) for i in range(8)]
    second = [60.0 * k + 20 for k in range(1, hours + 1)]
    rows = [*tries(ANN, APP, EARLIER), *tries(ANN, STRANGER, EARLIER), *tries(ANN, HOME, [-200, *elsewhere])]
    found = stale(events(*rows, *tries(ANN, APP, first, "failure"), *tries(ANN, STRANGER, second, "failure")))
    told = {f["client_ip"]: f for f in found.to_dicts()}
    assert (told[APP]["severity"], told[STRANGER]["severity"]) == ("warning", severity)
    assert ("let it in now and then" in " ".join(told[STRANGER]["because"])) == (severity == "warning")


def nameless(*others: dict[str, Any]) -> pl.DataFrame:
    """Return the forgotten application in a log that names who logs in, not who fails."""
    logins = [*tries(ANN, APP, EARLIER), *tries(ANN, HOME, [-200, 90, 400])]
    return events(*logins, *tries(None, APP, HOURLY, "failure"), *others)


def test_failures_without_a_name_are_those_of_the_only_account_that_logs_in_from_there():
    """Postfix before 3.9, and Cyrus SASL without the log of saslauthd."""
    found = only(stale(nameless()))
    assert (found["user"], found["client_ip"], found["n_events"], found["period_s"]) == (ANN, APP, 12, 3600.0)
    assert (found["confidence"], found["unnamed_share"]) == ("low", 1.0)
    assert f"The failures carry no name: {ANN} is the only account that logs in from {APP}." in found["because"]
    many = nameless(*tries(BOB, STRANGER, [m + 1 for m in HOURLY * 3], "failure"))
    assert only(stale(many).filter(pl.col("client_ip") == APP))["confidence"] == "medium"


@pytest.mark.parametrize("other", [(BOB, APP, [-50.0]), (None, HOME, [-50.0])])
def test_of_two_accounts_behind_one_address_nobody_knows_which_fails(other: tuple[str | None, str, list[float]]):
    found = stale(nameless(*tries(*other)))
    told = [(f["kind"], f["status"]) for f in found.to_dicts()]
    assert told == ([("stale_credential", "not_assessable")] if other[1] == APP else [("stale_credential", "found")])


def test_strangers_without_a_name_stay_without():
    rows = [*tries(ANN, HOME, EARLIER), *tries(None, STRANGER, HOURLY, "failure")]
    (row,) = stale(events(*rows)).to_dicts()
    assert (row["status"], row["unnamed_share"]) == ("not_assessable", 1.0)


def test_what_stays_without_a_name_is_said_beside_it():
    found = stale(nameless(*tries(None, STRANGER, HOURLY, "failure"))).sort("status")
    assert found.select("status", "n_events").rows() == [("found", 12), ("not_assessable", 12)]
    assert found["title"][1].startswith("Whether another client uses an old password cannot be told: none of 12 failed")


def test_where_failures_of_another_account_are_named_the_others_may_be_its():
    assert stale(nameless(*tries(BOB, APP, [30.0], "failure"))).is_empty()
    assert stale(nameless(*tries(ANN, APP, [30.0], "failure"))).height == 1
