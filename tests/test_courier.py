"""Courier: two lines, two failures, and the password that stands on one of them is nowhere."""

from __future__ import annotations

import smtplogs as sl


def test_the_last_line_of_a_client_is_dropped() -> None:
    events, coverage, _ = sl.read(sl.sample("courier/guesser"), year=2026, full=True)

    assert events["user"].to_list() == ["ann@example.com", None]
    assert events["client_port"].to_list() == [43632, None]
    assert events["redacted"].to_list() == ["sasl response", "sasl response"]
    for text in (events.write_ndjson(), coverage.write_ndjson(), sl.to_ecs(events).write_ndjson(), repr(events)):
        assert "YWRvYmVhZG9iZQ" not in text


def test_logins_to_mailboxes_are_of_their_protocol() -> None:
    events = sl.read(sl.sample("courier/mailbox"), year=2026)

    assert events.select("protocol", "outcome", "user", "client_ip").rows() == [
        ("imap", "success", "ann@example.com", "198.51.100.20"),
        ("imap", "failure", None, "203.0.113.9"),
        ("imap", "failure", "root", "203.0.113.9"),
        ("pop3", "failure", "admin", "203.0.113.9"),
    ]
