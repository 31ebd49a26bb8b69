r"""``ann``, ``CORP\ann`` and ``ann@example.com``: one person's account where the log ties them, never two people's."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from small_events import ANN, APP, BOB, HOME, STRANGER, events, only, tries
from smtplogs.detect._persons import same_person
from smtplogs.detect.everything import findings
from smtplogs.detect.forgotten import stale_credentials
from smtplogs.detect.locking import lockouts
from smtplogs.detect.misconfiguring import misconfigured_clients

SHORT, WINDOWS = "ann", r"CORP\Ann"
OTHER = "ann@example.org"


def pairs(*rows: dict[str, Any]) -> list[tuple[str, str]]:
    """Return which short name is taken for which full one."""
    return same_person(events(*rows).lazy()).select("account", "person").rows()


@pytest.mark.parametrize("short", [SHORT, WINDOWS, " Ann "])
def test_two_names_that_log_in_from_one_address_are_one(short: str):
    assert pairs(*tries(short, HOME, [0]), *tries(ANN, HOME, [1])) == [("ann", ANN)]


def test_a_name_that_is_always_refused_may_be_no_account():
    assert pairs(*tries(SHORT, HOME, [0]), *tries(ANN, HOME, [1], "failure")) == []
    assert pairs(*tries(WINDOWS, HOME, [0], "failure"), *tries(ANN, HOME, [1])) == []


def test_exchange_writes_the_windows_name_only_if_it_accepts_a_login():
    assert pairs(*tries(WINDOWS, HOME, [0]), *tries(ANN, HOME, [1], "failure")) == [("ann", ANN)]
    assert pairs(*tries(WINDOWS, HOME, [0], "failure"), *tries(ANN, HOME, [1], "failure")) == []


def test_used_from_two_addresses_they_are_not_tied():
    assert pairs(*tries(SHORT, HOME, [0]), *tries(ANN, STRANGER, [1])) == []


def test_who_sends_as_the_full_name_is_tied_wherever_it_is():
    mail = tries(WINDOWS, HOME, [1], stage="mail", sender="Ann@Example.com")
    assert pairs(*tries(WINDOWS, HOME, [0]), *mail, *tries(ANN, APP, [2], "failure")) == [("ann", ANN)]
    refused = tries(WINDOWS, HOME, [1], "failure", stage="mail", sender=ANN)
    assert pairs(*tries(WINDOWS, HOME, [0]), *refused, *tries(ANN, APP, [2], "failure")) == []
    other = tries(WINDOWS, HOME, [1], stage="mail", sender=BOB)
    assert pairs(*tries(WINDOWS, HOME, [0]), *other, *tries(ANN, APP, [2], "failure")) == []


def test_two_people_of_one_name_are_never_brought_together():
    tied = [*tries(SHORT, HOME, [0]), *tries(ANN, HOME, [1])]
    assert pairs(*tied) == [("ann", ANN)]
    assert pairs(*tied, *tries(OTHER, STRANGER, [2])) == []  # another Ann logs in
    assert pairs(*tied, *tries(OTHER, HOME, [2], "failure")) == []  # or is tied as well
    # or is tried in a domain of ours
    assert pairs(*tied, *tries(OTHER, STRANGER, [2], "failure"), *tries("x@example.org", APP, [3])) == []
    # strangers may guess at any domain
    assert pairs(*tied, *tries(OTHER, STRANGER, [2], "failure")) == [("ann", ANN)]


@pytest.mark.parametrize(("others", "domain", "told"), [(4, "org", 1), (5, "org", 0), (5, "com", 1)])
def test_behind_an_address_of_many_only_one_domain_tells(others: int, domain: str, told: int):
    crowd = [row for k in range(others) for row in tries(f"user{k}@example.{domain}", HOME, [k])]
    assert len(pairs(*tries(SHORT, HOME, [0]), *tries(ANN, HOME, [1]), *crowd)) == told


def test_a_table_without_the_columns_ties_nothing():
    frame = events(*tries(SHORT, HOME, [0]), *tries(ANN, HOME, [1])).lazy()
    assert same_person(frame.drop("client_ip")).is_empty()
    assert same_person(frame.head(0)).is_empty()
    assert same_person(frame.drop("sender")).height == 1


def forgotten() -> pl.DataFrame:
    """Return an application that Exchange knows by its Windows name, and by what it types when it is refused."""
    return events(
        *tries(WINDOWS, APP, [-300, -240, -180]),
        *tries(ANN, APP, [60.0 * k for k in range(1, 13)], "failure"),
        *tries(WINDOWS, HOME, [-200, 90, 400]),
    )


def test_a_forgotten_application_is_told_under_both_names():
    found = only(stale_credentials(forgotten()).filter(pl.col("kind") == "stale_credential"))
    assert (found["user"], found["n_events"], found["n_elsewhere"]) == (ANN, 12, 2)
    assert found["because"][-1] == (
        f"ann and {ANN} are taken for one account: both are used from {APP}, where one of them logs in."
    )


def test_all_detectors_at_once_see_what_each_sees():
    together = findings(forgotten())
    alone = stale_credentials(forgotten())
    assert set(alone["finding_id"]) <= set(together["finding_id"])
    told = together.filter(pl.col("kind") == "stale_credential")["because"][0].to_list()
    assert "are taken for one account" in " ".join(told)


def test_a_lock_of_one_name_is_met_under_the_other():
    frame = events(
        *tries(ANN, HOME, [-300, -200, -100]),
        *tries(SHORT, HOME, [-90]),
        *tries(WINDOWS, STRANGER, [0.5 * k for k in range(10)], "failure"),
        *tries(ANN, HOME, [6, 8], "failure"),
        *tries(ANN, HOME, [40]),
    )
    found = only(lockouts(frame).filter(pl.col("kind") == "lockout"))
    assert (found["user"], found["trigger"]) == (ANN, STRANGER)
    assert lockouts(frame.filter(pl.col("user") != SHORT)).filter(pl.col("kind") == "lockout").is_empty()


def test_names_stay_as_they_stand_for_mistakes_in_the_name():
    frame = events(*tries(ANN, HOME, [0, 30]), *tries(SHORT, HOME, [10, 20, 40], "failure"))
    found = only(misconfigured_clients(frame))
    assert found["kind"] == "local_part_only"
    assert "logs in as “ann”, which is no account" in found["title"]


def test_whom_strangers_try_under_the_address_that_the_short_name_sends_as():
    """Sendmail: ann logs in as ann, sends as ann@example.com, and that is what the guesser tries."""
    mail = tries(SHORT, HOME, [1], stage="mail", sender=ANN)
    guesses = tries(ANN, STRANGER, [2], "failure")
    assert pairs(*tries(SHORT, HOME, [0]), *mail, *guesses) == [("ann", ANN)]
    assert pairs(*tries(SHORT, HOME, [0]), *guesses) == []
