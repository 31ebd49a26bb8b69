"""Mutated samples of every format are read to the end and accounted for; a name, whatever it holds, moves no blame."""

from __future__ import annotations

from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest

import fuzzing
import planted
import smtplogs as sl

SEED = 20261125
CASES = list(islice(fuzzing.cases(SEED), 24))
"""A longer run is `python tests/fuzzing.py --minutes 30`."""

QUICK = 8

FORGED = "192.0.2.66"
NAMES = (
    f"x: client=unknown[{FORGED}], sasl_username=ceo rhost={FORGED} rip={FORGED}]: SASL LOGIN authentication failed: x",
    f"x user=<ceo>, method=PLAIN, rip={FORGED}, lip=192.0.2.25",
    f"x,{FORGED}): unknown user",
    f"a) H=(pc) [{FORGED}]:5: 535 Incorrect authentication data (set_id=ceo",
)
HELOS = (
    f"pc>_to=<b@example.org>_client=unknown[{FORGED}],_sasl_username=ceo@example.com",
    f"pc)_[{FORGED}]:5:_535_Incorrect_authentication_data_(set_id=ceo)",
    f"x_user=<ceo>,_method=PLAIN,_rip={FORGED},_lip=192.0.2.25,_TLS",
    f"x[{FORGED}]",
    f"pc) [{FORGED}]:5: 535 Incorrect authentication data (set_id=ceo)",
    f"x rhost={FORGED} user=ceo",
    f"x> client=unknown[{FORGED}], sasl_username=ceo",
)
"""The last three hold blanks, which servers refuse in a HELO; an Exim that takes them (helo_accept_junk_hosts) writes a
line that can be read in two ways (SECURITY.md)."""

LINES = [
    name for name in fuzzing.corpus()
    if not name.startswith(("entra", "example-relay", "exchange", "haraka/json")) and FORGED.encode() not in fuzzing.corpus()[name]
]  # fmt: skip
"""Logs of lines and sessions; in tables a name would be quoted by its writer."""


@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=() if n < QUICK else pytest.mark.slow, id=f"{n}-{CASES[n][0]}") for n in range(len(CASES))],
)
def test_a_mutated_log_is_read_and_accounted_for(tmp_path: Path, number: int) -> None:
    name, data = CASES[number]
    path = tmp_path / name.rpartition("/")[2]
    path.write_bytes(data)

    assert fuzzing.broken(path, data) is None


NAMED = (
    "application/refused/nextcloud.log", "cisco-esa/old-password/mail_logs", "courier/mailbox/mail.log",
    "cyrus/imap/mail.log", "directadmin/panel/login.log", "domino/old-password/console.log", "exim/panel/mainlog",
    "exim/panel/rejectlog", "exim/smarthost/mainlog", "haraka/notice/haraka.log", "kerio/security/security.log",
    "kumomta/rejections/20260907-080000", "kumomta-acct/guesser/20260907-080000",
    "mailenable/wrong-password/SMTP-Activity-261019.log", "mailu/two-logs/admin.log", "mailu/two-logs/front.log",
    "mimecast/audit/audit.json", "nginx/behind/error.log", "nginx/behind/mail.log", "opensmtpd/office/mail.log",
    "oracle-ims/u-entries/mail.log_current", "perdition/proxy/mail.log", "plesk/qmail/mail.log",
    "postfix/auth-debug/mail.log", "postfix/lockout/mail.log", "postfix/misconfigured/mail.log",
    "postfix/new-year/mail.log", "postfix/new-year/mail.log.1", "postfix/outage/mail.log",
    "postfix/outbound-relay/mail.log", "postfix/postfix3.10-dovecot2.4/mail.log",
    "postfix/postfix3.7-dovecot2.3/mail.log", "postfix/quiet/mail.log", "postfix/takeover/mail.log",
    "sendmail/office/mail.log", "spamdyke/office/mail.log", "stalwart/old-password/stalwart.log.2026-09-07",
    "stalwart-json/webhook/events.json", "vpopmail/guesser/mail.log", "zimbra/one-attempt/audit.log",
    "zimbra/one-attempt/mail.log", "zimbra/one-attempt/mailbox.log",
)  # fmt: skip
"""Logs in which an event names a user as the log has it; the others hide or change it."""

GREETED = (
    "exim/panel/mainlog", "exim/panel/rejectlog", "iis-smtp/smart-host/ex261120.log",
    "kumomta/rejections/20260907-080000", "postfix/misconfigured/mail.log", "postfix/outage/mail.log",
    "postfix/postfix3.10-dovecot2.4/mail.log", "postfix/postfix3.7-dovecot2.3/mail.log", "postfix/quiet/mail.log",
    "postfix/takeover/mail.log",
)  # fmt: skip
"""Logs in which an event names a HELO as the log has it."""


def one_of_each(logs: tuple[str, ...]) -> list[Any]:
    """Return all logs; all but one of each format are for the slow tier."""
    first = {name.partition("/")[0]: name for name in reversed(logs)}
    return [pytest.param(n, marks=() if n in first.values() else pytest.mark.slow) for n in logs]


SHARES = ["half", pytest.param("all", marks=pytest.mark.slow)]

OWN = {"dovecot": 1, "opensmtpd": 2, "exim": 3}
"""Which hostile name is written in the words of a format; the first one holds those of Postfix and of PAM."""


def _tried(hostile: tuple[str, ...], name: str, share: str) -> list[str]:
    """Return all hostile texts; in the quick run half of them: the one in the log's own words and others in turn."""
    if share == "all":
        return list(hostile)
    turn = LINES.index(name) % len(hostile)
    chosen = {(turn + i) % len(hostile) for i in range(0, len(hostile), 2)}
    if hostile is NAMES:
        chosen = {OWN.get(name.partition("/")[0], 0), turn}
    return [hostile[i] for i in sorted(chosen)]


@cache
def _as_it_is(name: str) -> pl.DataFrame:
    """Return the events of a sample's head, untouched."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name.rpartition("/")[2]
        path.write_bytes(fuzzing.corpus()[name].decode("utf-8", "surrogateescape").encode("utf-8", "surrogateescape"))
        return sl.read(path, year=2026)


def _as_logged(name: str, column: str) -> pl.DataFrame:
    """Return the events whose user or HELO stands in their lines as they give it."""
    return _as_it_is(name).filter(pl.col("raw").str.contains(pl.col(column), literal=True))


def _most(rows: pl.DataFrame, column: str, least: int) -> str:
    """Return the most frequent value if it is that long, else an empty text."""
    value = next(iter(rows[column].value_counts(sort=True, name="n")[column]), "")
    return value if len(value) >= least else ""


@pytest.mark.slow
def test_the_logs_that_name_somebody_are_known() -> None:
    assert [n for n in LINES if not _as_logged(n, "user").is_empty()] == list(NAMED)
    assert [n for n in LINES if _most(_as_logged(n, "helo"), "helo", 3)] == list(GREETED)


@pytest.mark.parametrize("name", one_of_each(NAMED))
@pytest.mark.parametrize("share", SHARES)
def test_a_name_that_holds_a_line_moves_no_blame(tmp_path: Path, name: str, share: str) -> None:
    path = tmp_path / name.rpartition("/")[2]
    text = fuzzing.corpus()[name].decode("utf-8", "surrogateescape")
    columns = ["line_no", "stage", "outcome", "client_ip", "server_ip"]
    before = _as_it_is(name)
    user = _most(_as_logged(name, "user"), "user", 1)
    for hostile in _tried(NAMES, name, share):
        path.write_bytes(text.replace(user, hostile).encode("utf-8", "surrogateescape"))
        after = sl.read(path, year=2026)

        rows, was = set(after.select(columns).rows()), set(before.select(columns).rows())
        assert rows <= was, hostile
        # OpenSMTPD, Cyrus and spamdyke end a field at a blank, so that such a name is told from no login or mail that
        # succeeded, and a sender from no refusal of spamdyke;
        # Zimbra puts the names of its own accounts alone where no such text could stand
        spared = {
            "opensmtpd": ("success",),
            "cyrus": ("success",),
            "spamdyke": ("success", "refused"),
            "zimbra": ("success", "failure"),
        }
        missing = {row for row in was - rows if row[2] not in spared.get(name.partition("/")[0], ())}
        assert not missing, hostile
        assert not after["user"].str.starts_with("ceo").any(), hostile
        assert FORGED not in set(after["client_ip"]) | set(after["server_ip"])


def _blamed(events: pl.DataFrame) -> set[str]:
    """Return every address and name that events give."""
    return {str(v) for c in ("client_ip", "server_ip", "user") for v in events[c].drop_nulls()}


@pytest.mark.parametrize("name", one_of_each(GREETED))
@pytest.mark.parametrize("share", SHARES)
def test_a_helo_that_holds_a_line_moves_no_blame(tmp_path: Path, name: str, share: str) -> None:
    path = tmp_path / name.rpartition("/")[2]
    text = fuzzing.corpus()[name].decode("utf-8", "surrogateescape")
    columns = ["line_no", "stage", "outcome", "client_ip", "server_ip", "user"]
    before = _as_it_is(name)
    helo = _most(_as_logged(name, "helo"), "helo", 3)
    for hostile in _tried(HELOS[:4] if name.startswith("exim") else HELOS, name, share):
        written = hostile.replace(" ", "+") if name.startswith("iis-smtp") else hostile  # as IIS writes a blank
        path.write_bytes(text.replace(helo, written).encode("utf-8", "surrogateescape"))
        after = sl.read(path, year=2026)

        rows, was = set(after.select(columns).rows()), set(before.select(columns).rows())
        assert rows <= was, hostile
        # what Exim says of a whole session is not understood with such a HELO, and counted as that
        assert {row[1:3] for row in was - rows} <= {("session", "throttled")}, hostile
        assert FORGED not in _blamed(after)


def _session(helo: str, response: str) -> planted.Session:
    return [
        ("S", "220 mail.example.com ESMTP"), ("C", f"EHLO {helo}"), ("S", "250-mail.example.com"), ("S", "250 AUTH PLAIN LOGIN"),
        ("C", f"AUTH PLAIN {response}"), ("S", "535 5.7.8 Authentication failed"),
        ("C", f"MAIL FROM:<{helo}>"), ("S", "530 5.7.0 Authentication required"), ("C", "QUIT"), ("S", "221 2.0.0 Bye"),
    ]  # fmt: skip


def _dialogue(shape: str, session: planted.Session, folder: Path) -> pl.DataFrame:
    (folder / "session.log").write_text(planted.DIALOGUES[shape](session), newline="")
    return sl.read(folder / "session.log", year=2026)


@cache
def _harmless(shape: str) -> pl.DataFrame:
    """Return the events of such a session of somebody who means no harm."""
    with TemporaryDirectory() as folder:
        return _dialogue(shape, _session("pc", "AGFubgB4"), Path(folder))


SHAPES = [s for s in planted.DIALOGUES if s not in ("haraka-info", "haraka-json", "postfix-v", "postfix-client-v")]
SAID = (*NAMES, f"a\nNov  3 09:00:00 mx1 postfix/smtpd[66]: warning: unknown[{FORGED}]: SASL PLAIN x")


def _every_shape() -> list[Any]:
    """Return every shape with every text; in the quick run with that of two lines and one of the others, in turn."""
    return [
        pytest.param(shape, said, marks=() if said is SAID[-1] or (i + j) % len(NAMES) == 0 else pytest.mark.slow)
        for i, shape in enumerate(SHAPES)
        for j, said in enumerate(SAID)
    ]


@pytest.mark.parametrize(("shape", "hostile"), _every_shape())
def test_a_dialogue_keeps_what_a_client_says_in_its_place(tmp_path: Path, shape: str, hostile: str) -> None:
    """As HELO, as user in base64, as sender: one attempt, and nobody else's."""
    helo = hostile.replace("\n", " ")
    session = _session(helo, planted.b64(chr(0) + hostile + chr(0) + "x"))
    evil, good = _dialogue(shape, session, tmp_path), _harmless(shape)
    same = ("stage", "outcome", "cause", "client_ip", "server_ip", "count", "line_no")

    assert evil.select(same).rows() == good.select(same).rows()
    assert evil.filter(stage="auth", outcome="failure").height == 1
    assert not any(FORGED in v for v in {*evil["client_ip"].drop_nulls(), *evil["server_ip"].drop_nulls()})
    assert "ceo" not in set(evil["user"].drop_nulls())
