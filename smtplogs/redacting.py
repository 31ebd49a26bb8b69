"""Secrets out of log text, before it is stored or shown: passwords, AUTH blobs, and passwords typed as user names."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

import polars as pl

from smtplogs._coded import packed
from smtplogs._secret_forms import COMMON, RARE, RULES, TRIGGER

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_KEY = secrets.token_bytes(32)
_KEY = _OWN_KEY
"""Of this run only: a pseudonym links attempts inside one result and nothing else."""

_GATE = Condition()
_HOLDERS: list[bytes] = []


@contextmanager
def keyed(key: bytes) -> Iterator[None]:
    """Make pseudonyms with a key that is kept, so that those of several runs link.

    In one process any number of threads may hold the same key; those with another one wait.
    """
    global _KEY  # noqa: PLW0603 - the one piece of state: every room from parsing on makes pseudonyms
    with _GATE:
        while _HOLDERS and _HOLDERS[0] != key:
            _GATE.wait()
        _HOLDERS.append(key)
        _KEY = key
    try:
        yield
    finally:
        with _GATE:
            _HOLDERS.pop()
            if not _HOLDERS:
                _KEY = _OWN_KEY
                _GATE.notify_all()


SUSPECT = "_suspect"
"""Column that tells which lines hold a word of `TRIGGER`, for frames that are looked at several times."""


def suspects(texts: pl.Series) -> pl.Series:
    """Tell which texts hold a word without which no rule applies."""
    return texts.str.contains(TRIGGER).alias(SUSPECT)


def without_secrets(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Cut known secrets out of the text columns; `redacted` names the kind cut from `raw` (or the last column).

    Parameters
    ----------
    frame
        Any frame with these String columns.
    columns
        The columns to clean. The last one is the whole line: only where it holds a secret can the others. Where the
        frame has SUSPECT, that tells which lines may.
    """
    line = columns[-1]
    rows = (frame[SUSPECT] if SUSPECT in frame.columns else suspects(frame[line])).arg_true()
    if rows.is_empty():
        return frame
    part = pl.DataFrame([packed(frame[c][rows]) for c in columns]).with_columns(redacted=pl.lit(None, pl.String))
    every = pl.int_range(rows.len(), dtype=pl.UInt32, eager=True)
    rare = part[line].str.contains(RARE).arg_true()
    for kind, where, pattern, replacement in RULES:
        at = every if where in COMMON else rare
        if at.len():
            at = at.filter(part[line][at].str.contains(where))
        if at.is_empty():
            continue
        # the word alone is no secret: the few texts that hold one are told apart before anything is replaced
        before = part[at]
        hit = before.select(pl.any_horizontal(pl.col(columns).str.contains(pattern))).to_series()
        if not hit.any():
            continue
        at, before = at.filter(hit), before.filter(hit)
        after = before.with_columns(pl.col(columns).str.replace_all(pattern, replacement))
        told = pl.when(pl.lit(after[line] != before[line])).then(pl.lit(kind, pl.String))
        after = after.with_columns(pl.coalesce("redacted", told).alias("redacted"))
        part = part.with_columns(part[c].scatter(at, after[c]) for c in after.columns)
    known = frame["redacted"] if "redacted" in frame.columns else pl.Series([None] * frame.height, dtype=pl.String)
    return frame.with_columns(
        *(frame[c].scatter(rows, part[c]) for c in columns), known.scatter(rows, part["redacted"]).alias("redacted")
    )


def leaks(lines: pl.DataFrame, column: str = "line", *, missed: bool = False) -> pl.DataFrame:
    """Return the rows whose text holds a secret: without it, and with its kind in `redacted`.

    Parameters
    ----------
    lines
        Any frame with this String column.
    column
        The column of whole lines.
    missed
        No pattern took them: names that look like passwords, and lone words of a client, count as well.
    """
    if not missed:
        lines = lines.filter(SUSPECT if SUSPECT in lines.columns else suspects(lines[column]))
    found = without_secrets(lines.with_columns(redacted=pl.lit(None, pl.String)), column)
    if missed and found.height:
        clean = lines_without_suspects(found[column])
        lone = clean.str.contains(f"(?m){_LONE_FAST}")
        if lone.any():
            rows = lone.arg_true()
            clean = clean.scatter(rows, [without_suspects(text) for text in clean[rows]])
        changed = clean != found[column]
        kind = pl.when(pl.lit(lone)).then(pl.lit("sasl response")).otherwise(pl.lit("password as user name"))
        found = found.with_columns(
            redacted=pl.coalesce("redacted", pl.when(pl.lit(changed)).then(kind)), **{column: clean}
        )
    found = found.filter(pl.col("redacted").is_not_null())
    return found.filter(~pl.col(column).str.contains(r"\b250[- ]AUTH[ =]"))


_NAMES = r"^(?:[A-Za-z][A-Za-z0-9-]{0,14}\\{1,2}[A-Za-z][A-Za-z._-]*[0-9]{0,4}|[A-Z]\p{Ll}+(?:-[A-Z]\p{Ll}+)?\.[A-Z]\p{Ll}+(?:-[A-Z]\p{Ll}+)?)$"
r"""`DOMAIN\name` of Windows (NetBIOS: at most 15), `First.Last`: forms of logins, whatever classes they are of."""


def looks_like_password(user: pl.Expr) -> pl.Expr:
    """True for a login without `@`, of 8 or more characters, of 3 or more of: lower, upper, digit, other.

    The forms of `_NAMES` are names.
    """
    classes = pl.sum_horizontal(
        user.str.contains(c).cast(pl.UInt8) for c in ("[a-z]", "[A-Z]", "[0-9]", r"[^a-zA-Z0-9]")
    )
    return (
        user.is_not_null()
        & ~user.str.contains("@", literal=True)
        & ~user.str.starts_with("[redacted:")
        & (user.str.len_chars() >= 8)
        & (classes >= 3)
        & ~user.str.contains(_NAMES)
    )


def pseudonym(user: str) -> str:
    """Return the name that stands for a secret in this run, and in no other."""
    return f"[redacted:user]#{hmac.new(_KEY, user.encode(), hashlib.sha256).hexdigest()[:8]}"


def pseudonyms(users: pl.Series) -> pl.Series:
    """Replace names that look like passwords by pseudonyms; the others stay as they are."""
    distinct = users.unique().drop_nulls()
    suspects = distinct.to_frame("user").filter(looks_like_password(pl.col("user")))["user"]
    if suspects.is_empty():
        return users
    return users.replace(suspects, pl.Series([pseudonym(u) for u in suspects], dtype=pl.String))


_NAMED = re.compile(
    r"(?:\b(?:sasl_username|user|username|login|authid|account)[=:] ?[<\"']?|[a-z]\()([^\s,;<>()\"']{8,256})"
)
"""Where a line that no pattern knows may name an account: `user=...`, `passdb(...,`."""


_LONE = re.compile(
    r"(^|[\": ]C: |[-~]+> |^> |^send: ')(?!0x8[0-9A-Fa-f]{7}$)([A-Za-z0-9+/]{8,}={0,2})(?=(?:\\r\\n')?(?:\"\})?(?: state=[0-9]+)?$)",
    re.MULTILINE,
)
"""All that a client said in a line of a session: one word, but for an error number of Windows, as Outlook shows it."""


_LONE_FAST = r"(?:^|[\": ]C: |[-~]+> |^> |^send: ')[A-Za-z0-9+/]{8,}={0,2}(?:\\r\\n')?(?:\"\})?(?: state=[0-9]+)?$"
"""The same for the engine, which cannot look ahead."""


def _lone(found: re.Match[str]) -> str:
    word = found[2]
    classes = sum(bool(re.search(c, word)) for c in ("[a-z]", "[A-Z]", "[0-9+/=]"))
    return f"{found[1]}[redacted]" if classes == 3 or word.endswith("=") else found[0]


def without_suspects(text: str) -> str:
    """Return a line that no pattern took, with pseudonyms for names that look like passwords (one line: for examples).

    A lone word of a client that may be base64, or a password, is cut: out of its session nobody can tell.
    """
    text = _LONE.sub(_lone, text)
    names = list(dict.fromkeys(_NAMED.findall(text)))
    if not names:
        return text
    for name, shown in zip(names, pseudonyms(pl.Series(names, dtype=pl.String)), strict=True):
        text = text.replace(name, shown)
    return text


def lines_without_suspects(lines: pl.Series) -> pl.Series:
    """Return lines that no pattern took with pseudonyms for names that look like passwords: only those are touched."""
    named = lines.str.extract_all(_NAMED.pattern).list.eval(pl.element().str.extract(_NAMED.pattern))
    suspect = named.list.eval(looks_like_password(pl.element())).list.any().fill_null(value=False)
    if not suspect.any():
        return lines
    rows = suspect.arg_true()
    return lines.scatter(rows, [without_suspects(text) for text in lines[rows]])


def without_typed_passwords(frame: pl.DataFrame, failing: pl.Expr, logged: pl.Series | None = None) -> pl.DataFrame:
    """Replace names that look like passwords in `user`, `detail` and `raw` of the rows where `failing` holds.

    `logged` is what the line has for `user`, where escapes in it have been read.
    """
    if "user" not in frame.columns:
        return frame
    names = frame.select(pl.col("user").unique()).filter(looks_like_password(pl.col("user")))["user"]
    if names.is_empty():
        return frame
    mask = frame.select((failing & pl.col("user").is_in(names.implode())).fill_null(False).alias("hit"))["hit"]
    if not mask.any():
        return frame
    index = mask.arg_true()
    part = frame[index]
    new = pseudonyms(part["user"])
    texts = [c for c in ("detail", "raw") if c in frame.columns]
    shown = part["user"] if logged is None else logged[index]
    changed = {c: _replace_each(_replace_each(part[c], shown, new), part["user"], new) for c in texts}
    if "redacted" not in frame.columns:
        frame = frame.with_columns(redacted=pl.lit(None, pl.String))
    return frame.with_columns(
        frame["user"].scatter(index, new),
        frame["redacted"].scatter(index, "password as user name"),
        *(frame[c].scatter(index, values) for c, values in changed.items()),
    )


def _replace_each(texts: pl.Series, old: pl.Series, new: pl.Series) -> pl.Series:
    """Replace in each text its own old part by its own new part (few rows: a plain loop)."""
    return pl.Series(
        texts.name,
        [t if t is None else t.replace(o, n) for t, o, n in zip(texts, old, new, strict=True)],
        dtype=pl.String,
    )
