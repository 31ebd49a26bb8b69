"""Exim lines of TLS that broke, or that came where plain text begins."""

from __future__ import annotations

from smtplogs.logformats._exim_parts import HEAD, PEER, PROGRAM
from smtplogs.logformats._format import Pattern, Sample

_PEER = PEER.replace("(?P<session>", "(?:")

BROKEN_TLS = (
    Pattern(
        "tls_hello",
        program=PROGRAM,
        literal="NUL character(s) present",
        regex=rf'{HEAD}SMTP (?:protocol|syntax) error in "(?P<detail>\\026\\003).*" {PEER} NUL character\(s\) present .*$',
        sets={"stage": "tls", "side": "server", "outcome": "aborted"},
        written_by="exim src/smtp_in.c; with +smtp_syntax_error: the first bytes of a TLS record where a command should stand; "
        "the rest of it may fill further such lines",
        samples=(
            Sample(
                r'SMTP syntax error in "\026\003\001\002?\001?\001\374\003\003\330\315\022P" H=[203.0.113.9]:41955 I=[192.0.2.1]:10587 '
                "Ci=44 NUL character(s) present (shown as '?')",
                {
                    "stage": "tls",
                    "side": "server",
                    "client_ip": "203.0.113.9",
                    "client_port": 41955,
                    "server_ip": "192.0.2.1",
                    "server_port": 10587,
                    "session": "44",
                    "detail": r"\026\003",
                    "outcome": "aborted",
                    "cause": "tls_handshake_failed",
                    "basis": "line",
                },
            ),
        ),
        not_these=(
            r"""SMTP syntax error in "?\026?\024?\035?\027" H=[203.0.113.9] NUL character(s) present (shown as '?')""",
        ),
    ),
    Pattern(
        "tls_hello_unasked",
        program=PROGRAM,
        literal="input sent without waiting for greeting",
        regex=rf'{HEAD}SMTP protocol synchronization error \(input sent without waiting for greeting\): rejected connection from {PEER} input="(?P<detail>\\026\\003).*$',
        sets={"stage": "tls", "side": "server", "outcome": "aborted"},
        written_by="exim src/smtp_in.c, since 4.50: a client that speaks TLS from the first byte does not wait for the greeting",
        samples=(
            Sample(
                r"SMTP protocol synchronization error (input sent without waiting for greeting): rejected connection from "
                r'H=[203.0.113.9]:41955 I=[192.0.2.1]:587 input="\026\003\001\002"',
                {
                    "stage": "tls",
                    "side": "server",
                    "client_ip": "203.0.113.9",
                    "client_port": 41955,
                    "server_ip": "192.0.2.1",
                    "server_port": 587,
                    "detail": r"\026\003",
                    "outcome": "aborted",
                    "cause": "wrong_host_or_port",
                    "basis": "line",
                },
            ),
        ),
        not_these=(
            "SMTP protocol synchronization error (input sent without waiting for greeting): rejected connection from "
            'H=[203.0.113.9] input="EHLO pc-7\\r\\n"',
        ),
    ),
    Pattern(
        "tls_error",
        program=PROGRAM,
        literal="TLS error on connection ",
        regex=rf"{HEAD}TLS error on connection (?:Ci=(?P<session>[0-9A-Za-z]+) )?from {_PEER} (?P<detail>\(.*)$",
        sets={"stage": "tls", "side": "server", "outcome": "aborted"},
        written_by="exim src/tls-openssl.c, tls-gnu.c",
        samples=(
            Sample(
                "TLS error on connection from (pc-7) [203.0.113.9]:40633 I=[192.0.2.1]:587 (gnutls_handshake): "
                "An unexpected TLS packet was received.",
                {
                    "stage": "tls",
                    "side": "server",
                    "helo": "pc-7",
                    "client_ip": "203.0.113.9",
                    "client_port": 40633,
                    "server_ip": "192.0.2.1",
                    "server_port": 587,
                    "detail": "(gnutls_handshake): An unexpected TLS packet was received.",
                    "outcome": "aborted",
                    "cause": "tls_handshake_failed",
                    "basis": "line",
                },
            ),
        ),
    ),
)
