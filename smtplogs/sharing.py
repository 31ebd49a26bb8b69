"""Tables that may be handed on: every name, address and id is replaced by a pseudonym, whole log lines are left out."""

from __future__ import annotations

import re
import secrets
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import sasl
from smtplogs.logformats import ALL
from smtplogs.pseudonyms import PLAIN_HOST, Names
from smtplogs.replies.loading import rows as catalogue_rows
from smtplogs.replies.placing import providers
from smtplogs.schema import COVERAGE, EVENTS, TRAFFIC, as_table, door, need

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smtplogs.schema import Column

AS_IS = frozenset({
    "time", "time_quality", "stage", "outcome", "cause", "basis", "count", "side", "protocol", "client_port", "server_port",
    "auth_offered", "tls", "cipher", "service", "reply_code", "enhanced_code", "rate_value", "rate_window_s", "duration_s",
    "n_recipients", "delivery", "dsn", "program", "pid", "format", "line_no", "redacted",
    "compression", "bytes", "lines", "kept", "records", "context", "dismissed", "not_understood", "first_time", "last_time",
    "bad_stamps", "year_evidence", "zone_evidence", "cannot_show",
    *(name for name in TRAFFIC if name.startswith("n_")),
})  # fmt: skip
"""Columns that name nobody."""

DROPPED = frozenset({"raw", "examples", "note", "error"})
"""Columns of whole lines or free text about files: nothing of them is handed on."""

TIMES = ("time", "first_time", "last_time")
"""Columns that `shift` moves."""

SHORTEST_KEY = 16
"""Bytes of a key: 128 bits, as many as nobody can try."""

_TABLES = ((EVENTS, ("stage", "outcome")), (COVERAGE, ("source", "not_understood")), (TRAFFIC, ("time", "n_connects")))
"""The tables that can be shared, and the columns by which each is told."""

_LATE = frozenset({"detail", "also", "vendor_code", "auth_offered"})
"""Columns that are replaced after all others: texts, when the names in them are known, and lists."""

_NAMES_IN_TEXT = ("user", "helo", "client_name", "sender", "relay_host", "host", "queue_id")
"""Columns whose values a server repeats in its words."""

_WORD = re.compile(
    r"<?[^\s<>()\[\]\"',;:=]+@[^\s<>()\[\]\"',;:=]+|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f.:]*|[A-Za-z0-9._+\\@-]+|[^\x00-\x7f]+"
)
"""What may be a name inside a text: a mailbox, an IPv6 address, a word."""


@door
def share(table: pl.DataFrame, *, key: bytes | str | None = None, shift: str | None = None) -> pl.DataFrame:
    """Return a copy of a table that may be handed on, under pseudonyms.

    Names, addresses and ids are replaced by pseudonyms, and log lines are left out. The copy gives the same findings,
    with other names. Whatever is equal stays equal in all tables made with one key: logins (local part and domain each by
    itself), addresses (those of one network stay in one network, private ones stay private), HELO names, host names,
    queue ids, files. What a server said (`detail`) stays, with the names in it replaced. What is odd about a login (no
    `@`, blanks, capitals, the form of a relay's user name) stays odd.

    Parameters
    ----------
    table
        Events, coverage or traffic, as `read` or `load` give them. Columns that are not of the table are left out.
    key
        Secret of the case; whoever has it can try names against the copy. None: a new one, which nobody keeps, so that
        two copies do not link. It is never in the copy.
    shift
        Added to all times, as a Polars duration: ``"-37d"``. Weekdays stay with multiples of 7 days.

    Returns
    -------
    DataFrame
        The same rows and columns; `raw`, `examples`, `note` and `error` are null.

    Raises
    ------
    MissingColumns
        If it is not one of the three tables.
    ValueError
        If the key has fewer than 16 bytes.

    Notes
    -----
    Keyed HMAC-SHA-256; addresses by Crypto-PAn's construction (prefix-preserving, RFC 6235 names what that gives away:
    who knows some of the originals learns prefixes of others). Pseudonymised data remain personal data (GDPR, Article
    4(5)). What stays: times (unless shifted by a constant), programs and services, process ids, ports, the host names of
    public relays (`relay_host`), words of our own vocabulary (a login `mail` inside a reply is not told from the word).
    """
    secret = secrets.token_bytes(32) if key is None else key.encode() if isinstance(key, str) else key
    if len(secret) < SHORTEST_KEY:
        raise ValueError(f"the key must have {SHORTEST_KEY} bytes or more: short ones are guessed")
    names = Names(secret)
    columns = _table_of(table)
    frame = as_table(table.select(c for c in table.columns if c in columns), columns)
    ways = _ways(names)
    made = {c: _mapped(frame[c], ways[c]) for c in frame.columns if c not in AS_IS | DROPPED | _LATE}
    if "also" in frame.columns:
        made["also"] = _lists(frame["also"], lambda place: _place(names, place))
    if "detail" in frame.columns:  # last, when all names are known
        made["detail"] = _texts(names, ways, frame)
        if "vendor_code" in frame.columns:
            made["vendor_code"] = _mapped(frame["vendor_code"], lambda text: _code(names, text))
    if "auth_offered" in frame.columns:
        made["auth_offered"] = _lists(frame["auth_offered"], lambda text: _mechanism(names, text))
    nothing = [pl.lit(None, frame.schema[c]).alias(c) for c in frame.columns if c in DROPPED]
    frame = frame.with_columns(*(s.alias(c) for c, s in made.items()), *nothing)
    if shift is not None:
        frame = frame.with_columns(pl.col(c).dt.offset_by(shift) for c in TIMES if c in frame.columns)
    return frame


def _table_of(table: pl.DataFrame) -> Mapping[str, Column]:
    """Return the columns of the table that a frame is, by the marks of each.

    Raises
    ------
    MissingColumns
        If it is none of them.
    """
    for columns, marks in _TABLES:
        if set(marks) <= set(table.columns):
            return columns
    need(table, "stage", "outcome")
    return EVENTS


def _ways(names: Names) -> dict[str, Callable[[str], str]]:
    """Return for each column the function that replaces one value of it."""
    return {
        "user": names.user,
        "sender": names.user,
        "client_ip": names.address,
        "server_ip": names.address,
        "client_name": names.host,
        "helo": names.host,
        "host": names.host,
        "relay_host": lambda text: text if _public(text) else names.host(text),
        "queue_id": lambda text: names.token("queue", text).upper(),
        "session": lambda text: f"s{names.token('session', text, 16)}",
        "source": lambda text: f"log-{names.token('source', text, 8)}",
        "mechanism": lambda text: _mechanism(names, text),
        "authenticator": lambda text: (
            text if text.upper() in sasl.MECHANISMS else f"a{names.token('authenticator', text)}"
        ),
    }


def _mechanism(names: Names, text: str) -> str:
    """Return a mechanism; a word that is none may be a password, and is replaced."""
    return text if text in sasl.MECHANISMS or text == sasl.CUT else f"X{names.token('mechanism', text, 6).upper()}"


def _place(names: Names, place: str) -> str:
    """Return `source:line_no` with the source replaced."""
    source, _, line = place.rpartition(":")
    return f"log-{names.token('source', source, 8)}:{line}"


def _code(names: Names, text: str) -> str:
    """Return a software's own code: a number or a word as it is, anything else as a text."""
    plain = re.fullmatch(r"-?[0-9]{1,9}|[a-z][a-z_]{0,30}|[A-Z][A-Za-z]{1,30}|[0-9A-Fx]{2,10}", text)
    return text if plain else _text(names, text)


def _mapped(column: pl.Series, way: Callable[[str], str]) -> pl.Series:
    """Replace each distinct text of a column once."""
    distinct = column.drop_nulls().unique(maintain_order=True)
    return column.replace_strict(distinct, pl.Series([way(text) for text in distinct], dtype=pl.String), default=None)


def _lists(column: pl.Series, way: Callable[[str], str]) -> pl.Series:
    """Replace the texts in a column of lists."""
    return column.list.eval(pl.element().map_batches(lambda s: _mapped(s, way), return_dtype=pl.String))


def _texts(names: Names, ways: Mapping[str, Callable[[str], str]], frame: pl.DataFrame) -> pl.Series:
    """Replace in each `detail` first the names of its own row, whatever they hold, then every word that is a known name."""
    columns = [c for c in _NAMES_IN_TEXT if c in frame.columns]
    rows = frame.select("detail", *columns)
    distinct = rows.unique(maintain_order=True).filter(pl.col("detail").is_not_null())
    replaced = []
    for text, *named in distinct.iter_rows():
        shown = text
        for name, column in sorted(zip(named, columns, strict=True), key=lambda pair: -len(pair[0] or "")):
            if name and len(name) > 2 and name.lower() not in vocabulary():
                shown = shown.replace(name, ways[column](name))
        replaced.append(_text(names, shown))
    known = distinct.with_columns(_replaced=pl.Series(replaced, dtype=pl.String))
    return rows.join(known, on=rows.columns, how="left", nulls_equal=True, maintain_order="left")["_replaced"]


def _text(names: Names, text: str) -> str:
    """Replace the names in a text."""
    return _WORD.sub(lambda found: _word(names, found[0]), text)


def _word(names: Names, word: str) -> str:
    """Return what stands for a word of a text: itself, unless it is a name, an address or an id."""
    bare = word.strip(".<")
    lower = bare.lower()
    if not bare or lower in vocabulary() or bare in names.made:
        return word
    if bare in names.seen or lower in names.seen:
        new = names.seen.get(bare) or names.seen[lower]
    elif "@" in bare:
        new = names.user(bare)
    elif re.fullmatch(r"[0-9]+(?:\.[0-9]+){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*", bare):
        new = names.address(bare)
    elif re.fullmatch(r"[0-9.]+", bare) or _public(bare):
        return word
    elif PLAIN_HOST.fullmatch(bare) and re.search("[A-Za-z]{2}", bare):
        new = names.domain(bare)
    elif (len(bare) >= 10 and re.search("[0-9]", bare) and re.search("[A-Za-z]", bare)) or re.search(
        r"[^\x00-\x7f]", bare
    ):
        new = f"x{names.token('id', bare)}"
    else:
        return word
    return word.replace(bare, new)


@cache
def vocabulary() -> frozenset[str]:
    """Return the words of our patterns and of the catalogue: a name that is one of them cannot be told from it in a text."""
    patterns = [p.regex for f in ALL for p in f.patterns] + [text for row in catalogue_rows() for text in row.text]
    return frozenset(word.lower() for text in patterns for word in re.findall("[A-Za-z][A-Za-z_-]+", text))


@cache
def _suffixes() -> tuple[str, ...]:
    """Return the endings of the host names of public providers."""
    return tuple(suffix.lower() for entry in providers() for suffix in entry["hosts"] or ())


def _public(host: str) -> bool:
    """Tell whether a host belongs to a public provider, by the endings in the catalogue."""
    name = host.lower().rstrip(".")
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in _suffixes())
