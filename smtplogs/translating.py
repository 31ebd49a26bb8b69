r"""Words of one software -> everybody's: Exim's authenticator names, signs of deliveries, TLS versions, escaped logins.

OpenSMTPD writes logins in vis(3): `\040`, `\^I`, `\M-C\M-<`, `\\`. Sendmail writes `\\`, `\t`, `\n`, `\r` and octal bytes.
Both can be read back without doubt. Sendmail also puts both names of a PLAIN answer on its failures (`alice/alice`). Exim's escapes cannot (it leaves a backslash alone), so its logins stay as logged.
"""

from __future__ import annotations

import re

import polars as pl

DELIVERY = {"=>": "sent", "->": "sent", ">>": "sent", "==": "deferred", "**": "bounced"}
"""How Exim begins the lines about recipients."""

TLS = {
    "tls1.3": "TLSv1.3", "tls1.2": "TLSv1.2", "tls1.1": "TLSv1.1", "tls1.0": "TLSv1",
    "TLS1.3": "TLSv1.3", "TLS1.2": "TLSv1.2", "TLS1.1": "TLSv1.1", "TLS1.0": "TLSv1", "TLS1": "TLSv1",
}  # fmt: skip
"""How mox and Exim (with GnuTLS, with newer OpenSSL) write versions of TLS."""

_MECHANISMS = (
    ("SCRAM-SHA-256", r"scram[_-]?(?:sha[_-]?)?256"),
    ("SCRAM-SHA-1", r"scram"),
    ("CRAM-MD5", r"cram"),
    ("DIGEST-MD5", r"digest"),
    ("XOAUTH2", r"xoauth2"),
    ("OAUTHBEARER", r"oauthbearer"),
    ("NTLM", r"ntlm|^spa|_spa"),
    ("GSSAPI", r"gssapi|krb5|kerberos"),
    ("EXTERNAL", r"external"),
    ("PLAIN", r"plain"),
    ("LOGIN", r"login"),
)
"""Mechanism -> how administrators name its authenticator (`dovecot_login`, `plain_server`, `cram_md5_server`)."""

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_536_000.0}

ESCAPED = ("opensmtpd", "sendmail")
"""Formats whose escapes in logins can be read back."""

_VIS = re.compile(r"\\(?:M-(\^?.)|M\^(.)|\^(.)|([0-7]{3})|(.))", re.DOTALL)
_LETTERS = {"n": 10, "t": 9, "r": 13, "b": 8, "a": 7, "v": 11, "f": 12, "s": 32, "0": 0}


def mechanism_of(authenticator: pl.Expr) -> pl.Expr:
    """Tell the SASL mechanism from the name of an Exim authenticator; null where the name does not tell."""
    name = authenticator.str.to_lowercase()
    answer = pl.lit(None, pl.String)
    for mechanism, words in reversed(_MECHANISMS):
        answer = pl.when(name.str.contains(words)).then(pl.lit(mechanism)).otherwise(answer)
    return answer


def seconds(period: pl.Expr) -> pl.Expr:
    """Read a period such as `60`, `30s`, `1h`, `60 m`, `2d 7h 15m`; null for anything else."""
    part = r"[0-9]+(?:\.[0-9]+)?) ?(?P<unit{0}>[smhdwy]?)"
    more = "".join(rf"(?: (?P<n{i}>{part.format(i)})?" for i in (1, 2))
    parts = period.str.extract_groups(rf"^(?P<n0>{part.format(0)}{more}$")
    units = [
        parts.struct.field(f"unit{i}").replace_strict(_UNITS, default=None, return_dtype=pl.Float64) for i in range(3)
    ]
    numbers = [parts.struct.field(f"n{i}").cast(pl.Float64, strict=False) for i in range(3)]
    first, *others = (n * unit for n, unit in zip(numbers, units, strict=True))
    return first + pl.sum_horizontal(other.fill_null(0.0) for other in others)


def with_plain_logins(records: pl.DataFrame) -> pl.DataFrame:
    """Read escaped logins in `user` back, each distinct one once; those of other formats, and broken ones, stay."""
    records = _of_two_names(records)
    ours = records["format"].is_in(list(ESCAPED))
    escaped = records["user"].filter(ours & records["user"].str.contains("\\", literal=True)).unique().drop_nulls()
    if escaped.is_empty():
        return records
    told = pl.Series([unescaped(text) for text in escaped], dtype=pl.String)
    return records.with_columns(user=pl.when(ours).then(pl.col("user").replace(escaped, told)).otherwise("user"))


def _of_two_names(records: pl.DataFrame) -> pl.DataFrame:
    """Sendmail's `authzid/authcid` of PLAIN, where both are the same: the name once."""
    user = records["user"]
    both = (records["format"] == "sendmail") & (records["mechanism"] == "PLAIN") & user.str.contains("/", literal=True)
    if not both.any():
        return records
    parts = pl.col("user").str.split("/").list  # a name may hold the sign itself
    first = parts.head(parts.len() // 2).list.join("/")
    same = both & (first != "") & (pl.col("user") == first + "/" + first)
    return records.with_columns(user=pl.when(same).then(first).otherwise("user"))


def unescaped(text: str) -> str:
    r"""Read vis(3) and octal escapes back; a text that is no UTF-8 then stays as it is.

    Examples
    --------
    >>> unescaped(r"with\040space"), unescaped(r"\303\274n"), unescaped(r"\M-C\M-<n"), unescaped(r"back\\slash")
    ('with space', 'ün', 'ün', 'back\\slash')
    """
    parts: list[bytes] = []
    at = 0
    for match in _VIS.finditer(text):
        parts.append(text[at : match.start()].encode())
        at = match.end()
        meta, meta_control, control, octal, letter = match.groups()
        if octal:
            code = int(octal, 8)
        elif meta and meta.startswith("^"):
            code = 0x80 | _control(meta[1])
        elif meta:
            code = 0x80 | ord(meta)
        elif meta_control:
            code = 0x80 | _control(meta_control)
        elif control:
            code = _control(control)
        else:
            code = _LETTERS.get(letter, ord(letter))
        if code > 255:
            return text
        parts.append(bytes([code]))
    parts.append(text[at:].encode())
    try:
        return b"".join(parts).decode()
    except UnicodeDecodeError:
        return text


def _control(letter: str) -> int:
    return 127 if letter == "?" else ord(letter) & 0x1F
