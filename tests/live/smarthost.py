"""Smarthosts on loopback that refuse, each in its way: what a relaying server's log must tell."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from live.client import Truth
    from live.relaying import Host

RELAYS = {"relay535": "127.0.8.1", "relay454": "127.0.8.2", "relaynoauth": "127.0.8.3", "relaygood": "127.0.8.4"}
"""Where each listens: addresses of their own, since some servers shun an address that refused."""

PORT = 20587

ANSWERS = {
    "relay535": "535 5.7.8 Error: authentication failed: wrong password",
    "relay454": "454 4.7.0 Temporary authentication failure",
    "relaynoauth": "503 5.5.1 authentication not enabled",
    "relaygood": "235 2.7.0 Authentication successful",
}


def serve(truth: Truth, certificate: Path | None = None) -> None:
    """Serve all of them, in TLS if there is a certificate; what they were asked and said is part of the truth."""
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
    for name, address in RELAYS.items():
        listener = socket.create_server((address, PORT))
        threading.Thread(target=_accept, args=(listener, name, truth, tls), daemon=True).start()


def _accept(listener: socket.socket, name: str, truth: Truth, tls: ssl.SSLContext | None) -> None:
    while True:
        sock, _ = listener.accept()
        if tls:
            try:
                sock = tls.wrap_socket(sock, server_side=True)
            except OSError:
                continue
        threading.Thread(target=_talk, args=(sock, name, truth), daemon=True).start()


def _talk(sock: socket.socket, name: str, truth: Truth) -> None:
    file = sock.makefile("rb")

    def say(*lines: str) -> None:
        sock.sendall("".join(f"{line}\r\n" for line in lines).encode())

    passed = False
    say(f"220 {name}.example.org ESMTP")
    while line := file.readline().decode(errors="replace").strip():
        word = line.split(" ")[0].upper()
        if word == "EHLO":
            say(f"250-{name}.example.org", *(["250-AUTH PLAIN LOGIN"] if name != "relaynoauth" else []), "250 8BITMIME")
        elif word == "AUTH":
            mechanism = line.split(" ")[1].upper()
            answers = 0 if len(line.split(" ")) > 2 else 2 if mechanism == "LOGIN" else 1
            for _ in range(answers):
                say("334 VXNlcm5hbWU6" if mechanism == "LOGIN" else "334 ")
                file.readline()
            passed = name == "relaygood"
            truth.relayed(name, mechanism, ANSWERS[name])
            say(ANSWERS[name])
        elif word == "MAIL" and not passed:
            say("530 5.7.0 Authentication required")
        elif not usual(word, file, say):
            break
    sock.close()


def judged(host: Host, say: Callable[..., None]) -> bool:
    """Say what a host makes of a login; tell whether it still listens then."""
    if host.auth:
        say(*host.auth.split("\n"))
    return bool(host.auth) and not host.auth.startswith("421")


def by_host(word: str, host: Host, file: BinaryIO, say: Callable[..., None]) -> bool:
    """Answer as `usual`, but for what a host has words of its own for."""
    if word not in ("MAIL", "RCPT"):
        return usual(word, file, say)
    say(host.mail if word == "MAIL" else host.rcpt)
    return True


def usual(word: str, file: BinaryIO, say: Callable[..., None]) -> bool:
    """Answer what all smarthosts answer alike; false once the client has said goodbye."""
    if word == "DATA":
        say("354 go ahead")
        while file.readline() not in (b".\r\n", b""):
            pass
        say("250 2.0.0 taken")
    else:
        say("221 bye" if word == "QUIT" else "250 2.1.0 ok")
    return word != "QUIT"
