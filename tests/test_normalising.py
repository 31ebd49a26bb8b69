"""Canonical values: addresses, keys, words that mean nothing."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from smtplogs.normalising import (
    canonical,
    canonical_address,
    canonical_addresses,
    normalised,
    service_of,
    split_keys,
    with_keys,
)
from smtplogs.schema import RECORDS


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::FFFF:203.0.113.9", "203.0.113.9"),
        ("IPv6:2001:DB8::0:7", "2001:db8::7"),
        ("ipv6:2001:db8:0:0:0:0:0:7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
        ("", None),
        ("203.0.113.999", None),
        ("203.0.113.9, 192.0.2.1", None),
        ("a" * 100_000, None),
    ],
)
def test_an_address_is_canonical_or_none(text: str, canonical: str | None) -> None:
    assert canonical_address(text) == canonical


def test_addresses_of_a_column_are_made_canonical_and_nulls_stay() -> None:
    values = pl.Series("client_ip", ["203.0.113.9", "::ffff:203.0.113.9", None, "unknown", "2001:DB8::7", ""])

    assert canonical_addresses(values).to_list() == ["203.0.113.9", "203.0.113.9", None, None, "2001:db8::7", None]


def test_what_only_looks_like_an_ipv4_address_is_none() -> None:
    values = pl.Series("client_ip", ["999.1.1.1", "203.0.113.9", "1.2.3.256", "01.2.3.4"])

    assert canonical_addresses(values).to_list() == [None, "203.0.113.9", None, None]


@pytest.mark.parametrize(
    ("key", "host", "program", "pid", "service"),
    [
        ("mx1 postfix/smtpd[10]", "mx1", "postfix/smtpd", "10", None),
        ("mx1 postfix/submission/smtpd[10]", "mx1", "postfix/submission/smtpd", "10", "submission"),
        ("mx1 postfix/a/b/smtpd[10]", "mx1", "postfix/a/b/smtpd", "10", "a/b"),
        ("mx1 dovecot", "mx1", "dovecot", None, None),
        (" dovecot", None, "dovecot", None, None),
        ("2001:db8::25 postfix/smtpd[10]", "2001:db8::25", "postfix/smtpd", "10", None),
    ],
)
def test_a_key_holds_host_tag_and_pid(
    key: str, host: str | None, program: str, pid: str | None, service: str | None
) -> None:
    row = split_keys(pl.DataFrame({"key": [key]})).row(0, named=True)

    assert row == {"key": key, "host": host, "program": program, "pid": pid, "service": service}


def test_keys_are_put_together_as_they_are_taken_apart() -> None:
    frame = pl.DataFrame(
        {"host": ["mx1", None, "mx1"], "program": ["postfix/smtpd", "dovecot", None], "pid": ["10", None, "3"]}
    )

    assert with_keys(frame)["key"].to_list() == ["mx1 postfix/smtpd[10]", " dovecot", "mx1 [3]"]
    assert with_keys(frame, "mx9")["key"].to_list() == ["mx1 postfix/smtpd[10]", "mx9 dovecot", "mx1 [3]"]
    assert with_keys(frame.select("program"), "mx9")["host"].to_list() == ["mx9"] * 3


def test_the_service_is_the_middle_of_the_tag() -> None:
    tags = pl.DataFrame({"tag": ["postfix/smtpd", "postfix/smtps/smtpd", "postfix-in/a-b/c/smtpd", "smtpd", "/", ""]})

    assert tags.select(service_of(pl.col("tag")))["tag"].to_list() == [None, "smtps", "a-b/c", None, None, None]


def one(**columns: Any) -> dict[str, Any]:
    """Return the record of one row of captured text."""
    frame = pl.DataFrame(
        {name: pl.Series([value], dtype=pl.String if value is None else None) for name, value in columns.items()}
    )
    return normalised(frame).row(0, named=True)


@pytest.mark.parametrize("word", ["", "?", "(unavailable)"])
def test_words_that_stand_for_no_user_are_null(word: str) -> None:
    assert one(user=word)["user"] is None


@pytest.mark.parametrize("name", [" ", "alice ", "unknown", "NULL", "(unavailable", "Ünal"])
def test_odd_names_are_kept_as_logged(name: str) -> None:
    assert one(user=name)["user"] == name


@pytest.mark.parametrize(
    ("detail", "format_", "user"),
    [
        ("Connection lost to authentication server", "postfix", None),
        ("Can't connect to authentication server", "postfix", None),
        ("Invalid base64 data in initial response", "postfix", None),
        ("Invalid authentication mechanism: 'X'", "postfix", None),
        ("(reason unavailable)", "postfix", "alice"),
        ("Invalid base64 data in continued response", "dovecot", "alice"),
        (None, "postfix", "alice"),
    ],
)
def test_a_name_that_postfix_may_have_kept_from_an_earlier_attempt_is_not_believed(
    detail: str | None, format_: str, user: str | None
) -> None:
    row = one(user="alice", detail=detail, format=format_)

    assert (row["user"], row["detail"]) == (user, detail)


@pytest.mark.parametrize(
    ("written", "tls"),
    [
        ("TLS", "yes"),
        ("TSL", "yes"),
        ("secured", None),
        ("TLS handshaking", None),
        ("TLSv1.3", "TLSv1.3"),
        (None, None),
    ],
)
def test_words_for_encryption_become_a_version_yes_or_none(written: str | None, tls: str | None) -> None:
    assert one(tls=written)["tls"] == tls


def test_counts_multiply_repeats_and_sums() -> None:
    assert one(count=3, n_attempts="4")["count"] == 12
    assert one(n_attempts="4")["count"] == 4
    assert one(count=3)["count"] == 3
    assert one(user="a")["count"] == 1


@pytest.mark.parametrize("number", ["4294967295", "99999999999999999999", "-1", "x", ""])
def test_numbers_out_of_range_are_no_error(number: str) -> None:
    row = one(n_attempts=number, count=2, client_port=number, reply_code=number)

    assert row["client_port"] is None
    assert row["reply_code"] is None


@pytest.mark.parametrize(
    ("step", "stage"),
    [("RCPT", "rcpt"), ("END-OF-MESSAGE", "data"), ("XCLIENT", "session"), ("STARTTLS", "tls"), (None, None)],
)
def test_a_command_names_the_stage(step: str | None, stage: str | None) -> None:
    assert one(step=step)["stage"] == stage


def test_a_stage_that_the_pattern_sets_stays() -> None:
    assert one(step="AUTH", stage="session")["stage"] == "session"


@pytest.mark.parametrize(
    ("service", "protocol"), [("managesieve", "sieve"), ("imap", "imap"), ("submission", "smtp"), (None, "smtp")]
)
def test_the_protocol_follows_from_the_service(service: str | None, protocol: str) -> None:
    assert one(service=service)["protocol"] == protocol


def test_nothing_words_names_and_cases() -> None:
    row = one(
        client_name="unknown", queue_id="NOQUEUE", mechanism="plain", helo="", detail="", sender="", delivery="SENT"
    )

    assert [row[c] for c in ("client_name", "queue_id", "mechanism", "helo", "detail", "sender", "delivery")] == [
        None, None, "PLAIN", None, None, None, "sent",
    ]  # fmt: skip


def test_every_column_has_its_documented_dtype() -> None:
    frame = pl.DataFrame({"client_port": ["25"], "rate_value": ["31"], "pid": ["7"], "stage": ["auth"], "user": ["a"]})
    found = normalised(frame)

    assert {n: t for n, t in found.schema.items() if n in RECORDS} == {
        n: RECORDS[n].dtype for n in found.columns if n in RECORDS
    }
    assert canonical(frame).columns == frame.columns
