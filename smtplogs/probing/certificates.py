"""TLS as seen from outside: contexts, handshakes within the time limit, what the certificate says."""

from __future__ import annotations

import ssl
import warnings
from typing import TYPE_CHECKING, Any, cast

from smtplogs.errors import missing_extra
from smtplogs.probing.wire import Broken

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
except ImportError:  # the extra `probe` is not installed
    x509 = hashes = cast("Any", None)

if TYPE_CHECKING:
    import datetime as dt
    import socket
    from os import PathLike

VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
OLD = ("TLSv1", "TLSv1.1")
"""Versions that RFC 8996 withdrew."""

_WORDS = {
    "WRONG_VERSION_NUMBER": "plain",
    "UNKNOWN_PROTOCOL": "plain",
    "RECORD_LAYER_FAILURE": "plain",
    "PACKET_LENGTH_TOO_LONG": "plain",
    "HTTP_REQUEST": "plain",
}


def can_read() -> None:
    """Complain where certificates cannot be read: `ssl` alone tells nothing of one that it does not trust.

    Raises
    ------
    MissingExtra
        If the extra `probe` is not installed.
    """
    if x509 is None:
        raise missing_extra("probe", "probe")


def trusting(cafile: str | PathLike[str] | None) -> ssl.SSLContext:
    """Return a context that checks name, dates and issuer; issuers of the system, or those in the file."""
    return ssl.create_default_context(cafile=cafile)


def looking(only: str | None = None) -> ssl.SSLContext:
    """Return a context that takes any certificate; with `only` it speaks that one version, with any cipher."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if only is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # to ask for an old version is the point
            context.maximum_version = context.minimum_version = VERSIONS[only]
    return context


def wrapped(sock: socket.socket, context: ssl.SSLContext, host: str, timeout: float) -> ssl.SSLSocket:
    """Do the handshake.

    Raises
    ------
    Broken
        With kind `certificate` if it is not trusted, `plain` if the other side speaks no TLS, else timeout, closed, error.
    """
    sock.settimeout(timeout)
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise Broken("certificate", error.verify_message.rstrip(".")) from None
    except TimeoutError:
        raise Broken("timeout", f"the handshake did not end within {timeout:g} s") from None
    except ssl.SSLEOFError:
        raise Broken("closed", "the server closed the connection during the handshake") from None
    except ssl.SSLError as error:
        reason = error.reason or "SSL_ERROR"
        raise Broken(_WORDS.get(reason, "error"), reason.replace("_", " ").lower()) from None
    except (OSError, ValueError) as error:
        raise Broken("closed", getattr(error, "strerror", None) or "connection lost in the handshake") from None


def certificate(sock: ssl.SSLSocket, now: dt.datetime) -> dict[str, Any]:
    """Return what the certificate of a server says: names, issuer, dates, days left, fingerprint, chain as sent."""
    der = sock.getpeercert(binary_form=True)
    if der is None:
        return {}
    try:
        leaf = x509.load_der_x509_certificate(der)
        names = _names(leaf)
        return {
            "cert_subject": leaf.subject.rfc4514_string(),
            "cert_names": names,
            "cert_issuer": leaf.issuer.rfc4514_string(),
            "cert_from": leaf.not_valid_before_utc,
            "cert_until": leaf.not_valid_after_utc,
            "cert_days_left": (leaf.not_valid_after_utc - now).days,
            "cert_sha256": leaf.fingerprint(hashes.SHA256()).hex(),
            "cert_chain": _chain(sock),
        }
    except ValueError as error:
        return {"cert_subject": f"not readable: {type(error).__name__}"}


def _names(leaf: Any) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _chain(sock: ssl.SSLSocket) -> list[str] | None:
    """Return the subjects of the certificates sent, the server's first; None where this Python cannot tell."""
    public = getattr(sock, "get_unverified_chain", None)  # since Python 3.13
    if public is not None:
        return [x509.load_der_x509_certificate(der).subject.rfc4514_string() for der in public()]
    inner = getattr(getattr(sock, "_sslobj", None), "get_unverified_chain", None)
    if inner is None:
        return None
    pems = [one.public_bytes().encode() for one in inner() or ()]
    return [x509.load_pem_x509_certificate(pem).subject.rfc4514_string() for pem in pems]
