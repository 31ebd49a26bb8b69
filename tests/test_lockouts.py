"""Lockouts and streaks: each rule on a frame small enough to read, then all of them on sites with hidden truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from simulate_accounts import Policy, Site, busy_site, quiet_site, score
from small_events import only
from smtplogs.detect._policies import nearest_policy
from smtplogs.detect._rhythm import rhythm
from smtplogs.detect.locking import COLUMNS, lockouts
from smtplogs.errors import MissingColumns
from smtplogs.schema import EVENTS, FINDINGS, as_table, dtypes

NINE = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)
ANN, BOB = "ann@example.com", "bob@example.com"
HOME, PHONE, STRANGER = "192.0.2.5", "192.0.2.77", "203.0.113.9"

Row = tuple[float, str | None, str | None, str] | tuple[float, str | None, str | None, str, dict[str, Any]]


def events(*rows: Row) -> pl.DataFrame:
    """Return events from (minutes after nine, user, address, outcome[, more columns])."""
    causes = {"success": "success", "failure": "bad_credentials", "deferred": "backend_unavailable"}
    return as_table(
        pl.DataFrame(
            [
                {
                    "time": NINE + timedelta(minutes=row[0]),
                    "stage": "auth",
                    "side": "server",
                    "protocol": "smtp",
                    "count": 1,
                    "user": row[1],
                    "client_ip": row[2],
                    "outcome": row[3],
                    "cause": causes.get(row[3], "unknown"),
                    "source": "mail.log",
                    "line_no": i,
                    **(row[4] if len(row) > 4 else {}),
                }
                for i, row in enumerate(rows, 1)
            ],
            schema=dtypes(EVENTS),
            strict=False,
        ),
        EVENTS,
    )


def logins(user: str, ip: str, *minutes: float) -> list[Row]:
    """Return a login at each of these minutes."""
    return [(m, user, ip, "success") for m in minutes]


def failures(user: str | None, ip: str | None, n: int, start: float = 0, step: float = 1) -> list[Row]:
    """Return n refused attempts, a minute apart."""
    return [(start + i * step, user, ip, "failure") for i in range(n)]


def locked(n: int = 5, *, refused: float = 10, back: float = 25, before: int = 3) -> pl.DataFrame:
    """Return a lock as a log shows it: a stranger fails n times, ann's computer is refused, and gets in again."""
    return events(
        *logins(ANN, HOME, *(-60 * (before - i) for i in range(before))),
        *failures(ANN, STRANGER, n),
        (refused, ANN, HOME, "failure"),
        (back, ANN, HOME, "success"),
    )


def kinds(findings: pl.DataFrame) -> list[str]:
    return findings["kind"].cast(pl.String).to_list()


# -- a lock -----------------------------------------------------------------------------------------------------------


def test_a_right_password_refused_after_failures_of_another_is_a_lockout():
    found = only(lockouts(locked()))
    expected = {
        "detector": "lockouts",
        "kind": "lockout",
        "status": "found",
        "severity": "serious",
        "subject_kind": "user",
        "subject": ANN,
        "user": ANN,
        "client_ip": STRANGER,
        "start": NINE + timedelta(minutes=10),
        "end": NINE + timedelta(minutes=25),
        "n_events": 6,
        "title": "ann@example.com was locked out from 2026-02-03 09:10 to 09:25 UTC: "
        "5 failures from 203.0.113.9 (never logged in before) came first.",
        "cause": "account_locked",
        "confidence": "medium",
        "part_of": None,
        "evidence": [f"mail.log:{i}" for i in range(3, 11)],
        "onset_after": NINE,
        "onset_before": NINE + timedelta(minutes=10),
        "end_after": NINE + timedelta(minutes=10),
        "end_before": NINE + timedelta(minutes=25),
        "recovered_at": NINE + timedelta(minutes=25),
        "trigger": STRANGER,
        "trigger_kind": "unknown_source",
        "trigger_share": 1.0,
        "n_failures_before": 5,
        "n_trusted_refused": 1,
        "trusted_refused": [HOME],
        "threshold_estimate": 5,
        "duration_at_least_s": 0.0,
        "duration_estimate_s": 1500.0,
        "lock_number": 1,
        "n_sources": 1,
        "unnamed_share": 0.0,
    }
    assert {name: found[name] for name in expected} == expected
    assert "192.0.2.5" in found["because"][1]
    assert found["advice"].endswith("then unlock ann@example.com.")


def test_one_failure_less_is_no_lockout_and_no_streak():
    # the refusal of her own client is the fifth failure of the run, but not the fifth of others
    assert kinds(lockouts(locked(4))) == ["failure_streak"]
    assert lockouts(locked(4), failures=6).is_empty()
    assert kinds(lockouts(locked(5))) == ["lockout"]


def test_failures_count_as_often_as_count_says():
    repeated = locked(2).with_columns(
        pl.when(pl.col("client_ip") == STRANGER).then(pl.Series([1] * 3 + [2, 3] + [1] * 2)).otherwise("count")
        .cast(pl.UInt32).alias("count")
    )  # fmt: skip
    found = only(lockouts(repeated))
    assert (found["kind"], found["n_failures_before"], found["n_events"]) == ("lockout", 5, 6)


@pytest.mark.parametrize(("late", "kind"), [(timedelta(0), "lockout"), (timedelta(microseconds=1), None)])
def test_the_window_is_closed_and_exact(late: timedelta, kind: str | None):
    rows = [
        *logins(ANN, HOME, -180, -120, -60),
        *failures(ANN, STRANGER, 4),
        (15, ANN, STRANGER, "failure"),
        (16, ANN, HOME, "failure"),
        (30, ANN, HOME, "success"),
    ]
    frame = events(*rows).with_columns(
        pl.when(pl.col("line_no") == 8).then(pl.col("time") + late).otherwise("time").alias("time")
    )
    found = lockouts(frame.filter(pl.col("line_no") != 9) if kind is None else frame, failures=5)
    assert kinds(found) == ([kind] if kind else [])


@pytest.mark.parametrize(("before", "kind"), [(3, "lockout"), (2, "failure_streak")])
def test_a_client_is_established_after_three_logins(before: int, kind: str):
    assert kinds(lockouts(locked(before=before))) == [kind]
    assert kinds(lockouts(locked(before=before), trusted_successes=before)) == ["lockout"]


@pytest.mark.parametrize(("hours", "kind"), [(96, "lockout"), (96 + 1 / 3600, "failure_streak")])
def test_the_last_login_of_an_established_client_is_a_long_weekend_old_at_most(hours: float, kind: str):
    rows = [*logins(ANN, HOME, *(10 - 60 * hours - m for m in (2, 1, 0))), *failures(ANN, STRANGER, 5)]
    found = lockouts(events(*rows, (10, ANN, HOME, "failure"), (25, ANN, HOME, "success")))
    assert kinds(found) == [kind]


@pytest.mark.parametrize(("back", "kind"), [(10 + 360, "lockout"), (10 + 361, "failure_streak")])
def test_the_refused_client_must_come_back_within_six_hours(back: float, kind: str):
    assert kinds(lockouts(locked(back=back))) == [kind]


@pytest.mark.parametrize(("refused", "kind"), [(4 + 60, "lockout"), (4 + 61, "failure_streak")])
def test_no_lock_lasts_longer_than_an_hour_after_the_last_failure(refused: float, kind: str):
    assert kinds(lockouts(locked(refused=refused, back=refused + 9))) == [kind]


@pytest.mark.parametrize(("back", "kind"), [(11, "lockout"), (10.99, "failure_streak")])
def test_a_lone_client_that_is_back_within_a_minute_may_have_mistyped(back: float, kind: str):
    found = only(lockouts(locked(back=back)))
    assert found["kind"] == kind
    assert any("typing mistake" in reason for reason in found["because"]) == (kind == "failure_streak")


def test_two_established_clients_refused_make_it_certain():
    found = only(
        lockouts(
            events(
                *logins(ANN, HOME, -30, -20, -10),
                *logins(ANN, PHONE, -30, -20, -10),
                *failures(ANN, STRANGER, 5, step=0.1),
                (1, ANN, HOME, "failure"),
                (1.2, ANN, PHONE, "failure"),
                (1.5, ANN, HOME, "success"),
                (1.6, ANN, PHONE, "success"),
            )
        )
    )
    assert (found["kind"], found["confidence"], found["trusted_refused"]) == ("lockout", "high", [HOME, PHONE])


def test_a_login_of_anybody_on_the_account_ends_the_run():
    rows = [*logins(ANN, HOME, -180, -120, -60), *failures(ANN, STRANGER, 5), (6, ANN, PHONE, "success")]
    assert kinds(lockouts(events(*rows, (10, ANN, HOME, "failure"), (25, ANN, HOME, "success")))) == ["failure_streak"]


def test_repeated_locks_are_numbered_and_part_of_the_first():
    second = [(m + 60, *rest) for m, *rest in [*failures(ANN, STRANGER, 7), (10, ANN, HOME, "failure")]]
    found = lockouts(pl.concat([locked(), events(*second, (75, ANN, HOME, "success"))])).sort("start")
    assert found["lock_number"].to_list() == [1, 2]
    assert found["part_of"].to_list() == [None, found["finding_id"][0]]
    assert found["n_failures_before"].to_list() == [5, 7]
    assert found["threshold_estimate"].to_list() == [5, 5]
    assert found["duration_estimate_s"].to_list() == [900.0, 900.0]


def test_the_servers_own_word_needs_no_witness():
    said = {"cause": "account_locked"}
    found = only(lockouts(events(*failures(ANN, STRANGER, 2), (3, ANN, STRANGER, "failure", said))))
    assert (found["kind"], found["severity"], found["confidence"]) == ("lockout", "warning", "high")
    assert (found["end"], found["n_failures_before"], found["n_trusted_refused"]) == (None, 2, 0)
    assert "had not logged in again when the log ends" in found["title"]


def test_the_servers_word_without_failures_names_no_trigger():
    found = only(lockouts(events((3, ANN, HOME, "failure", {"cause": "account_locked"}))))
    assert (found["trigger"], found["n_failures_before"], found["onset_after"]) == (None, 0, None)


# -- what is no lock ---------------------------------------------------------------------------------------------------


def test_five_typing_mistakes_and_a_login_are_a_streak():
    found = only(lockouts(events(*logins(ANN, HOME, -9, -6, -3), *failures(ANN, HOME, 5), (6, ANN, HOME, "success"))))
    assert (found["kind"], found["severity"]) == ("failure_streak", "info")
    assert (found["recovered_from"], found["recovered_at"]) == ("same_address", NINE + timedelta(minutes=6))
    assert found["title"] == (
        "ann@example.com was refused 5 times from 192.0.2.5 from 2026-02-03 09:00:00 to 09:04:00 UTC; "
        "the next login, from there, succeeded at 2026-02-03 09:06 UTC."
    )


def test_an_established_client_that_never_came_back_is_serious():
    found = only(lockouts(events(*logins(ANN, HOME, -9, -6, -3), *failures(ANN, HOME, 5))))
    assert (found["kind"], found["severity"], found["recovered_at"]) == ("failure_streak", "serious", None)
    assert "had not logged in again when the log ends" in found["title"]


def under_guesses(user: str, mistakes: int, rounds: int = 32) -> list[Row]:
    """Return an account that a stranger guesses at every minute; its owner gets in every quarter, or mistypes first."""
    rows = logins(user, f"{user}-ip", -45, -30, -15) + failures(user, STRANGER, 15 * rounds)
    for i in range(rounds):
        at = 15 * i + 10.5
        if i < mistakes:
            rows.append((at, user, f"{user}-ip", "failure"))
        rows.append((at + 3 * (i < mistakes), user, f"{user}-ip", "success"))
    return rows


@pytest.mark.parametrize(("mistakes", "locks"), [(1, 0), (6, 0), (12, 12)])
def test_an_owner_who_gets_in_four_times_for_each_mistake_under_endless_guesses_was_not_locked_out(
    mistakes: int, locks: int
):
    found = lockouts(events(*under_guesses(ANN, mistakes)))
    assert kinds(found).count("lockout") == locks
    if mistakes == 6:
        assert (
            "A lock was considered and dropped: 26 times somebody got in within a minute of as many failures, 6 times an "
            "established client was refused after them, as by typing mistakes."
        ) in only(found)["because"]


def test_logins_to_other_accounts_after_as_many_failures_speak_against_a_lock_too():
    mistyped = under_guesses(ANN, 1, 2)
    assert "lockout" in kinds(lockouts(events(*mistyped)))
    others: list[Row] = []
    for user in (f"u{i}@example.com" for i in range(10)):
        others += [*under_guesses(user, 0, 3), (-10, user, f"{user}-ip", "failure")]
    found = lockouts(events(*mistyped, *others))
    assert "lockout" not in kinds(found)


def test_a_phone_that_fails_on_after_the_computer_got_in_has_an_old_password():
    found = lockouts(
        events(
            *logins(ANN, PHONE, -9, -6, -3),
            *logins(ANN, HOME, -8, -5, -2),
            *failures(ANN, PHONE, 5),
            (5, ANN, HOME, "failure"),
            (8, ANN, HOME, "success"),
            (9, ANN, PHONE, "failure"),
        )
    )
    assert kinds(found) == ["failure_streak"]
    assert any("change of password" in reason for reason in found["because"][0])


@pytest.mark.parametrize(("hours", "outage"), [(23, True), (25, False)])
def test_clients_that_are_refused_since_the_day_before_make_no_outage(hours: float, outage: bool):
    rows: list[Row] = []
    for i in range(4):
        user = f"u{i}@example.com"
        began = -60 * hours
        rows += logins(user, f"{user}-ip", *(began - m for m in (30, 20, 10)))
        rows += [(began, user, f"{user}-ip", "failure"), *failures(user, f"{user}-ip", 5)]
    found = lockouts(events(*rows))
    assert ("server" in found["subject_kind"].cast(pl.String).to_list()) == outage


def test_many_established_clients_refused_in_the_same_minutes_are_an_outage():
    users = [f"u{i}@example.com" for i in range(4)]
    rows: list[Row] = []
    for user in users:
        rows += logins(user, f"{user}-ip", -30, -20, -10) + failures(user, f"{user}-ip", 5)
    rows += [*logins(ANN, HOME, -30, -20, -10), *logins(ANN, PHONE, -30, -20, -10), *failures(ANN, PHONE, 5)]
    rows += [(6, ANN, HOME, "failure"), (20, ANN, HOME, "success"), (21, ANN, PHONE, "success")]
    found = only(lockouts(events(*rows)))
    assert (found["kind"], found["subject_kind"], found["n_names"]) == ("failure_streak", "server", 5)
    assert "outage" in found["title"]


@pytest.mark.parametrize(
    ("each", "title"),
    [
        (
            5,
            "of 4 accounts were refused 23 times from 2026-02-03 09:00 to 09:07 UTC, all in the same minutes: an outage",
        ),
        (2, "of 4 accounts were refused in the same minutes, those of 1 account 8 times from"),
    ],
)
def test_an_outage_counts_those_who_gave_up_before_theirs_was_a_streak(each: int, title: str):
    rows: list[Row] = []
    for i, n in enumerate([8, each, each, each]):
        user = f"u{i}@example.com"
        rows += logins(user, f"{user}-ip", -30, -20, -10)
        rows += [(float(m), user, f"{user}-ip", "failure") for m in range(n)]
    found = lockouts(events(*rows)).filter(pl.col("subject_kind") == "server")
    assert title in only(found)["title"]


def test_own_clients_that_fail_alike_are_no_lock():
    def site(clients: int, each: int) -> list[str]:
        devices = [f"192.0.2.{100 + i}" for i in range(clients)]
        rows = [row for ip in (HOME, *devices) for row in logins(ANN, ip, -30, -20, -10)]
        rows += [row for i, ip in enumerate(devices) for row in failures(ANN, ip, each, start=i / 10)]
        rows += [(20, ANN, HOME, "failure"), (30, ANN, HOME, "success")]
        return kinds(lockouts(events(*rows, *(row for ip in devices for row in logins(ANN, ip, 31)))))

    assert site(clients=3, each=2) == ["failure_streak"]
    assert site(clients=2, each=3) == ["lockout"]


def test_deferred_refused_throttled_and_aborted_attempts_are_no_failures():
    for outcome in ("deferred", "refused", "throttled", "aborted", "info"):
        rows = [(m, ANN, STRANGER, outcome) for m in range(9)]
        assert lockouts(events(*rows)).is_empty(), outcome


def test_refusals_by_a_rule_are_no_lock():
    rule = {"cause": "auth_disabled_by_policy"}
    frame = locked().with_columns(
        pl.when(pl.col("client_ip") == STRANGER).then(pl.lit(rule["cause"])).otherwise(pl.col("cause").cast(pl.String))
        .cast(EVENTS["cause"].dtype).alias("cause")
    )  # fmt: skip
    assert kinds(lockouts(frame)) == ["failure_streak"]


def test_only_stage_auth_and_side_server_count():
    assert lockouts(locked().with_columns(stage=pl.lit("mail"))).is_empty()
    assert lockouts(locked().with_columns(side=pl.lit("client"))).is_empty()


def test_other_protocols_count_only_if_asked_for():
    frame = locked().with_columns(protocol=pl.lit("imap"))
    assert lockouts(frame).is_empty()
    assert kinds(lockouts(frame, protocols=("smtp", "imap"))) == ["lockout"]


# -- whose fault -------------------------------------------------------------------------------------------------------


def test_a_trigger_that_once_logged_in_is_self_inflicted():
    old = events((-3000, ANN, STRANGER, "success"))
    found = only(lockouts(pl.concat([old, locked()])))
    assert (found["trigger_kind"], found["title"].count("had logged in before")) == ("self_inflicted", 1)


def test_a_trigger_that_fails_on_three_accounts_is_an_attacker():
    for names, kind in ((["bob"], "unknown_source"), (["bob", "eve"], "attacker_induced")):
        others = events(*(failure for n in names for failure in failures(f"{n}@example.com", STRANGER, 1, start=-99)))
        assert only(lockouts(pl.concat([others, locked()])).filter(kind="lockout"))["trigger_kind"] == kind


def test_three_strangers_at_a_time_are_an_attack():
    frame = locked(6).with_columns(
        pl.when(pl.col("client_ip") == STRANGER).then(pl.format("203.0.113.{}", pl.col("line_no") % 3))
        .otherwise("client_ip").alias("client_ip")
    )  # fmt: skip
    found = only(lockouts(frame))
    assert (found["kind"], found["trigger_kind"], found["n_sources"]) == ("lockout", "attacker_induced", 3)


def test_helo_parts_two_clients_behind_one_address():
    app = {"helo": "crm"}
    rows = [*logins(ANN, HOME, -180, -120, -60), *((*row, app) for row in failures(ANN, HOME, 5))]
    frame = events(*rows, (10, ANN, HOME, "failure"), (25, ANN, HOME, "success"))  # type: ignore[arg-type]
    assert kinds(lockouts(frame)) == ["failure_streak"]
    assert kinds(lockouts(frame, client=("client_ip", "helo"))) == ["lockout"]


# -- names, addresses, strangers -----------------------------------------------------------------------------------------


def test_names_are_joined_by_their_normal_form_and_shown_as_logged():
    frame = locked().with_columns(
        pl.when(pl.col("client_ip") == STRANGER).then(pl.lit(" ANN@Example.COM ")).otherwise("user").alias("user")
    )
    assert only(lockouts(frame))["user"] == ANN


def test_a_spray_is_one_finding_by_address():
    names = [f"n{i:03d}@example.com" for i in range(200)]
    found = only(lockouts(events(*((i / 10, n, STRANGER, "failure") for i, n in enumerate(names)))))
    assert (found["subject_kind"], found["subject"], found["severity"]) == ("address", STRANGER, "info")
    assert (found["n_names"], found["n_events"], found["names"][:2]) == (200, 200, names[:2])
    assert len(found["evidence"]) == 20
    assert (found["evidence"][0], found["evidence"][-1]) == ("mail.log:1", "mail.log:200")


@pytest.mark.parametrize(("n", "subjects"), [(10, {"user"}), (11, {"campaign"})])
def test_many_strangers_are_one_campaign(n: int, subjects: set[str]):
    rows = [row for i in range(n) for row in failures(f"n{i}@example.com", f"203.0.113.{i}", 5)]
    found = lockouts(events(*logins(BOB, HOME, -1), *rows))
    assert set(found["subject_kind"].cast(pl.String)) == subjects
    assert found.height == (n if n == 10 else 1)


def test_a_stranger_that_locked_an_account_is_told_beside_the_campaign():
    rows = [row for i in range(11) for row in failures(f"n{i}@example.com", f"198.51.100.{i}", 5)]
    found = lockouts(pl.concat([locked(), events(*rows)]))
    assert found.select("kind", "subject_kind", "severity").rows() == [
        ("lockout", "user", "serious"),
        ("failure_streak", "campaign", "info"),
    ]
    assert found["n_sources"].to_list() == [1, 11]


def test_without_names_addresses_are_followed_and_locks_cannot_be_assessed():
    found = lockouts(events(*logins(ANN, HOME, -1), *failures(None, HOME, 5), *failures(None, STRANGER, 4)))
    assert found.select("kind", "status", "subject_kind", "severity").rows() == [
        ("failure_streak", "found", "address", "warning"),
        ("lockout", "not_assessable", "server", "info"),
    ]
    assert found["unnamed_share"].to_list() == [1.0, 1.0]


def test_an_empty_name_is_no_name():
    assert "not_assessable" in lockouts(events(*failures("  ", HOME, 5)))["status"].cast(pl.String).to_list()


def test_a_stretch_of_failures_without_name_and_address_leaves_no_subject():
    assert lockouts(events(*failures(None, None, 9)))["status"].cast(pl.String).to_list() == ["not_assessable"]


def test_the_share_without_names_is_told():
    found = only(lockouts(pl.concat([locked(), events(*failures(None, STRANGER, 2, start=500))])))
    assert found["unnamed_share"] == 2 / 8
    assert "25% of the failed logins in this log carry no user name." in found["because"]


def test_runs_a_day_apart_are_one_streak_and_later_ones_another():
    def bursts(pause: float) -> pl.DataFrame:
        first = [*failures(ANN, HOME, 5), (5, ANN, HOME, "success")]
        return events(*first, *failures(ANN, HOME, 5, start=4 + pause), (4 + pause + 5, ANN, HOME, "success"))

    assert lockouts(bursts(24 * 60))["n_streaks"].to_list() == [2]
    assert lockouts(bursts(24 * 60 + 1))["n_streaks"].to_list() == [1, 1]


def test_hostile_names_stay_visible_in_titles():
    found = only(lockouts(events(*failures("evil\x1b[31m\n@example.com", STRANGER, 5))))
    assert "\\x1b" in found["title"]
    assert "\n" not in found["title"]


# -- the contract ------------------------------------------------------------------------------------------------------


def test_the_columns_are_the_common_ones_and_the_documented_own_ones():
    assert lockouts(locked()).schema == dtypes(FINDINGS) | dtypes(COLUMNS)
    assert lockouts(events()).schema == dtypes(FINDINGS) | dtypes(COLUMNS)
    assert lockouts(events()).is_empty()


def test_the_order_of_the_input_does_not_matter():
    frame = pl.concat([locked(), events(*failures(BOB, HOME, 5), *logins(BOB, HOME, 30))])
    for seed in range(5):
        assert_frame_equal(lockouts(frame.sample(fraction=1, shuffle=True, seed=seed)), lockouts(frame))


def test_at_equal_times_the_order_of_the_lines_decides():
    rows = [*logins(ANN, HOME, -9, -6, -3), *failures(ANN, HOME, 5, step=0)]
    assert only(lockouts(events(*rows, (0, ANN, HOME, "success"))))["recovered_at"] == NINE
    assert only(lockouts(events(*rows[:3], (0, ANN, HOME, "success"), *rows[3:])))["recovered_at"] is None


def test_rows_without_a_time_are_passed_over():
    timeless = locked().with_columns(pl.lit(None, EVENTS["time"].dtype).alias("time"))
    assert_frame_equal(lockouts(pl.concat([locked(), timeless])), lockouts(locked()))


def test_lazy_and_pandas_frames_are_taken():
    assert_frame_equal(lockouts(locked().lazy()), lockouts(locked()))
    assert lockouts(locked().to_pandas())["title"].tolist() == lockouts(locked())["title"].to_list()


def test_a_frame_without_optional_columns_is_enough():
    found = lockouts(locked().select("time", "stage", "outcome", "user", "client_ip"))
    assert kinds(found) == ["lockout"]
    assert found["evidence"].to_list() == [[]]


def test_a_missing_column_and_a_wrong_parameter_are_named():
    with pytest.raises(MissingColumns, match="client_ip"):
        lockouts(locked().drop("client_ip"))
    with pytest.raises(ValueError, match="within='soon' is no duration"):
        lockouts(locked(), within="soon")
    with pytest.raises(ValueError, match="failures=0"):
        lockouts(locked(), failures=0)


def test_evidence_holds_twenty_lines_at_most_with_first_and_last():
    refused = [(40 + i, ANN, HOME, "failure") for i in range(40)]
    rows = [*logins(ANN, HOME, -3, -2, -1), *failures(ANN, STRANGER, 40), *refused, (90, ANN, HOME, "success")]
    found = only(lockouts(events(*rows)))
    assert found["kind"] == "lockout"
    assert len(found["evidence"]) <= 20
    assert found["evidence"][0] == "mail.log:3"
    assert found["evidence"][-1] == "mail.log:84"


# -- small parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threshold", "least", "most", "policy"),
    [
        (10, 300, 700, "Active Directory (10/10/10 baseline)"),
        (9, 300, 700, None),
        (10, 700, 800, None),
        (15, 0, 300, "cPHulk account"),
        (3, 0, 660, "pam_faillock"),
        (10, 0, 61, "Microsoft Entra smart lockout"),
        (None, 0, 600, None),
        (10, 0, None, None),
    ],
)
def test_the_nearest_policy_is_a_hint_only_where_one_fits(threshold, least, most, policy):
    assert nearest_policy(threshold, least, most) == policy


def test_a_rhythm_survives_missed_ticks_and_retries():
    ticks = [t + r for t in range(0, 6000, 300) if t not in (900, 1500) for r in (0, 12)]
    rows = pl.DataFrame({"who": "app", "time": [NINE + timedelta(seconds=t) for t in ticks]})
    beat = rhythm(rows, ["who"]).row(0, named=True)
    assert (beat["period_s"], beat["regular"], beat["n_ticks"]) == (300.0, True, 18)


def test_four_ticks_are_no_rhythm():
    rows = pl.DataFrame({"who": "app", "time": [NINE + timedelta(seconds=300 * i) for i in range(5)]})
    assert rhythm(rows, ["who"])["regular"].to_list() == [True]
    assert rhythm(rows.head(4), ["who"])["regular"].to_list() == [False]


# -- sites with hidden truth -------------------------------------------------------------------------------------------

SITES = {
    1: Policy(),
    2: Policy(lock=30 * 60.0),
    3: Policy(lock=10 * 60.0, reset_by_login=False),
}


QUICK = [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SITES if seed != 1)]


@pytest.mark.parametrize("seed", QUICK)
def test_locks_of_a_busy_site_are_found_and_blamed(seed: int):
    """Most misses are accounts that a forgotten application keeps locked until the refused client gives up for the day.

    With 6 h to recover, the default, recall over fresh sites is 0.86 to 0.89; with 12 h, which span a night, 0.91 to
    0.94. A site without forgotten applications needs no such patience (next test).
    """
    site = busy_site(seed=seed, policy=SITES[seed], users=100)
    log = site.run()
    for recover, recall in (("6h", 0.85), ("12h", 0.9)):
        result = score(site, lockouts(log, recover=recover))
        assert result.met_by_others > 20
        assert result.precision >= 0.95, result.wrong
        assert result.recall >= recall
        assert result.trigger_right >= 0.95 * result.right
        assert result.bracket_right >= 0.95 * result.right


def test_a_site_where_strangers_lock_accounts():
    site = Site(seed=7, users=100, policy=Policy())
    site.people()
    site.brute_force(20)
    site.brute_force(4, tries=(12, 14), names=20)
    found = lockouts(site.run())
    result = score(site, found)
    assert result.found > 10
    assert result.precision >= 0.95
    assert result.recall >= 0.9
    blamed = found.filter(kind="lockout", trigger_kind="self_inflicted")["trigger"]
    assert not blamed.str.starts_with("2001:db8:bad").any()


@pytest.mark.parametrize("seed", QUICK)
def test_a_quiet_site_without_a_policy_has_no_lockouts(seed: int):
    found = lockouts(quiet_site(seed=seed, users=100).run())
    assert found.filter(kind="lockout").is_empty()


def test_without_a_policy_attacks_and_forgotten_applications_seldom_look_like_locks():
    found = lockouts(busy_site(seed=4, policy=None, users=100).run()).filter(kind="lockout")
    assert found.height <= 3
