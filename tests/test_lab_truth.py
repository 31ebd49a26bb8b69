"""End to end on the lab's logs: every AUTH command that left a visible trace is found once, with the right verdict.

`truth.json` holds what the scripted client sent and which reply it really got; the log holds what real daemons wrote.
A command counts as found through any row at stage auth that stands in the lines of its scenario, weighted by `count`.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matched import unmatched
from smtplogs import reading

SAMPLES = Path(__file__).parent.parent / "sample_logs" / "postfix"
NEW, OLD = "postfix3.10-dovecot2.4", "postfix3.7-dovecot2.3"

SILENT = {"refused", "aborted"}
"""What a command that left no line of its own can be known as: the counter alone tells of it."""

VERDICTS = (
    ("220", SILENT),  # the greeting of the next session: the client had hung up in the middle of a login
    ("235", {"success"}),
    ("454", {"deferred", "throttled"}),
    ("450", {"throttled"}),
    ("421", {"throttled"}),
    ("501 5.7.0", {"aborted"}),
    ("501", SILENT),
    ("503", SILENT),
    ("504", SILENT),
    ("530", SILENT),
)
"""Reply (by its first words) -> outcomes that fit it."""

REASONS = (
    ("Invalid base64", "aborted"),
    ("bad protocol / cancel", "aborted"),
    ("another step is needed", "aborted"),
    ("Invalid authentication mechanism", "refused"),
    ("no mechanism available", "refused"),
)
"""What a 535 says of its reason -> outcome; else a failure."""

SHARPER = {
    "xoauth_bad": ({"deferred"}, "Dovecot could not reach the token service"),
    "badhash": ({"deferred"}, "Dovecot does not know the scheme of the stored secret"),
    "utf8_user": ({"aborted"}, "Dovecot refuses the characters of the name"),
    "space_user": ({"aborted"}, "the same"),
    "ctl_user": ({"aborted"}, "the same"),
    "empty_user": ({"aborted", "failure"}, "Dovecot refuses the empty name of one attempt"),
}
"""Scenarios in which Dovecot's own line tells more than the bare 535 that the client got."""

NO_TRACE = {
    (NEW, "too_many_errors"): {4: "421 instead of an answer to AUTH: smtpd hung up before it counted the command"},
    (OLD, "too_many_errors"): {4: "the same"},
}
"""Commands (by place) that left nothing in the log; what the line of the lockout says is no attempt."""

HARNESS = {
    (
        NEW,
        "verbose",
    ): "all lines of that smtpd were cut from the log (smtpd -v), its answers among them; Dovecot's remain",
    (OLD, "verbose"): "the same",
    (OLD, "early_talker"): "the client pushed `EHLO, AUTH LOGIN` in one go and left; the truth does not list that AUTH",
    (OLD, "helo_pipelined"): "the same with HELO; Postfix 3.7 still runs the AUTH, 3.9 and later drop the session",
}
"""Scenarios in which log or truth do not hold all that happened, with the reason."""

LEFT = {
    "lost_during_auth_backend": (
        {"failure"},
        "the client had left when Dovecot's refusal came, so the truth has no reply",
    ),
}
"""Commands without a reply that the log judges all the same."""


@cache
def truth(sample: str) -> dict[str, list[dict[str, Any]]]:
    return json.loads((SAMPLES / sample / "truth.json").read_text())


@cache
def runs(sample: str) -> dict[str, tuple[int, int]]:
    """Return scenario -> first and last line of its first run: the truth is of that one."""
    rows = [line.split("\t") for line in (SAMPLES / sample / "scenarios.tsv").read_text().splitlines()]
    found: dict[str, tuple[int, int]] = {}
    for scenario, group in groupby(rows, key=lambda row: row[2]):
        numbers = [int(row[0]) for row in group]
        found.setdefault(scenario, (numbers[0], numbers[-1]))
    return found


@cache
def events(sample: str) -> pl.DataFrame:
    return reading.read(SAMPLES / sample / "mail.log", year=2026)


def commands(sample: str, scenario: str) -> pl.DataFrame:
    """Return the rows of a scenario that stand for AUTH commands.

    A row without a peer is the server's own trouble; a login by XCLIENT is a proxy's word, the AUTH was given there.
    """
    first, last = runs(sample).get(scenario, (0, 0))
    return events(sample).filter(
        pl.col("line_no").is_between(first, last),
        pl.col("stage") == "auth",
        pl.col("side") == "server",
        pl.col("protocol") == "smtp",
        pl.col("client_ip").is_not_null(),
        pl.col("mechanism").ne_missing("XCLIENT"),
    )


def expected(sample: str, scenario: str) -> list[set[str]]:
    """Return the outcomes that fit each AUTH command of a scenario."""
    gone = NO_TRACE.get((sample, scenario), {})
    return [fitting(scenario, command["reply"]) for i, command in enumerate(truth(sample)[scenario]) if i not in gone]


def fitting(scenario: str, reply: str | None) -> set[str]:
    """Return the outcomes that fit a reply."""
    if reply is None:
        return LEFT.get(scenario, (SILENT, ""))[0]
    for start, outcomes in VERDICTS:
        if reply.startswith(start):
            return outcomes
    for words, outcome in REASONS:
        if words in reply:
            return {outcome}
    return SHARPER.get(scenario, ({"failure"}, ""))[0]


SCENARIOS = [(s, name) for s in (NEW, OLD) for name in truth(s) if (s, name) not in HARNESS]


@pytest.mark.parametrize(("sample", "scenario"), SCENARIOS, ids=lambda x: x)
def test_every_auth_command_is_found_once(sample: str, scenario: str) -> None:
    wanted = expected(sample, scenario)
    rows = commands(sample, scenario)
    found = Counter[str]()
    for outcome, count in rows.select("outcome", "count").iter_rows():
        found[outcome] += count
    shown = rows.select("line_no", "outcome", "cause", "basis", "count", "user", "detail").rows()

    assert found.total() == len(wanted), shown
    assert unmatched(wanted, found) == [], shown


@pytest.mark.parametrize("sample", [NEW, OLD])
def test_a_success_is_never_a_failure(sample: str) -> None:
    for scenario, sent in truth(sample).items():
        if sent and all((c["reply"] or "").startswith("235") for c in sent):
            assert set(commands(sample, scenario)["outcome"]) <= {"success"}, scenario


@pytest.mark.parametrize("sample", [NEW, OLD])
def test_every_bare_refusal_gets_the_word_of_dovecot(sample: str) -> None:
    bare = events(sample).filter(pl.col("detail") == "(reason unavailable)")

    assert bare.height == {NEW: 27, OLD: 30}[sample]
    assert bare.filter(pl.col("basis") != "context").rows() == []
    assert bare["also"].list.len().min() >= 1


@pytest.mark.parametrize("sample", [NEW, OLD])
def test_a_penalty_delay_is_never_called_an_outage(sample: str) -> None:
    """Dovecot ran all the time and judged others in the same minute; one broken account or one dead socket is no outage."""
    lost = events(sample).filter(pl.col("detail").str.starts_with("Connection lost to authentication server"))

    assert lost.height == 6
    assert set(lost.select("outcome", "cause").iter_rows()) <= {
        ("throttled", "throttled_auth"),
        ("deferred", "unknown"),
    }


@pytest.mark.parametrize("sample", [NEW, OLD])
def test_dovecot_and_pam_never_count_what_postfix_or_a_login_process_counts(sample: str) -> None:
    others = events(sample).filter(
        pl.col("format") != "postfix", pl.col("stage") == "auth", pl.col("protocol") == "smtp"
    )

    assert others.filter(~pl.col("raw").str.contains("submission-login: ")).select("line_no", "format").rows() == []


@pytest.mark.parametrize("sample", [NEW, OLD])
def test_what_is_left_out_is_still_in_the_lab(sample: str) -> None:
    for table in (HARNESS, NO_TRACE):
        assert all(scenario in truth(s) for s, scenario in table if s == sample)
