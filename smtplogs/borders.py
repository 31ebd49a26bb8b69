"""Turns of sessions that the end of a file cuts, kept for the next one: without secrets, but with their users."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import redacting, sasl
from smtplogs.sasl import CUT
from smtplogs.talking import VERB

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMAND = re.compile(sasl.COMMAND)
_ASKS_USER, _ASKS_PASSWORD = ("334 VXNlcm5hbWU6", "334 dXNlcm5hbWU6"), "334 UGFzc3dvcmQ6"
_TEXTS = ("text", "line", "detail", "helo", "vendor_code")


@dataclass
class _Exchange:
    """An AUTH command and what the client sent after it; or what a file begins with, whose command another file has."""

    mechanism: str | None = None
    rows: list[int] = field(default_factory=list)
    responses: list[str] = field(default_factory=list)

    def told(self) -> sasl.Given:
        """Return user and secrets."""
        given = sasl.given(self.mechanism, tuple(self.responses))
        if self.mechanism is None and self.responses and _is_plain(self.responses[0]):
            given = sasl.given("PLAIN", tuple(self.responses))
        return given


def guarded(turns: pl.DataFrame) -> pl.DataFrame:
    """Cut secrets out of turns; the user whom an AUTH exchange names stands in `user` afterwards.

    Parameters
    ----------
    turns
        Columns of `turns.spoken` with `sid`, of one file.

    Returns
    -------
    DataFrame
        The same turns, ordered by session. What a client says that is no command counts as a secret, wherever it stands.
    """
    held = "redacted" in turns.columns
    turns = redacting.without_secrets(turns, *(c for c in ("detail", "line") if c in turns.columns))
    turns = turns if held else turns.drop("redacted", strict=False)
    client, text = pl.col("speaker") == "client", pl.col("text")
    verb = text.str.extract(VERB).str.to_uppercase()
    telling = client & text.is_not_null() & (verb.is_null() | (verb == "AUTH"))
    turns = turns.sort("sid", "seq", "line_no", nulls_last=True, maintain_order=True)
    some = pl.col("sid").is_in(turns.filter(telling)["sid"].unique().implode())
    said = turns.with_row_index("_at").filter(some, client | (pl.col("speaker") == "server"), text.is_not_null())
    users: dict[int, str] = {}
    secrets: dict[str, set[str]] = {}
    for sid, exchange in _exchanges(said.select("_at", "sid", "speaker", "text", verb.alias("verb"))):
        given = exchange.told()
        secrets.setdefault(sid, set()).update(given.secrets)
        if given.user:
            users[exchange.rows[0]] = given.user
    if not secrets:
        return turns
    # whether the login succeeds another file tells: on the disk a name that may be a password is none
    named = redacting.pseudonyms(pl.Series("_user", [users.get(i) for i in range(turns.height)], dtype=pl.String))
    turns = turns.with_columns(named).with_columns(user=pl.coalesce("user", "_user")).drop("_user")
    nothing: set[str] = set()
    hidden = [secrets.get(sid, nothing) for sid in turns["sid"]]
    return turns.with_columns(
        pl.Series(name, list(map(_without, turns[name], hidden)), dtype=pl.String)
        for name in _TEXTS
        if name in turns.columns
    )


def _exchanges(said: pl.DataFrame) -> Iterator[tuple[str, _Exchange]]:
    """Cut what was said into AUTH exchanges (few rows have any: a plain loop)."""
    session, open_ = "", _Exchange()
    for at, sid, speaker, text, verb in said.iter_rows():
        if sid != session or (speaker == "client" and verb):
            if open_.rows:
                yield session, open_
            session, open_ = sid, _Exchange()
        if speaker == "client" and verb == "AUTH":
            command = _COMMAND.match(text)
            rest = command[2] if command else re.sub(r"^(?i:AUTH)[ \t=]*", "", text)
            open_ = _Exchange(command[1].upper() if command else None, [at], [rest] if rest and rest != "=" else [])
        elif speaker == "client" and not verb:
            open_.rows.append(at)
            open_.responses.append(text)
        elif open_.mechanism is None and (
            (text in _ASKS_USER and not open_.responses) or (text == _ASKS_PASSWORD and len(open_.responses) == 1)
        ):
            open_.mechanism = "LOGIN"
    if open_.rows:
        yield session, open_


def _is_plain(response: str) -> bool:
    try:
        return base64.b64decode(response.strip(), validate=True).count(b"\0") == 2
    except (binascii.Error, ValueError):
        return False


def _without(text: str | None, secrets: set[str]) -> str | None:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text and text.replace(secret, CUT)
    return text
