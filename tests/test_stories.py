"""Stories: which finding leads, which are its consequences, and what stays apart."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from hand_made import NINE
from smtplogs.detect._findings import as_findings
from smtplogs.detect._stories import merged
from smtplogs.schema import FINDINGS, KINDS, empty

ANN, IP = "ann@example.com", "203.0.113.9"


def made(*rows: tuple[str, dict[str, Any]]) -> pl.DataFrame:
    """Return findings: (kind, columns); by default an hour from nine on, a warning about ann's client."""
    parts = []
    for kind, more in rows:
        row = {
            "kind": kind, "severity": "warning", "subject_kind": "user", "subject": ANN, "user": ANN, "client_ip": IP,
            "start": NINE, "end": NINE + timedelta(hours=1), "n_events": 9, "title": f"{kind}.", "because": ["x"],
        }  # fmt: skip
        parts.append(as_findings([row | more], kind, {}))
    return pl.concat(parts)


def tree(found: pl.DataFrame) -> dict[str, str | None]:
    names = dict(found.select("finding_id", pl.col("kind").cast(pl.String)).iter_rows())
    return {names[i]: names.get(up) for i, up in found.select("finding_id", "part_of").iter_rows()}


KNOWN = [k for k in ("stale_credential", "no_tls", "mechanism") if k in KINDS]


@pytest.mark.parametrize("cause", KNOWN)
def test_a_client_that_locked_its_account_is_one_story(cause: str):
    found = merged(
        made(
            ("failure_streak", {"severity": "info"}), ("lockout", {"severity": "serious"}), (cause, {}),
            ("ip_ban", {"user": None}), ("throttling", {"user": None}), ("one_client_rise", {}),
        )
    )  # fmt: skip
    assert tree(found) == {
        cause: None, "lockout": cause, "failure_streak": cause, "ip_ban": cause, "throttling": cause,
        "one_client_rise": cause,
    }  # fmt: skip
    leader = found.row(0, named=True)
    assert (leader["kind"], leader["severity"]) == (cause, "serious")
    assert leader["because"][:2] == ["x", "Part of this: lockout."]
    assert leader["because"][-1] == "And 2 more findings."
    assert len(leader["because"]) == 5


@pytest.mark.parametrize(
    ("n_parts", "last"), [(1, "Part of this"), (2, "Part of this"), (3, "Part of this"), (4, "And 1 more finding.")]
)
def test_few_parts_are_told_one_by_one_and_the_rest_is_counted(n_parts: int, last: str):
    parts = [
        ("failure_streak", {"severity": "info"}),
        ("lockout", {}),
        ("ip_ban", {"user": None}),
        ("throttling", {"user": None}),
    ]
    leader = merged(made(("stale_credential", {}), *parts[:n_parts])).row(0, named=True)

    assert leader["because"][-1].startswith(last)
    assert len(leader["because"]) == 1 + n_parts


def test_an_attack_leads_the_lock_and_the_rise_it_caused_and_a_takeover_leads_the_attack():
    rows = [("spray", {"user": None}), ("lockout", {}), ("spray_rise", {"user": None})]
    assert tree(merged(made(*rows))) == {"spray": None, "lockout": "spray", "spray_rise": "spray"}
    rows.append(("takeover", {}))
    assert tree(merged(made(*rows))) == {
        "takeover": None,
        "lockout": "takeover",
        "spray": "takeover",
        "spray_rise": "takeover",
    }


def test_a_ban_of_strangers_leads_the_rise_they_made_and_a_ban_of_ours_is_its_effect():
    rise = ("one_client_rise", {})
    for severity, leader in (("info", "ip_ban"), ("warning", "one_client_rise")):
        found = tree(merged(made(rise, ("ip_ban", {"user": None, "severity": severity}))))
        assert found[leader] is None
        assert set(found.values()) == {None, leader}
    attack = tree(merged(made(rise, ("ip_ban", {"user": None, "severity": "info"}), ("brute_force", {}))))
    assert attack == {"brute_force": None, "ip_ban": "brute_force", "one_client_rise": "brute_force"}


def test_refusals_within_an_outage_belong_to_it():
    server = {"subject_kind": "server", "subject": "logins", "user": None, "client_ip": None}
    later = {"start": NINE + timedelta(hours=3), "end": NINE + timedelta(hours=4), "user": "bob", "client_ip": None}
    found = merged(made(("outage", server), ("failure_streak", {}), ("rotation", later)))
    assert tree(found) == {"outage": None, "failure_streak": "outage", "rotation": None}
    # one of many may mistype an hour later; a streak of one account that goes on so long is another story
    longer = {"end": NINE + timedelta(hours=2)}
    for who, leader in ((server | {"subject": "many accounts"}, "outage"), ({}, None)):
        found = tree(merged(made(("outage", server), ("failure_streak", who | longer))))
        assert found["failure_streak"] == leader


@pytest.mark.parametrize(
    ("who", "leader"),
    [({"subject_kind": "server", "subject": "many accounts", "user": None, "client_ip": None}, "outage"), ({}, None)],
)
def test_many_accounts_may_meet_an_outage_before_three_clients_do_within_five_minutes(
    who: dict[str, Any], leader: str | None
):
    server = {"subject_kind": "server", "subject": "logins", "user": None, "client_ip": None}
    sooner = {"start": NINE - timedelta(minutes=15)}
    found = tree(merged(made(("outage", server), ("failure_streak", who | sooner))))
    assert found["failure_streak"] == leader
    long_before = {"start": NINE - timedelta(minutes=50), "end": NINE - timedelta(minutes=1)}
    assert tree(merged(made(("outage", server), ("failure_streak", who | long_before))))["failure_streak"] is None


def test_another_client_account_or_day_is_another_story():
    lead = ("stale_credential", {})
    for other in (
        {"client_ip": "192.0.2.1"},
        {"user": "bob@example.com"},
        {"start": NINE + timedelta(hours=2, microseconds=1), "end": NINE + timedelta(hours=9)},
        {"end": NINE - timedelta(hours=1, microseconds=1), "start": NINE - timedelta(hours=5)},
    ):
        assert set(tree(merged(made(lead, ("failure_streak", other)))).values()) == {None}
    near = {"start": NINE + timedelta(hours=2), "end": NINE + timedelta(hours=9)}
    assert tree(merged(made(lead, ("failure_streak", near))))["failure_streak"] == "stale_credential"


def test_findings_about_one_relay_are_one_story_also_without_an_end():
    relay = {
        "subject_kind": "relay",
        "subject": "smtp.example.net",
        "user": None,
        "client_ip": None,
        "relay_host": "smtp.example.net",
    }
    rows = [
        ("wrong_kind", relay | {"end": None}),
        ("relay_throttling", relay),
    ]
    assert tree(merged(made(*rows)))["relay_throttling"] == "wrong_kind"


def test_a_wave_belongs_to_a_campaign_of_its_own_length_only():
    many = {"subject_kind": "campaign", "user": None, "client_ip": None}
    short, weeks = many | {"subject": "a"}, many | {"subject": "b", "end": NINE + timedelta(days=20)}
    wave = ("botnet_rise", many | {"subject": "many strangers"})
    assert tree(merged(made(("distributed", short), wave)))["botnet_rise"] == "distributed"
    assert tree(merged(made(("distributed", weeks), wave)))["botnet_rise"] is None


def listing(found: pl.DataFrame, kind: str, *sources: str) -> pl.DataFrame:
    """Give findings of a kind the details of a rise by these addresses."""
    details = json.dumps({"sources": list(sources), "n_names": 3}, separators=(",", ":"))
    rise = pl.col("kind").cast(pl.String) == kind
    return found.with_columns(pl.when(rise).then(pl.lit(details)).alias("details"))


@pytest.mark.parametrize("leader", ["brute_force", "spray", "ip_ban"])
@pytest.mark.parametrize(
    ("others", "joins"), [((), True), (("192.0.2.9",), True), (("192.0.2.9", "2001:db8::9"), False)]
)
def test_a_rise_by_addresses_that_are_told_one_by_one_belongs_to_one_of_them(
    leader: str, others: tuple[str, ...], joins: bool
):
    many = {"subject_kind": "campaign", "subject": "many strangers", "user": None, "client_ip": None}
    found = made((leader, {"user": None}), ("botnet_rise", many))
    assert (tree(merged(listing(found, "botnet_rise", IP, *others)))["botnet_rise"] == leader) == joins
    later = {"start": NINE + timedelta(hours=2), "end": NINE + timedelta(hours=3)}
    found = made((leader, {"user": None}), ("botnet_rise", many | later))
    assert tree(merged(listing(found, "botnet_rise", IP, *others)))["botnet_rise"] is None


def test_a_rule_that_takes_no_passwords_any_more_explains_what_is_refused_in_its_domain():
    rule = (
        "password_not_allowed",
        {"subject_kind": "service", "subject": "example.com", "user": None, "client_ip": None},
    )
    server = {"subject_kind": "server", "subject": "logins", "user": None, "client_ip": None}
    long = {"start": NINE - timedelta(minutes=29), "end": NINE + timedelta(minutes=30)}
    found = tree(merged(made(rule, ("policy_change", server), ("failure_streak", long), ("stale_credential", {}))))
    assert found == {"password_not_allowed": None, "policy_change": "password_not_allowed",
                     "failure_streak": "password_not_allowed", "stale_credential": "password_not_allowed"}  # fmt: skip
    apart = (
        {"user": "bob@example.net"},
        {"user": "bob@other.example.com"},
        {"start": NINE - timedelta(hours=3), "end": NINE - timedelta(minutes=1)},
        {"start": NINE - timedelta(minutes=31), "end": NINE + timedelta(minutes=30)},
    )
    for other in apart:
        assert set(tree(merged(made(rule, ("failure_streak", other)))).values()) == {None}
    assert tree(merged(made(rule, ("takeover", {}))))["takeover"] is None
    client = ("password_not_allowed", {})
    assert tree(merged(made(client, ("policy_change", server))))["policy_change"] is None


SERVER = {"subject_kind": "server", "subject": "logins", "user": None, "client_ip": None}


@pytest.mark.parametrize("rule", ["cert_not_trusted", "mechanism"])
def test_a_server_that_refuses_all_for_one_cause_leads_what_it_is_the_cause_of(rule: str):
    same = {"cause": "tls_handshake_failed"}
    lead = (rule, SERVER | same | {"end": NINE + timedelta(days=2), "n_events": 99})
    parts = (("outage", SERVER | same), ("retry_storm", {"user": None} | same), ("helo", {"cause": "helo_rejected"}))
    assert tree(merged(made(lead, *parts))) == {rule: None, "outage": rule, "retry_storm": rule, "helo": None}
    other = (("outage", SERVER | {"cause": "backend_unavailable"}), ("retry_storm", {"cause": "bad_credentials"}))
    assert tree(merged(made(lead, *other)))["outage"] is None


@pytest.mark.parametrize(("n", "first"), [(98, 0), (100, 1)])
def test_of_two_words_for_one_fault_the_one_that_most_clients_say_leads(n: int, first: int):
    same = {"cause": "tls_handshake_failed"}
    one = {"subject": "mx", "n_events": 99, "title": "one."}
    two = {"subject": "mx", "n_events": n, "title": "two.", "start": NINE + timedelta(minutes=1)}
    found = merged(made(("cert_not_trusted", SERVER | same | one), ("cert_not_trusted", SERVER | same | two)))
    assert found.filter(pl.col("part_of").is_null())["title"].to_list() == [["one.", "two."][first]]


@pytest.mark.parametrize(
    ("start", "end", "part"), [(-59, 61, True), (-60, 60, True), (-61, 61, False), (-59, 71, False), (-60, 59, False)]
)
@pytest.mark.parametrize("kind", ["retry_storm", "no_login"])
def test_what_a_client_shows_while_the_server_refuses_all_is_the_servers(kind: str, start: int, end: int, part: bool):
    """It may have asked before three others did: at most an hour before, and for no longer than the fault itself."""
    span = {"start": NINE + timedelta(minutes=start), "end": NINE + timedelta(minutes=end)}
    found = tree(merged(made(("outage", SERVER), (kind, span))))
    assert found[kind] == ("outage" if part else None)


@pytest.mark.parametrize("sign", ["retry_storm", "never_worked"])
def test_a_device_of_ours_with_a_wrong_password_is_no_guesser_first_of_all(sign: str):
    """Such signs are told above info only of clients that something ties to us. Who got in is a guesser all the same."""
    rise = ("one_client_rise", {})
    assert tree(merged(made((sign, {}), ("brute_force", {}), rise))) == {
        sign: None, "brute_force": sign, "one_client_rise": sign,
    }  # fmt: skip
    for stranger in ((sign, {"severity": "info"}), (sign, {"client_ip": "192.0.2.1"})):
        assert tree(merged(made(stranger, ("brute_force", {}))))["brute_force"] is None
    assert tree(merged(made((sign, {}), ("brute_force", {"severity": "serious"})))) == {
        "brute_force": None, sign: "brute_force",
    }  # fmt: skip
    both = tree(merged(made(("retry_storm", {}), ("never_worked", {}), ("brute_force", {}))))
    assert both == {"never_worked": None, "retry_storm": "never_worked", "brute_force": "never_worked"}


def test_inventories_and_what_is_not_assessable_stay_apart():
    rows = made(("rule_hit", {}), ("failure_streak", {}), ("stale_credential", {}))
    rows = rows.with_columns(
        status=pl.when(pl.col("kind") == "stale_credential")
        .then(pl.lit("not_assessable"))
        .otherwise("status")
        .cast(rows.schema["status"])
    )
    assert set(tree(merged(rows)).values()) == {None}


def test_parts_that_a_detector_named_are_kept_and_told_at_the_top():
    rows = made(("lockout", {}), ("failure_streak", {"severity": "serious"}), ("brute_force", {"user": None}))
    lock = rows.filter(pl.col("kind") == "lockout")["finding_id"][0]
    rows = rows.with_columns(
        part_of=pl.when(pl.col("kind") == "failure_streak").then(pl.lit(lock)).otherwise("part_of")
    )
    found = merged(rows)
    assert tree(found) == {"brute_force": None, "lockout": "brute_force", "failure_streak": "lockout"}
    assert found.select("kind", "severity").row(0) == ("brute_force", "serious")


def test_nothing_stays_nothing_and_order_does_not_matter():
    assert merged(empty(FINDINGS)).is_empty()
    rows = made(("failure_streak", {}), ("lockout", {}), ("ip_ban", {}), ("stale_credential", {}))
    assert merged(rows.reverse()).equals(merged(rows))


@pytest.mark.parametrize(
    ("leader", "severity", "joins"),
    [("stale_credential", "info", True), ("retry_storm", "warning", True), ("retry_storm", "info", False), ("failure_streak", "info", False)],
)  # fmt: skip
def test_a_rise_that_two_clients_make_together_belongs_to_the_one_that_is_told(leader: str, severity: str, joins: bool):
    many = {"subject_kind": "server", "subject": "logins", "user": None, "client_ip": None}
    found = made((leader, {"severity": severity}), ("unclear_rise", many))
    told = tree(merged(listing(found, "unclear_rise", IP, "192.0.2.9")))
    assert told == {leader: None, "unclear_rise": leader if joins else None}
