"""probe: real servers on loopback, good and bad; secrets nowhere; what it says is read back."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

import smtplogs as sl
from live_servers import certificate, context, serving, smtp
from smtplogs import cli, errors
from smtplogs.probing import PORTS_IN_TURN, certificates, sessions

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine
    from pathlib import Path

SECRET = "Pl4nted-s3cret/xyz"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


def causes(told: sl.probing.Probe, *, problem: bool = True) -> set[str | None]:
    return set(told.verdicts.filter(pl.col("problem") == problem)["cause"].to_list())


def ask(port: int, **more: object) -> sl.probing.Probe:
    return sl.probe(f"127.0.0.1:{port}", **({"timeout": 2.0, "versions": False} | more))


def test_a_good_server_offers_auth_only_after_tls_and_that_is_normal(pem: Path) -> None:
    with serving(smtp(tls=context(pem))) as port:
        told = ask(port, cafile=pem, versions=True)
    row = told.ports.row(0, named=True)

    assert told.exit_code == 0
    assert (row["auth_before"], row["auth_after"], row["tls"], row["trusted"]) == (
        [],
        ["PLAIN", "LOGIN"],
        "TLSv1.3",
        True,
    )
    assert row["cert_days_left"] == 90
    assert row["cert_names"] == ["localhost", "127.0.0.1", "::1"]
    assert row["cert_chain"] == ["CN=localhost"]
    assert row["tls_accepted"] == ["TLSv1.2", "TLSv1.3"]
    assert row["tls_refused"] == ["TLSv1", "TLSv1.1"]
    assert all(row[f"{s}_s"] >= 0 for s in ("connect", "banner", "ehlo", "starttls", "tls", "ehlo_tls", "quit"))
    assert "auth_not_offered" in causes(told, problem=False)
    assert any("That is normal" in text for text in told.verdicts["told"])
    assert told.commands == [
        f"openssl s_client -connect 127.0.0.1:{port} -starttls smtp -CAfile {pem} -crlf -ign_eof",
        f"swaks --server 127.0.0.1 --port {port} --tls-optional --quit-after EHLO",
    ]


@pytest.mark.parametrize(
    ("talk", "cause", "code"),
    [
        (lambda s: time.sleep(3), "timeout", 1),
        (lambda s: s.sendall(b"\x00\xffHTTP/1.1 400 \x1b[31mBad\r\n\r\n"), "wrong_host_or_port", 1),
        (lambda s: s.sendall(b"421 4.7.0 too many connections from your IP\r\n"), "throttled_connection", 1),
        (lambda s: None, "connection_lost", 1),
        (lambda s: [(s.sendall(b"2"), time.sleep(0.2)) for _ in range(40)], "timeout", 1),
        (lambda s: s.sendall(b"220-" + b"x" * 9000 + b"\r\n"), "wrong_host_or_port", 1),
        (lambda s: s.sendall(b"220-x\r\n" * 500), "wrong_host_or_port", 1),
    ],
    ids=["silent", "garbage", "421", "closes", "trickles", "long line", "endless reply"],
)  # fmt: skip
def test_a_server_that_is_none_is_told_apart_in_time(talk, cause: str, code: int) -> None:
    start = time.monotonic()
    with serving(talk) as port:
        told = ask(port, timeout=0.5)

    assert time.monotonic() - start < 7  # the slowest of them talks for 8 s; a busy machine takes its own time
    assert cause in causes(told)
    assert told.exit_code == code
    assert told.transcript.isprintable() or "\x1b" not in told.transcript


def test_a_slow_server_is_waited_for(pem: Path) -> None:
    with serving(smtp(tls=context(pem), slow=0.3)) as port:
        told = ask(port, cafile=pem)

    assert told.exit_code == 0
    assert told.ports["banner_s"][0] >= 0.1  # on a busy machine the server may have begun to wait before our clock


def test_nothing_there_is_exit_code_2() -> None:
    with socket.socket() as deaf:  # bound, so that nobody else takes the port, and not listening
        deaf.bind(("127.0.0.1", 0))
        told = ask(deaf.getsockname()[1])

    assert (told.exit_code, causes(told)) == (2, {"service_unavailable"})


def test_an_expired_certificate_is_named_with_its_date(tmp_path: Path) -> None:
    pem = certificate(tmp_path, days=-3)
    with serving(smtp(tls=context(pem))) as port:
        told = ask(port, cafile=pem, user="ann@example.com", password=SECRET)

    assert told.exit_code == 1
    assert told.ports["distrust"][0] == "certificate has expired"
    assert "expired" in " ".join(told.verdicts["told"])
    assert "AUTH " not in told.transcript.replace("250 AUTH PLAIN LOGIN", "").replace("250-AUTH PLAIN LOGIN", "")
    assert any("to protect the secret" in text for text in told.verdicts["told"])


def test_only_old_tls_is_too_old(pem: Path) -> None:
    with serving(smtp(tls=context(pem, old=True))) as port:
        told = ask(port, cafile=pem, versions=True)

    assert "tls_too_old" in causes(told)
    assert told.ports["tls_accepted"][0].to_list() == ["TLSv1"]


@pytest.mark.parametrize(("wrapper", "mode"), [(True, "starttls"), (False, "wrapper")])
def test_wrapper_and_starttls_are_not_mixed_up(pem: Path, wrapper: bool, mode: str) -> None:
    with serving(smtp(tls=context(pem), wrapper=wrapper)) as port:
        told = ask(port, cafile=pem, mode=mode, timeout=1.0)
        right = ask(port, cafile=pem, mode="wrapper" if wrapper else "starttls")

    assert "wrong_host_or_port" in causes(told)
    assert told.ports["tls"][0] == "TLSv1.3"
    assert right.exit_code == 0


def test_no_auth_is_a_problem_but_not_said_of_its_state_before_tls(pem: Path) -> None:
    with serving(smtp(tls=context(pem), after=())) as port:
        told = ask(port, cafile=pem)

    assert (told.exit_code, causes(told)) == (1, {"auth_not_offered"})


@pytest.mark.parametrize(
    ("offered", "more", "cause"),
    [
        ("AUTH PLAIN LOGIN", {"password": SECRET, "mechanism": "CRAM-MD5"}, "mechanism_unsupported"),
        ("AUTH XOAUTH2 OAUTHBEARER", {"password": SECRET}, "oauth_required"),
        ("AUTH PLAIN", {"token": SECRET}, "mechanism_unsupported"),
    ],
)
def test_a_mechanism_not_offered_is_never_tried(pem: Path, offered: str, more: dict[str, str], cause: str) -> None:
    seen: list[str] = []
    with serving(smtp(tls=context(pem), after=(offered,), seen=seen)) as port:
        told = ask(port, cafile=pem, user="ann@example.com", **more)

    assert cause in causes(told)
    assert not [line for line in seen if line.startswith("AUTH")]


@pytest.mark.parametrize(
    ("mechanism", "more", "wants"),
    [
        ("PLAIN", {"password": SECRET}, 0), ("LOGIN", {"password": SECRET}, 2), ("CRAM-MD5", {"password": SECRET}, 1),
        ("XOAUTH2", {"token": SECRET}, 0), ("OAUTHBEARER", {"token": SECRET}, 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("answer", ["235 2.7.0 ok", f"535 5.7.8 wrong: {SECRET} %LINE%"])
def test_one_auth_only_and_the_secret_is_nowhere(
    pem: Path, tmp_path: Path, mechanism: str, more: dict[str, str], wants: int, answer: str, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    seen: list[str] = []
    server = smtp(tls=context(pem), after=(f"AUTH {mechanism}",), answer=answer, wants=wants, seen=seen)
    with serving(server) as port:
        told = ask(port, cafile=pem, user="ann@example.com", **more)
        tries = [line for line in seen if line.startswith("AUTH")]
        monkeypatch.setenv("THE_SECRET", SECRET)
        kind = "--token-env" if "token" in more else "--password-env"
        arguments = [
            "probe",
            f"127.0.0.1:{port}",
            "--cafile",
            str(pem),
            "--user",
            "ann@example.com",
            kind,
            "THE_SECRET",
        ]
        codes = []
        for extra in ([], ["--json"]):
            with pytest.raises(SystemExit) as end:
                cli.main([*arguments, *extra, "--transcript", str(tmp_path / "t.txt"), "--quick"])
            codes.append(end.value.code)
    out = capfd.readouterr()
    shown = (
        "".join(
            (told.transcript, repr(told), str(told), told.to_json(), told.text(), *told.commands, out.out, out.err)
        ),
        *(str(frame.to_dicts()) for frame in (told.events, told.ports, told.verdicts)),
        (tmp_path / "t.txt").read_text(),
    )

    assert len(tries) == 1
    assert "counts towards lockouts" in out.err
    named = base64.b64encode(b"ann@example.com").decode()
    answers = [line for before, line in pairwise(seen) if before.startswith("AUTH") or before == named]
    blobs = {SECRET, base64.b64encode(SECRET.encode()).decode()}
    blobs |= {word for line in seen for word in line.split()[2:] if line.startswith("AUTH")}
    blobs |= set(answers) - {named, "QUIT"}
    assert len(blobs) >= 3 - (mechanism == "LOGIN")
    if mechanism == "CRAM-MD5":
        blobs.add(base64.b64decode(answers[0]).decode().split()[1])
    assert not [s for s in blobs for text in shown if s in text]
    good = answer.startswith("235")
    assert [told.exit_code, *codes] == ([0] * 3 if good else [1] * 3)
    assert (told.events["stage"] == "auth").sum() == 1
    row = told.events.filter(pl.col("stage") == "auth").row(0, named=True)
    assert (row["user"], row["mechanism"], row["outcome"]) == (
        "ann@example.com",
        mechanism,
        "success" if good else "failure",
    )


def garbage(sock: socket.socket) -> None:
    sock.sendall(b"\x00\xffHTTP/1.1 400 \x1b[31mBad\r\n\r\n")


def at_once(sock: socket.socket) -> None:
    sock.sendall(b"421 4.7.0 too many connections from your IP\r\n")


def login(mechanism: str, answer: str, wants: int = 0) -> tuple[Any, dict[str, Any]]:
    kind = "token" if mechanism.endswith(("2", "BEARER")) else "password"
    server = {"after": (f"AUTH {mechanism}",), "answer": answer, "wants": wants}
    return server, {"user": "ann@example.com", kind: SECRET}


SERVERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "good": ({}, {}),
    "slow": ({"slow": 0.1}, {}),
    "wrapper": ({"wrapper": True}, {"mode": "wrapper"}),
    "wrapper asked in the clear": ({"wrapper": True}, {"mode": "starttls", "timeout": 0.5}),
    "asked for TLS at once": ({}, {"mode": "wrapper", "timeout": 0.5}),
    "TLS 1.0 only": ({"old": True}, {}),
    "expired": ({"days": -3}, {}),
    "expired, with a login": ({"days": -3}, {"user": "ann@example.com", "password": SECRET}),
    "no TLS": ({"plain": True, "before": ("AUTH PLAIN",)}, {}),
    "no AUTH": ({"after": ()}, {}),
    "no AUTH, with a login": ({"after": ()}, {"user": "ann@example.com", "password": SECRET}),
    "silent": (lambda sock: time.sleep(2), {"timeout": 0.3}),
    "garbage": (garbage, {}),
    "421 at once": (at_once, {}),
    "closes": (lambda sock: None, {}),
    "endless reply": (lambda sock: sock.sendall(b"220-x\r\n" * 500), {}),
    "long line": (lambda sock: sock.sendall(b"220-" + b"x" * 9000 + b"\r\n"), {}),
    "PLAIN": login("PLAIN", "235 2.7.0 ok"),
    "PLAIN refused": login("PLAIN", "535 5.7.8 Authentication failed"),
    "LOGIN": login("LOGIN", "235 2.7.0 ok", 2),
    "LOGIN refused": login("LOGIN", "535 5.7.8 Error: authentication failed: %LINE%", 2),
    "CRAM-MD5 refused": login("CRAM-MD5", "535 5.7.8 Authentication failed", 1),
    "CRAM-MD5": login("CRAM-MD5", "235 2.7.0 ok", 1),
    "XOAUTH2": login("XOAUTH2", "235 2.7.0 ok"),
    "XOAUTH2 refused": login("XOAUTH2", "535 5.7.8 Username and Password not accepted"),
    "OAUTHBEARER": login("OAUTHBEARER", "235 2.7.0 ok"),
    "OAUTHBEARER refused": login("OAUTHBEARER", "535 5.7.8 invalid token"),
    "backend down": login("PLAIN", "454 4.7.0 Temporary authentication failure"),
    "basic off": login("LOGIN", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", 2),
}  # fmt: skip
"""Every kind of server: how it is made (or what talks), and how it is asked."""


@pytest.mark.parametrize("kind", SERVERS)
def test_the_transcript_is_read_back_to_the_same_events(pem: Path, tmp_path: Path, kind: str) -> None:
    how, asked = SERVERS[kind]
    if isinstance(how, dict):
        how = dict(how)
        own = certificate(tmp_path, days=how.pop("days")) if "days" in how else pem
        tls = None if how.pop("plain", False) else context(own, old=how.pop("old", False))
        talk, asked = smtp(tls=tls, **how), {"cafile": own} | asked
    else:
        talk = how
    with serving(talk) as port:
        told = ask(port, **asked)
    path = tmp_path / "probe.txt"
    path.write_text(told.transcript)
    again = sl.read(path)
    own = ("time", "time_quality", "source", "session", "also")

    assert told.events.drop(own).to_dicts() == again.drop(own).to_dicts()
    assert told.events["time"].null_count() == 0
    assert set(told.events["source"]) <= {"probe"}
    assert told.events.schema == again.schema
    if kind not in QUIET:
        assert told.events.height >= 1


QUIET = ("good", "slow", "wrapper", "wrapper asked in the clear", "expired", "no TLS", "garbage", "long line")
"""Where there is nothing to blame a client or server for, so no event."""


def test_no_secret_goes_in_the_clear_unless_told(pem: Path) -> None:
    seen: list[str] = []
    with serving(smtp(before=("AUTH PLAIN",), seen=seen)) as port:
        kept = ask(port, user="ann", password=SECRET)
        assert not [line for line in seen if line.startswith("AUTH")]
        sent = ask(port, user="ann", password=SECRET, insecure=True)

    assert "tls_unavailable" in causes(kept)
    assert "success" in causes(sent, problem=False)


def test_a_password_refused_where_only_oauth_works(pem: Path) -> None:
    answer = "535 5.7.139 Authentication unsuccessful, basic authentication is disabled."
    with serving(smtp(tls=context(pem), after=("AUTH LOGIN XOAUTH2",), answer=answer, wants=2)) as port:
        told = ask(port, cafile=pem, user="ann@example.com", password=SECRET)

    assert told.verdicts.filter("problem").select("cause", "reply").rows() == [("oauth_required", answer)]
    assert told.exit_code == 1


class OnSocket(Controller):
    """A server on a socket that is bound already: a port that is free now may be taken a moment later."""

    held: socket.socket

    def _create_server(self) -> Coroutine[Any, Any, asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self.held)


def test_aiosmtpd_over_both_kinds_of_addresses(pem: Path) -> None:
    def judge(server, session, envelope, mechanism, data) -> AuthResult:
        return AuthResult(success=data.password == SECRET.encode(), handled=False)

    for address, place in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
        held = socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        port = held.getsockname()[1]
        server = OnSocket(object(), hostname=address, port=port, tls_context=context(pem), authenticator=judge)
        server.held = held
        server.start()
        try:
            good = sl.probe(f"{place}:{port}", cafile=pem, user="ann", password=SECRET, timeout=3, versions=False)
            bad = sl.probe(f"{place}:{port}", cafile=pem, user="ann", password="other", timeout=3, versions=False)
        finally:
            server.stop()
        assert (good.exit_code, bad.exit_code) == (0, 1)
        assert "bad_credentials" in causes(bad)


def test_clients_that_can_never_succeed(pem: Path, tmp_path: Path) -> None:
    with serving(smtp(tls=context(pem))) as port:
        told = ask(port, cafile=pem, versions=True)
    events = pl.DataFrame(
        {
            "client_ip": ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.4"],
            "user": ["a", "b", "c", "d", "d"],
            "stage": "auth",
            "outcome": ["failure", "failure", "refused", "failure", "success"],
            "mechanism": ["NTLM", "PLAIN", None, "CRAM-MD5", "CRAM-MD5"],
            "tls": ["TLSv1.3", "TLSv1", "none", "TLSv1.3", "TLSv1.3"],
        }
    )
    (tmp_path / "probe.json").write_text(told.to_json())
    found = sl.compare_probe(events, tmp_path / "probe.json")

    assert set(found.select("client_ip", "cause", "tries").rows()) == {
        ("192.0.2.1", "mechanism_unsupported", "NTLM"),
        ("192.0.2.2", "tls_too_old", "TLSv1"),
        ("192.0.2.3", "tls_required", "no TLS"),
    }
    assert found.equals(sl.compare_probe(events, told))
    assert found.equals(sl.compare_probe(events, told.ports))
    with pytest.raises(ValueError, match=r"pem.* is not what `smtplogs probe --json` prints"):
        sl.compare_probe(events, pem)
    assert json.loads(told.to_json())["exit_code"] == 0


def test_without_a_port_25_465_and_587_are_asked_in_turn(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    seen: dict[int, list[str]] = {25: [], 465: [], 587: []}
    servers = {
        25: smtp(after=(), seen=seen[25]),
        465: smtp(tls=context(pem), wrapper=True, seen=seen[465]),
        587: smtp(tls=context(pem), seen=seen[587]),
    }
    real = sessions.connected
    with ExitStack() as stack:
        places = {port: stack.enter_context(serving(server)) for port, server in servers.items()}

        def redirected(family: int, address: str, port: int, timeout: float) -> socket.socket:
            tries.append(port)
            return real(family, address, places[port], timeout)

        monkeypatch.setattr(sessions, "connected", redirected)
        told = sl.probe("127.0.0.1", timeout=2, cafile=pem, versions=False)
        once = sl.probe("127.0.0.1", timeout=2, cafile=pem, versions=False, user="ann", password=SECRET)

    assert tuple(dict.fromkeys(tries)) == PORTS_IN_TURN == (25, 465, 587)
    assert told.ports.select("port", "mode", "tls").rows() == [
        (25, "starttls", None), (465, "wrapper", "TLSv1.3"), (587, "starttls", "TLSv1.3"),
    ]  # fmt: skip
    assert (told.exit_code, once.exit_code) == (0, 0)
    assert {port: sum(line.startswith("AUTH") for line in lines) for port, lines in seen.items()} == {
        25: 0,
        465: 0,
        587: 1,
    }


@pytest.mark.parametrize(("ip", "asked"), [(None, ["::1", "127.0.0.1"]), (4, ["127.0.0.1"]), (6, ["::1"])])
def test_both_families_of_addresses_are_asked_unless_told(
    pem: Path, ip: int | None, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    real = sessions.connected

    def noted(family: int, address: str, port: int, timeout: float) -> socket.socket:
        tries.append(address)
        return real(family, address, port, timeout)

    both = [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")]
    monkeypatch.setattr(sessions, "connected", noted)
    monkeypatch.setattr("smtplogs.probing.asking.resolved", lambda host, port, timeout: both)
    server = smtp(tls=context(pem))
    with serving(server) as port, serving(server, "::1", port):
        told = sl.probe(f"localhost:{port}", ip=ip, timeout=2, cafile=pem, versions=False)

    assert (tries, told.ports["address"].to_list(), told.exit_code) == (asked, asked[:1], 0)


def test_an_address_that_does_not_answer_is_named_and_the_other_asked(
    pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")]
    monkeypatch.setattr("smtplogs.probing.asking.resolved", lambda host, port, timeout: both)
    with serving(smtp(tls=context(pem))) as port:
        told = sl.probe(f"localhost:{port}", timeout=2, cafile=pem, versions=False)
        none = sl.probe(f"localhost:{port}", ip=6, timeout=2, cafile=pem, versions=False)

    assert told.ports["address"].to_list() == ["127.0.0.1"]
    assert any("the address ::1 does not answer" in text for text in told.verdicts["told"])
    assert (told.exit_code, none.exit_code) == (0, 2)


def test_a_name_without_an_address_of_that_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smtplogs.probing.asking.resolved", lambda host, port, timeout: [(socket.AF_INET, "192.0.2.1")])
    told = sl.probe("mail.example.com:587", ip=6)

    assert told.verdicts["told"].to_list() == ["the name has no IPv6 address"]
    assert told.exit_code == 2


def test_the_secret_is_asked_for_on_the_terminal(
    pem: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts: list[str] = []

    def typed(prompt: str) -> str:
        prompts.append(prompt)
        return SECRET

    monkeypatch.setattr("getpass.getpass", typed)
    seen: list[str] = []
    with serving(smtp(tls=context(pem), after=("AUTH PLAIN XOAUTH2",), seen=seen)) as port:
        options = [f"127.0.0.1:{port}", "--cafile", str(pem), "--quick", "--user", "ann", "--ip", "4"]
        for more in ([], ["--mechanism", "xoauth2"]):
            with pytest.raises(SystemExit) as end:
                cli.main(["probe", *options, *more])
            assert end.value.code == 0
    sent = [base64.b64decode(line.split()[2]) for line in seen if line.startswith("AUTH")]

    assert prompts == ["password: ", "token: "]
    assert sent == [b"\0ann\0" + SECRET.encode(), b"user=ann\1auth=Bearer " + SECRET.encode() + b"\1\1"]
    assert SECRET not in "".join(capsys.readouterr())


def test_compare_probe_on_the_command_line(pem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, seen = tmp_path / "mail.log", tmp_path / "probe.json"
    failed = "SASL {} authentication failed: (reason unavailable), sasl_username={}"
    log.write_text(
        "".join(
            f"2026-11-03T10:00:0{n}Z mx postfix/submission/smtpd[7]: warning: unknown[192.0.2.{n}]: {failed.format(m, u)}\n"
            for n, (m, u) in enumerate([("NTLM", "ann"), ("PLAIN", "bob"), ("CRAM-MD5", "eve")])
        )
    )
    with serving(smtp(tls=context(pem))) as port:
        with pytest.raises(SystemExit):
            cli.main(["probe", f"127.0.0.1:{port}", "--cafile", str(pem), "--quick", "--json"])
        seen.write_text(capsys.readouterr().out)
    out = tmp_path / "never.csv"
    with pytest.raises(SystemExit) as end:
        cli.main(["compare-probe", str(log), "--probe", str(seen), "-o", str(out)])
    found = pl.read_csv(out)

    assert end.value.code == 0
    assert found.select("client_ip", "user", "cause", "tries", "offered", "n_events").rows() == [
        ("192.0.2.0", "ann", "mechanism_unsupported", "NTLM", "LOGIN; PLAIN", 1),
        ("192.0.2.2", "eve", "mechanism_unsupported", "CRAM-MD5", "LOGIN; PLAIN", 1),
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ports": 3}', '{"ports": [{"port": "x"}]}'])
def test_what_no_probe_wrote_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.json").write_text(text)
    (tmp_path / "mail.log").write_text("2026-11-03T10:00:00Z mx postfix/smtpd[7]: connect from unknown[192.0.2.1]\n")
    with pytest.raises(SystemExit) as end:
        cli.main(["compare-probe", str(tmp_path / "mail.log"), "--probe", str(tmp_path / "p.json")])

    assert end.value.code == 2
    assert "not what `smtplogs probe --json` prints" in capsys.readouterr().err


def test_without_the_extra_nothing_is_asked_and_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "x509", None)
    seen: list[str] = []
    with (
        serving(smtp(seen=seen)) as port,
        pytest.raises(errors.MissingExtra, match=r'pip install "smtplogs\[probe\]"'),
    ):
        ask(port)

    assert seen == []


@pytest.mark.parametrize("wrapper", [False, True])
@pytest.mark.parametrize("program", ["openssl", "swaks"])
def test_the_printed_command_does_the_same(pem: Path, program: str, wrapper: bool) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    seen: list[str] = []
    with serving(smtp(tls=context(pem), wrapper=wrapper, seen=seen)) as port:
        told = ask(port, cafile=pem, mode="wrapper" if wrapper else "starttls")
        asked = len(seen)
        command = next(c for c in told.commands if c.startswith(program))
        done = subprocess.run(
            shlex.split(command), input="EHLO pc\nQUIT\n", capture_output=True, text=True, timeout=20, check=False
        )

    assert done.returncode == 0, done.stderr
    assert "AUTH PLAIN LOGIN" in done.stdout
    assert any(line.startswith("EHLO") for line in seen[asked:])
    if program == "openssl":
        assert "Verification: OK" in done.stdout


@pytest.mark.parametrize("host", ["a b", "x:99999", "user@host", "", "x:0", "http://x"])
def test_what_is_no_server_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"server|port"):
        sl.probe(host)


def test_the_shape_of_credentials_that_a_relay_wants() -> None:
    from smtplogs.probing.shapes import misshapen

    assert "apikey" in (misshapen("smtp.sendgrid.net", "ann@example.com") or "")
    assert misshapen("smtp.sendgrid.net", "apikey") is None
    assert misshapen("mail.example.com", "ann") is None
