"""One line explained: who takes it, what it means; a reply, a wrapped line, garbage; never a secret."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import explaining

if TYPE_CHECKING:
    from pathlib import Path

FAILED = (
    "Mar  2 09:00:00 mx postfix/submission/smtpd[7]: warning: unknown[192.0.2.9]: SASL LOGIN authentication failed: "
    "UGFzc3dvcmQ6, sasl_username=ann@example.com"
)
ISO = FAILED.replace("Mar  2 09:00:00", "2026-03-02T09:00:00.000000+01:00")


def first(text: str) -> dict[str, object]:
    """Return the first answer."""
    return sl.explain(text).row(0, named=True)


def fields(text: str) -> dict[str, str]:
    """Return the columns that the line fills."""
    return json.loads(str(first(text)["fields"]))


def test_a_failure_is_taken_and_told_in_full() -> None:
    answer = first(FAILED)

    assert {n: answer[n] for n in ("line_no", "verdict", "format", "pattern", "outcome", "cause", "basis")} == {
        "line_no": 1,
        "verdict": "taken",
        "format": "postfix",
        "pattern": "sasl_failure",
        "outcome": "failure",
        "cause": "bad_credentials",
        "basis": "assumed",
    }
    assert answer["text"] == FAILED
    assert all(answer[n] for n in ("meaning", "first_check", "fix", "who", "written_by"))
    assert fields(FAILED).items() >= {
        "user": "ann@example.com",
        "client_ip": "192.0.2.9",
        "mechanism": "LOGIN",
        "service": "submission",
        "pid": "7",
        "host": "mx",
    }.items()  # fmt: skip


def test_a_stamp_without_a_year_is_not_made_up_a_whole_one_is_told() -> None:
    assert "time" not in fields(FAILED)
    assert fields(ISO)["time"] == "2026-03-02 08:00:00+00:00"
    assert fields(ISO)["time_quality"] == "exact"


@pytest.mark.parametrize(
    "wrapped",
    [
        json.dumps({"log": ISO + "\n", "stream": "stdout", "time": "2026-03-02T08:00:00.1Z"}),
        f"2026-03-02T08:00:00.123456789Z stdout F {ISO}",
        json.dumps(
            {
                "__REALTIME_TIMESTAMP": "1772438400000000",
                "_HOSTNAME": "mx",
                "SYSLOG_IDENTIFIER": "postfix/submission/smtpd",
                "_PID": "7",
                "MESSAGE": ISO.partition("]: ")[2],
            }
        ),
    ],
    ids=["docker", "kubernetes", "journal"],
)
def test_a_wrapped_line_is_unwrapped(wrapped: str) -> None:
    assert first(wrapped)["pattern"] == "sasl_failure"
    assert fields(wrapped)["user"] == "ann@example.com"


def test_several_lines_are_numbered_as_they_stand_blank_ones_too() -> None:
    table = sl.explain(f"\n{FAILED}\r\n\n{ISO}\n")

    assert table["line_no"].unique().sort().to_list() == [2, 4]
    assert not table["text"].str.contains("\r").any()


def test_a_separator_inside_a_line_does_not_part_it() -> None:
    assert sl.explain(FAILED + "\x0b\x0c\x1c\u2028x")["line_no"].unique().to_list() == [1]


@pytest.mark.parametrize("text", ["", " ", "\n \r\n"])
def test_no_text_has_no_answer(text: str) -> None:
    assert sl.explain(text).height == 0
    assert sl.explain(text).schema == sl.explain(FAILED).schema


def test_a_reply_is_explained_by_the_catalogue() -> None:
    answer = first("535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6")

    assert (answer["verdict"], answer["outcome"], answer["cause"]) == ("a reply", "failure", "bad_credentials")
    assert all(answer[n] for n in ("meaning", "first_check", "fix", "who", "why"))


def test_the_lines_of_one_reply_are_one_reply() -> None:
    lines = [
        "535-5.7.8 Username and Password not accepted. For more",
        "535 5.7.8  information, go to",
        "250 ok",
        "535-5.7.8 x",
    ]

    table = sl.explain("\n".join(lines))

    assert table["line_no"].unique(maintain_order=True).to_list() == [1, 3, 4]
    assert table["text"].unique(maintain_order=True).to_list() == ["\n".join(lines[:2]), "250 ok", "535-5.7.8 x"]
    assert table["why"][0] == "the text 'username and password not accepted'"


def test_a_reply_is_not_joined_with_another_code() -> None:
    assert sl.explain("535-5.7.8 a\n454 4.7.0 b")["line_no"].unique().sort().to_list() == [1, 2]


@pytest.mark.parametrize(
    "text", ["garbage", "\x00\x01\x02", "{", "\x1b[31mred", "{{7*7}}", "12", "9" * 10_000, "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")]
)  # fmt: skip
def test_garbage_is_not_understood(text: str) -> None:
    table = sl.explain(text)

    assert table["verdict"].to_list() == ["not understood"]
    assert table["why"].item().startswith("no envelope known to smtplogs")


def test_a_line_of_another_program_is_dismissed() -> None:
    answer = first("Mar  2 09:00:00 mx CRON[12]: (root) CMD (ls)")

    assert (answer["verdict"], answer["why"]) == ("dismissed", "no format claims lines of 'CRON'")


def test_a_line_of_ours_that_nothing_takes_is_not_understood_and_says_what_came_near() -> None:
    table = sl.explain("Mar  2 09:00:00 mx postfix/smtpd[7]: warning: SASL LOGIN authentication failed in a new way")

    assert table["verdict"][0] == "not understood"
    assert table["format"][0] == "postfix"
    assert table["why"][0] == "the words of these patterns are there, but none fits"
    assert set(table["verdict"][1:]) == {"looked at"}
    assert "sasl_failure" in table["pattern"].to_list()


def test_a_line_is_taken_or_dismissed_once() -> None:
    for line in (FAILED, "Mar  2 09:00:00 mx dovecot: auth: Debug: client in: AUTH\t1\tPLAIN\tservice=smtp"):
        verdicts = sl.explain(line)["verdict"].to_list()
        assert sum(v in ("taken", "context only", "dismissed") for v in verdicts) == 1
        assert set(verdicts) <= {"taken", "context only", "looked at", "less likely", "could also be"}


def test_context_is_told_as_context() -> None:
    assert first("Mar  2 09:00:00 mx postfix/smtpd[7]: connect from unknown[192.0.2.9]")["verdict"] == "context only"


def test_a_repeat_is_counted() -> None:
    message = FAILED.partition("]: ")[2]
    line = f"Mar  2 09:00:00 mx postfix/submission/smtpd[7]: message repeated 3 times: [ {message}]"

    assert fields(line)["count"] == "3"


def test_too_many_lines_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"201 lines are too many to explain \(at most 200\); use read and coverage"):
        sl.explain("x\n" * 201)
    monkeypatch.setattr(explaining, "MAX_LINES", 12)
    assert sl.explain("x\n" * 12).height == 12
    with pytest.raises(ValueError, match=r"13 lines are too many to explain \(at most 12\)"):
        sl.explain("x\n" * 13)


def test_the_sample_of_every_pattern_is_explained_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in (
            "connect from unknown[192.0.2.9]",
            "disconnect from unknown[192.0.2.9] ehlo=1 auth=0/1 commands=1/2",
        ):
            assert first(f"Mar  2 09:00:00 mx postfix/smtpd[7]: {text}")["pattern"]


def test_what_explain_says_agrees_with_what_read_makes_of_the_line(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text(ISO + "\n")
    event = sl.read(log).filter(pl.col("stage") == "auth").row(0, named=True)

    assert {n: str(event[n]) for n in ("user", "client_ip", "mechanism", "detail", "service")}.items() <= fields(
        ISO
    ).items()
    assert (event["outcome"], event["cause"], event["basis"]) == tuple(
        first(ISO)[n] for n in ("outcome", "cause", "basis")
    )


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "Cannot send message using the server mail.example.com\nThe sender address ann@example.com was rejected.\n\n"
            "The server response was: 5.7.0 Authentication Required.",
            "auth_required",
        ),
        (
            "Das Senden der Nachricht ist fehlgeschlagen.\nDer Postausgangs-Server (SMTP) mail.example.com unterstützt die "
            "gewählte Authentifizierungsmethode nicht.",
            "mechanism_unsupported",
        ),
        ("MailKit.Security.AuthenticationException: 535: 5.7.8 Error: authentication failed", "bad_credentials"),
        ("554-Transaction failed\n554-Unauthorized sender address.\n554 For explanation visit us", "sender_not_owned"),
        ("Net::OpenTimeout (execution expired)", "service_unavailable"),
        ("javax.net.ssl.SSLHandshakeException: No appropriate protocol (protocol is disabled or cipher suites are inappropriate)", "tls_too_old"),
    ],
)  # fmt: skip
def test_prose_around_a_refusal_comes_behind_it(text: str, cause: str) -> None:
    assert first(text)["cause"] == cause


def test_lines_of_logs_stay_in_their_order() -> None:
    lines = sl.explain(f"Mar  2 09:00:00 mx postfix/smtpd[7]: odd words of AUTH\n{FAILED}")["line_no"].to_list()
    assert lines == sorted(lines)


@pytest.mark.parametrize("marks", ['""', "''", "``", "“”"])
def test_quotation_marks_around_a_reply_come_off(marks: str) -> None:
    text = "535 5.7.8 Error: authentication failed:"

    assert sl.explain(f" {marks[0]}{text}{marks[1]}\n").drop("text").equals(sl.explain(text).drop("text"))
    assert sl.explain(text)["cause"].first() == "bad_credentials"


@pytest.mark.parametrize(("text", "cause"), [("authentication failed", "bad_credentials"), ("-1", None), ("12", None)])
def test_a_reason_is_known_by_its_shape_if_it_has_words(text: str, cause: str | None) -> None:
    assert sl.explain(text)["cause"].first() == cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [("5.7.8", "unknown"), ("5.7.57", "auth_required"), ("5.7.139", "auth_disabled_by_policy"), ("4.7.0", "unknown")],
)
def test_a_status_code_alone_is_no_silent_handshake(text: str, cause: str) -> None:
    answers = sl.explain(text)

    assert answers["cause"].first() == cause
    assert "tls_handshake_failed" not in answers["cause"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("0x800CCC92", "bad_credentials"),
        ("0x800ccc80", "mechanism_unsupported"),
        ("Sending reported error (0x800CCC1A)", "wrong_host_or_port"),
        ("0x800CCC0E", "service_unavailable"),
        ("0x800CCC6F", None),
    ],
)
def test_the_number_in_a_window_of_outlook_is_known_and_no_secret(text: str, cause: str | None) -> None:
    answers = sl.explain(text)

    assert answers["text"].first() == text
    assert answers["cause"].first() == cause
