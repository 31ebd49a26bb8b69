"""Mail servers on loopback for the tests of probe: scripted ones, and certificates made on the spot."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def certificate(folder: Path, *, days: int = 90, name: str = "localhost") -> Path:
    """Write a self-signed certificate for 127.0.0.1, ::1 and a name, with its key, into one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(name), *(x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1"))]
    made = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=100))
        .not_valid_after(now + dt.timedelta(days=days, hours=1)).add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{name}{days}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def context(pem: Path, *, old: bool = False) -> ssl.SSLContext:
    """Return a server's context; `old`: TLS 1.0 alone."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    if old:
        made.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1
    return made


@contextmanager
def serving(talk: Callable[[socket.socket], None], address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Serve every connection by a function, in threads; give the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family)

    def one(sock: socket.socket) -> None:
        sock.settimeout(10)
        try:
            talk(sock)
        except (OSError, ValueError):
            pass
        finally:
            sock.close()

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def smtp(
    *, tls: ssl.SSLContext | None = None, wrapper: bool = False, before: tuple[str, ...] = (),
    after: tuple[str, ...] = ("AUTH PLAIN LOGIN",), answer: str = "235 2.7.0 ok", slow: float = 0, seen: list[str] | None = None,
    banner: str = "220 mx.example.com ESMTP", wants: int = 0,
) -> Callable[[socket.socket], None]:  # fmt: skip
    """Return a small server: capabilities before and after TLS, one answer to AUTH (after `wants` prompts; %LINE% is what it heard)."""

    def reply(sock: socket.socket, *lines: str) -> None:
        time.sleep(slow)
        sock.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def talk(sock: socket.socket) -> None:
        secure = wrapper
        if wrapper and tls:
            sock = tls.wrap_socket(sock, server_side=True)
        reply(sock, banner)
        file = sock.makefile("rb")
        while line := file.readline().decode().strip():
            word = line.split(" ")[0].upper()
            if seen is not None:
                seen.append(line)
            if word == "EHLO":
                offered = [
                    "mx.example.com",
                    *(after if secure else before),
                    *(["STARTTLS"] if tls and not secure else []),
                ]
                reply(sock, *(f"250{' ' if n == len(offered) - 1 else '-'}{text}" for n, text in enumerate(offered)))
            elif word == "STARTTLS" and tls:
                reply(sock, "220 go ahead")
                sock = tls.wrap_socket(sock, server_side=True)
                file, secure = sock.makefile("rb"), True
            elif word == "AUTH":
                heard = [line]
                for _ in range(wants):
                    reply(sock, "334 VXNlcm5hbWU6")
                    heard.append(file.readline().decode().strip())
                if seen is not None:
                    seen.extend(heard[1:])
                reply(sock, answer.replace("%LINE%", " ".join(heard)))
            elif word == "QUIT":
                reply(sock, "221 bye")
                if isinstance(sock, ssl.SSLSocket):
                    sock.unwrap()
                return
            else:
                reply(sock, "500 what")

    return talk
