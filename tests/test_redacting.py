"""No secret leaves: whatever shape it has in a log, it stands in no table, file, report or terminal text of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import cli, redacting

if TYPE_CHECKING:
    from pathlib import Path

STAMP = "2026-03-02T09:00:{:02d}.000000+00:00 mx "

PLANTED: dict[str, tuple[str, str]] = {
    "given password (Dovecot)": (
        "planted-01)x",
        "dovecot: auth-worker(12): sql(ann@example.com,192.0.2.9): Password mismatch (given password: planted-01)x)",
    ),
    "given password, unknown user": (
        "planted-02",
        "dovecot: auth: passwd-file(bob@example.com,192.0.2.9): unknown user (given password: planted-02)",
    ),
    "given password, cut line": (
        "planted-03 and",
        "dovecot: auth: passwd-file(bob@example.com,192.0.2.9): unknown user (given password: planted-03 and mo",
    ),
    "SHA1 of a password": (
        "b1b3773a05c0ed01",
        "dovecot: auth-worker(12): sql(ann@example.com,192.0.2.9): Password mismatch (SHA1 of given password: "
        "b1b3773a05c0ed01) - trying the next passdb",
    ),
    "resp= of a debug line": (
        "AGFubgBwbGFudGVkLTA0",
        "dovecot: auth: Debug: client in: AUTH\t1\tPLAIN\tservice=smtp\tresp=AGFubgBwbGFudGVkLTA0",
    ),
    "resp= on a line not understood": (
        "AGFubgBwbGFudGVkLTA1",
        "dovecot: auth: what is this authentication failed resp=AGFubgBwbGFudGVkLTA1",
    ),
    "AUTH PLAIN, improper command": (
        "AGFubgBwbGFudGVkLTA2",
        "postfix/smtpd[7]: improper command pipelining after AUTH from unknown[203.0.113.9]: AUTH PLAIN "
        "AGFubgBwbGFudGVkLTA2\\r\\nMAIL FROM:",
    ),
    "pipelined text": (
        "cGxhbnRlZC0wNw==",
        "postfix/smtpd[7]: improper command pipelining after AUTH from unknown[203.0.113.9]: cGxhbnRlZC0wNw==\\r\\n",
    ),
    "non-SMTP command": (
        "cGxhbnRlZC0wOA==",
        "postfix/smtpd[7]: warning: non-SMTP command from unknown[203.0.113.9]: cGxhbnRlZC0wOA==",
    ),
    "smtpd -v, AUTH PLAIN": (
        "AGFubgBwbGFudGVkLTA5",
        "postfix/smtpd[7]: < unknown[203.0.113.9]: AUTH PLAIN AGFubgBwbGFudGVkLTA5",
    ),
    "smtpd -v, answer to a challenge": (
        "cGxhbnRlZC0xMA==",
        "postfix/smtpd[7]: < unknown[203.0.113.9]:587: cGxhbnRlZC0xMA==",
    ),
    "smtpd -v, initial response": (
        "AGFubgBwbGFudGVkLTEx",
        "postfix/smtpd[7]: smtpd_sasl_authenticate: sasl_method PLAIN, init_response AGFubgBwbGFudGVkLTEx",
    ),
    "smtp -v, password of the relay": (
        "planted-12",
        "postfix/smtp[8]: smtp_sasl_passwd_lookup: host `smtp.example.net' user `ann' pass `planted-12'",
    ),
    "smtp -v, LOGIN": (
        "cGxhbnRlZC0xMw==",
        "postfix/smtp[8]: > smtp.example.net[192.0.2.25]:587: cGxhbnRlZC0xMw==",
    ),
    "URL": (
        "planted-14",
        "dovecot: auth: Error: ldap authentication failed: ldaps://cn=proxy:planted-14@ldap.example.com/ down",
    ),
    "password=": (
        "planted-15",
        "dovecot: auth: Error: sql(ann@example.com): authentication failed: connect host=db password=planted-15 no",
    ),
    "foreign program, AUTH LOGIN": (
        "cGxhbnRlZC0xNg==",
        "milter[9]: connect from 203.0.113.9: authentication failed: AUTH LOGIN cGxhbnRlZC0xNg==",
    ),
    "XOAUTH2 token": (
        "dXNlcj1hbm4BYXV0aD1wbGFudGVkLTE3",
        "postfix/smtpd[7]: < unknown[203.0.113.9]: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1wbGFudGVkLTE3",
    ),
    "password as user name (Postfix)": (
        "Planted-18!",
        "postfix/smtpd[7]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: "
        "(reason unavailable), sasl_username=Planted-18!",
    ),
    "password as user name (Dovecot)": (
        "Planted-19!",
        "dovecot: auth: passwd-file(Planted-19!,203.0.113.9): unknown user",
    ),
    "password as user name (imap-login)": (
        "Planted-20!",
        "dovecot: submission-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): "
        "user=<Planted-20!>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, TLS, session=<abc>",
    ),
    "password as user name, line not understood": (
        "Planted-21!",
        "postfix/smtpd[7]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed in a new way, "
        "sasl_username=Planted-21!",
    ),
}
"""name -> (what must not come out, the line after its stamp)."""

LINES = [STAMP.format(i) + line for i, (_, line) in enumerate(PLANTED.values())]


def leaks(text: bytes | str) -> list[str]:
    """Return the names of the secrets that stand in a text, or in what is left of them when cut in two."""
    data = text.encode() if isinstance(text, str) else text
    return [name for name, (secret, _) in PLANTED.items() if secret.encode() in data]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log in which every secret stands, and a login that makes the rest worth telling."""
    path = tmp_path_factory.mktemp("secrets") / "mail.log"
    path.write_text("\n".join([*LINES, *LINES]) + "\n")
    return path


def test_the_log_holds_all_secrets(log: Path) -> None:
    assert leaks(log.read_bytes()) == list(PLANTED)


@pytest.mark.parametrize("traffic", [True, False])
def test_no_table_holds_a_secret(log: Path, traffic: bool) -> None:
    tables = sl.read(log, full=True) if traffic else (sl.read(log),)

    for table in tables:
        assert leaks(table.write_json()) == []


def test_lines_not_understood_are_shown_without_their_secrets(log: Path) -> None:
    examples = sl.coverage(log).filter(pl.col("program").is_null())["examples"].explode().to_list()

    assert len(examples) > 2
    assert leaks("\n".join(examples)) == []


@pytest.mark.parametrize("ending", [".csv", ".ndjson", ".parquet"])
@pytest.mark.parametrize("command", ["read", "findings", "evidence", "coverage", "summary"])
def test_no_written_file_holds_a_secret(log: Path, tmp_path: Path, command: str, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    with pytest.raises(SystemExit):
        cli.main([command, str(log), "-o", str(out)])

    data = out.read_bytes() if ending != ".parquet" else pl.read_parquet(out).write_json()
    assert leaks(data) == []
    assert leaks(out.read_bytes()) == []


@pytest.mark.parametrize("command", ["triage", "read", "findings", "evidence", "coverage", "sessions"])
def test_no_text_on_the_terminal_holds_a_secret(log: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, str(log)])

    said = capsys.readouterr()
    assert said.out
    assert leaks(said.out + said.err) == []


@pytest.mark.parametrize("ending", [".html", ".md"])
def test_no_report_holds_a_secret(log: Path, tmp_path: Path, ending: str) -> None:
    events, coverage, traffic = sl.read(log, full=True)

    page = sl.report(events, tmp_path / f"r{ending}", coverage=coverage, traffic=traffic)

    assert leaks(page.read_bytes()) == []


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("wrap", ["{}", "2026-03-02T09:00:00.123456789Z stdout F {}"], ids=["bare", "kubernetes"])
def test_no_explanation_holds_a_secret(name: str, wrap: str) -> None:
    answer = sl.explain(wrap.format(STAMP.format(1) + PLANTED[name][1]))

    assert answer.height
    assert leaks(answer.write_json()) == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("AUTH PLAIN AGFubgBwbGFudGVkLTA2", "AGFubgBwbGFudGVkLTA2"),
        ("auth plain AGFubgBwbGFudGVkLTA2", "AGFubgBwbGFudGVkLTA2"),
        ("C: AUTH LOGIN YW5u", "YW5u"),
        ("https://ann:planted@example.com/", "planted"),
        ("535 5.7.8 password=planted refused", "planted"),
        ("AUTH PLAIN AGFubgBwbGFudGVkLTA2[7]: authentication failed", "AGFubgBwbGFudGVkLTA2"),
    ],
)
def test_no_explanation_of_a_pasted_text_holds_a_secret(text: str, secret: str) -> None:
    assert secret not in sl.explain(text).write_json()


def test_names_that_look_like_passwords_become_pseudonyms_of_this_run() -> None:
    names = pl.Series(["ann@example.com", "Planted-18!", "Planted-18!", "Planted-19!", None, "ann", "backup2026"])

    said = redacting.pseudonyms(names)

    assert said[0] == "ann@example.com"
    assert said[1] == said[2] == redacting.pseudonym("Planted-18!")
    assert said[1] != said[3]
    assert said.to_list()[4:] == [None, "ann", "backup2026"]


@pytest.mark.parametrize(
    ("name", "suspicious"),
    [
        ("Abcdef1", False),  # 7 long
        ("Abcdefg1", True),  # 8 long, three classes
        ("abcdefg1", False),  # two classes
        ("Abcdefg1@example.com", False),
        ("mail-user-7", True),
        (r"EXAMPLE\ann.lee", False),  # a domain of Windows and a name
        (r"EXAMPLE\Ann7", False),
        (r"Secret\12xy34", True),  # no name behind the backslash
        (r"ABCDEFGHIJKLMNO\ann", False),
        (r"ABCDEFGHIJKLMNOP\ann", True),  # a domain has at most 15 letters
        ("Ann.Müller", False),
        ("Ann-Lise.Lee-Smith", False),
        ("Ann.Lee2026!", True),
        ("Ann.Lee.Secret", True),
        ("", False),
        (None, False),
        ("[redacted:user]#00000000", False),
    ],
)
def test_what_looks_like_a_password(name: str | None, suspicious: bool) -> None:
    frame = pl.DataFrame({"user": [name]}, schema={"user": pl.String})

    assert frame.select(redacting.looks_like_password(pl.col("user"))).item() is suspicious


def test_text_without_secrets_stays_as_it_is() -> None:
    texts = [
        "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=ann",
        "AUTH PLAIN is not allowed here",
        "see https://www.example.com/?p=BadCredentials",
        None,
    ]
    frame = pl.DataFrame({"raw": texts[:1] + texts[2:]})

    said = redacting.without_secrets(frame, "raw")

    assert said["raw"].to_list() == frame["raw"].to_list()
    assert said["redacted"].null_count() == said.height


def test_the_kind_of_the_secret_is_named() -> None:
    frame = pl.DataFrame({"detail": ["x (given password: y)", "a"], "raw": ["l x (given password: y)", "l a"]})

    said = redacting.without_secrets(frame, "detail", "raw")

    assert said.to_dicts() == [
        {"detail": "x (given password: [redacted])", "raw": "l x (given password: [redacted])", "redacted": "password"},
        {"detail": "a", "raw": "l a", "redacted": None},
    ]
