"""Pseudonyms: the same under the same key, of the same form as the name, and irreversible without the key."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Ranges whose addresses stay in them: detectors weigh private and public addresses differently."""

_LETTERS = str.maketrans("0123456789abcdef", "bcdfghjkmnpqrstv")
"""Without vowels, so that no pseudonym holds a name by chance."""

_ASIS = frozenset({"127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - an address in a log
"""They name nobody."""

_GENERIC = frozenset({"localhost", "localhost.localdomain", "unknown", "", "apikey", "smtp_injection", "resend"})
"""Words in place of a name; the last three are what relays want as user name of everybody."""

PLAIN_HOST = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\.?")


def scrambled(
    address: int, width: int, pad: bytes, encrypt: Callable[[bytes], bytes], fixed: Callable[[int], bool]
) -> int:
    """Return an address that shares with another exactly as many leading bits as the original does with its own.

    Crypto-PAn (Xu, Fan, Ammar, Moon: ICNP 2002), with any keyed block function for its AES.

    Parameters
    ----------
    address, width
        The address as a number; 32 or 128 bits.
    pad
        16 secret bytes that fill the block behind the prefix.
    encrypt
        Keyed function, 16 bytes to 16 bytes, of which the first bit is taken.
    fixed
        Told a position, whether the bit there stays.
    """
    filler = int.from_bytes(pad, "big")
    flips = 0
    for position in range(width):
        flip = 0
        if not fixed(position):
            mask = ((1 << position) - 1) << (128 - position)
            block = ((address << (128 - width)) & mask) | (filler & ~mask & ((1 << 128) - 1))
            flip = encrypt(block.to_bytes(16, "big"))[0] >> 7
        flips = flips << 1 | flip
    return address ^ flips


class Names:
    """Pseudonyms under one key; `seen` has what was replaced, for texts that repeat it, `made` what by."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._pad = self._hash("pad", "")[:16]
        self._bits: dict[bytes, bytes] = {}
        self._addresses: dict[str, str] = {}
        self.seen: dict[str, str] = {}
        self.made: set[str] = set()

    def token(self, kind: str, text: str, length: int = 10) -> str:
        """Return letters that stand for a text of some kind: 4 bits each."""
        return self._hash(kind, text).hex().translate(_LETTERS)[:length]

    def address(self, text: str) -> str:
        """Return the address for an address (RFC 6235: prefix-preserving); any other text is a host."""
        if text not in self._addresses:
            bare, percent, zone = text.partition("%")
            try:
                ip = ipaddress.ip_address(bare)
            except ValueError:
                return self.host(text)
            shown = self._scrambled(ip) + (percent + self.token("zone", zone, 4) if percent else "")
            self._addresses[text] = shown
            self.made.add(shown)
        return self._addresses[text]

    def user(self, text: str) -> str:
        """Return a login: local part and domain apart, blanks around it, case and what is missing as they were."""
        if text.startswith("[redacted:user]#"):
            return f"[redacted:user]#{self._hash('redacted', text).hex()[:8]}"
        bare = text.strip()
        if bare.lower() in _GENERIC:
            return text
        head, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        realm, slash, name = bare.rpartition("\\")
        local, at, domain = name.rpartition("@") if "@" in name else (name, "", "")
        if domain.lower() == "smtp-brevo.com":
            shown = f"{self.local(local)}@{domain}"
        elif local.lower() == "postmaster" and (
            form := re.match(r"(?i)(mg|mail|email|sandbox)(?:[0-9a-f]*)\.(.+)", domain)
        ):
            shown = f"{local}@{form[1]}.{self.domain(form[2])}"
        else:
            shown = f"{self.local(local)}{at}{self.domain(domain) if domain else ''}"
        return self._noted(text, f"{head}{self._as(realm, 'r') + slash if slash else ''}{shown}{tail}")

    def local(self, text: str) -> str:
        """Return the part of a login before its domain; an extension behind a plus stays one."""
        lower = text.lower()
        if lower in _GENERIC:
            return text
        secret = self._hash("local", lower).hex()
        if re.fullmatch(r"akia[a-z0-9]{16}", lower):
            return text[:4] + self.token("local", lower, 16).upper()
        if re.fullmatch(r"[0-9a-f]{32}", lower):
            return secret[:32]
        if re.fullmatch(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", lower):
            return "-".join((secret[:8], secret[8:12], secret[12:16], secret[16:20], secret[20:32]))
        name, plus, extension = text.partition("+")
        return self._as(name, "u") + (plus + self.token("extension", extension.lower(), 4) if plus else "")

    def domain(self, text: str) -> str:
        """Return a domain: label by label from the right, so that a common ending stays one."""
        lower = text.lower().rstrip(".")
        labels = lower.split(".")
        made = [f"d{self.token('domain', '.'.join(labels[i:]), 8)}" for i in range(len(labels))]
        return self._noted(text, ".".join(made))

    def host(self, text: str) -> str:
        """Return a host, a HELO or a reverse name: an address (in brackets), a domain, a word, each as it was."""
        if text.strip("[]").lower() in _GENERIC or not text:
            return text
        literal = re.fullmatch(r"\[(IPv6:)?([0-9A-Fa-f:.]+)\]", text)
        if literal:
            return f"[{literal[1] or ''}{self.address(literal[2])}]"
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return self.domain(text) if PLAIN_HOST.fullmatch(text) else self._as(text, "h")
        return self.address(text)

    def _as(self, text: str, mark: str) -> str:
        """Return a word for a word: blanks inside and capitals are kept as such."""
        if not text:
            return ""
        parts = [mark + self.token("word", part.lower(), 9) for part in text.split(" ") if part]
        made = " ".join(parts) or " "
        made = made.upper() if text.isupper() else made.capitalize() if text != text.lower() else made
        return self._noted(text, made)

    def _noted(self, old: str, new: str) -> str:
        self.seen[old] = new
        self.made.add(new)
        return new

    def _hash(self, kind: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\0{text}".encode("utf-8", "surrogatepass"), hashlib.sha256)

    def _block(self, block: bytes) -> bytes:
        if block not in self._bits:
            self._bits[block] = hmac.digest(self._key, b"address\0" + block, hashlib.sha256)[:16]
        return self._bits[block]

    def _scrambled(self, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
        """Return the address that stands for another one, of the same kind and in a network that stands for its network."""
        if str(ip) in _ASIS:
            return str(ip)
        width, number = ip.max_prefixlen, int(ip)
        ranges = [n for n in _KEPT if n.version == ip.version]

        def fixed(position: int) -> bool:
            # the bits that lead into a kept range stay, so that nothing gets in or out of it
            shift = width - position
            return any(position < n.prefixlen and int(n.network_address) >> shift == number >> shift for n in ranges)

        made = scrambled(number, width, self._pad, self._block, fixed)
        return str(ipaddress.IPv4Address(made) if width == 32 else ipaddress.IPv6Address(made))
