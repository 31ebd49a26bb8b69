"""vpopmail: who was let in, who was not, and the password that stands on a line is nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

import smtplogs as sl

if TYPE_CHECKING:
    from pathlib import Path


def test_each_line_is_an_attempt_and_no_password_survives() -> None:
    events, coverage, _ = sl.read(sl.sample("vpopmail/guesser"), year=2026, full=True)

    assert events["cause"].to_list() == [
        "bad_credentials", "unknown_user", "bad_credentials", "success", "bad_credentials", "success",
        "access_policy_denied",
    ]  # fmt: skip
    assert events["protocol"].to_list() == ["smtp"] * 4 + ["pop3"] * 2 + ["imap"]
    assert events["redacted"].to_list() == ["password"] + [None] * 6
    for text in (events.write_ndjson(), coverage.write_ndjson(), sl.to_ecs(events).write_ndjson()):
        assert "Winter" not in text


def test_a_password_cannot_forge_who_tried(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_text(
        "Jun  2 09:14:01 mx1 vpopmail[2101]: vchkpw-smtp: password fail (pass: 'a') eve@example.net:192.0.2.66') "
        "ann@example.com:203.0.113.9\n"
    )

    row = sl.read(path, year=2026).row(0, named=True)

    assert (row["user"], row["client_ip"]) == ("ann@example.com", "203.0.113.9")
    assert "192.0.2.66" not in row["raw"]


def test_lines_of_other_kinds_are_none(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_text("Jun  2 09:14:01 mx1 vpopmail[2101]: vchkpw-ftp: password fail ann@example.com:203.0.113.9\n")

    events, coverage, _ = sl.read(path, year=2026, full=True)

    assert events.is_empty()
    assert coverage.filter(pl.col("program").is_null())["not_understood"].item() == 1
