"""Records of dialogues and tables made into events: classified, secrets cut out, other lines of a session named."""

from __future__ import annotations

import polars as pl

from smtplogs import borders, redacting, replies
from smtplogs.normalising import normalised
from smtplogs.talking import LINES
from smtplogs.unsettled import finished

MOST_LINES = 100
"""Other lines that an event names at most: a session may hold any number."""

_SURE = ("connect", "tls", "auth", "session")
"""Steps at which a refusal is an event even if its cause is unknown; of other steps only what is understood."""


def as_events(
    found: pl.DataFrame, name: str, sources: list[str], host: str | None, catalogue: str | None = None
) -> pl.DataFrame:
    """Make events of the records of one format.

    Parameters
    ----------
    found
        From `dialogue.records` or `tabling.records`, with their times.
    name
        The format.
    sources
        The files that the lines stand in; `_ref` of the records counts them, without it there is only one.
    host
        Name for lines that do not say which host wrote them.
    catalogue
        File with the caller's own rows of the reply catalogue.

    Returns
    -------
    DataFrame
        The columns of `unsettled.FINISHED`, without sessions that hold no event.
    """
    found = _placed(found, name, sources, host)
    found = replies.classify(normalised(_with_names_of_tls(found)), catalogue)
    return finished(_with_other_lines(_without_secrets(_understood(found)), sources))


def _placed(found: pl.DataFrame, name: str, sources: list[str], host: str | None) -> pl.DataFrame:
    """Say of each record what format it has, in which file it stands, and on which host."""
    found = found.with_columns(
        format=pl.lit(name),
        source=_source_of(pl.col("_ref"), sources) if "_ref" in found.columns else pl.lit(sources[0]),
    )
    if "sid" in found.columns:  # a session without a token is named by its file
        block = pl.concat_str("source", pl.col("sid").str.strip_suffix(".0"))
        blocks = pl.when(pl.col("sid").str.starts_with("#")).then(block)
        found = found.with_columns(session=pl.coalesce("session", blocks))
    if host is None:
        return found
    return found.with_columns(host=pl.coalesce("host", pl.lit(host)) if "host" in found.columns else pl.lit(host))


def _with_names_of_tls(found: pl.DataFrame) -> pl.DataFrame:
    """Write TLS versions as everybody does: TLS1_2 and TLS 1.2 are TLSv1.2."""
    if "tls" not in found.columns:
        return found
    tls = pl.col("tls").str.replace(r"^TLS1_([0-9])$", "TLSv1.$1").str.replace(r"^TLS1$", "TLSv1")
    return found.with_columns(tls.str.replace(r"^TLS ?(1)", "TLSv$1").replace({"Y": "yes"}))


def _understood(found: pl.DataFrame) -> pl.DataFrame:
    """Drop refusals at later steps whose cause is unknown, and then the context of sessions without an event."""
    known = pl.col("stage").cast(pl.String).is_in(list(_SURE)) | (pl.col("cause").cast(pl.String) != "unknown")
    found = found.filter(known.fill_null(value=True) & pl.col("stage").is_not_null())
    if "sid" not in found.columns:
        return found
    told = found.filter(pl.col("pattern") != "session")["sid"].unique()
    return found.filter(pl.col("sid").is_in(told.implode()))


def _without_secrets(found: pl.DataFrame) -> pl.DataFrame:
    """Cut every kind of secret out, and say in `redacted` what was cut."""
    if "redacted" not in found.columns:
        found = found.with_columns(redacted=pl.lit(None, pl.String))
    found = redacting.without_secrets(found, "detail", "raw")
    found = _without_sent_secrets(found)
    kind = "sasl response" if "sid" in found.columns else "secret"
    cut = pl.when(pl.col("raw").str.contains(borders.CUT, literal=True)).then(pl.lit(kind))
    if "_leaks" in found.columns:  # the secret stands in another line of the session
        cut = pl.coalesce(cut, pl.when("_leaks").then(pl.lit(kind)))
    found = found.with_columns(redacted=pl.coalesce("redacted", cut))
    failing = ~pl.col("outcome").cast(pl.String).is_in(["success", "info"])
    return redacting.without_typed_passwords(found, failing.fill_null(value=True))


def _with_other_lines(found: pl.DataFrame, sources: list[str]) -> pl.DataFrame:
    """Name in `also` the other lines of its session that an event rests on."""
    if "_lines" not in found.columns:
        return found
    line = pl.element() % LINES
    own = pl.concat_str(_source_of(pl.element(), sources), pl.lit(":"), line.cast(pl.String))
    lines = pl.col("_lines").list.set_difference(pl.concat_list("_ref")).list.sort().list.head(MOST_LINES)
    found = found.with_columns(also=lines.list.eval(own))
    return found.with_columns(also=pl.when(pl.col("also").list.len() > 0).then("also"))


def _source_of(ref: pl.Expr, sources: list[str]) -> pl.Expr:
    """Return the file of a line among several."""
    return (ref // LINES).replace_strict(list(range(len(sources))), sources, return_dtype=pl.String)


def _without_sent_secrets(found: pl.DataFrame) -> pl.DataFrame:
    """Cut what the client sent as a secret out of every text of its session (few rows have any: a plain loop)."""
    if "_secrets" not in found.columns:
        return found
    some = found["_secrets"].list.len().fill_null(0) > 0
    if not some.any():
        return found
    columns = [c for c in ("detail", "raw", "helo", "sender", "vendor_code", "queue_id") if c in found.columns]
    where = some.arg_true()
    part = found[where]
    secrets = part["_secrets"].to_list()
    names = part["user"].to_list()
    cut = [False] * part.height
    changed: dict[str, pl.Series] = {}
    for column in columns:
        clean = [_cut(*row) for row in zip(part[column], secrets, names, strict=True)]
        cut = [c or new != old for c, new, old in zip(cut, clean, part[column], strict=True)]
        changed[column] = pl.Series(column, clean, dtype=pl.String)
    kinds = pl.Series(
        ["sasl response" if c else k for c, k in zip(cut, part["redacted"], strict=True)], dtype=pl.String
    )
    return found.with_columns(
        *(found[c].scatter(where, values) for c, values in changed.items()),
        found["redacted"].scatter(where, kinds).alias("redacted"),
    )


def _cut(text: str | None, secrets: list[str], name: str | None) -> str | None:
    """Return a text without the secrets; a user whose secret is the name itself keeps the name."""
    for secret in sorted(secrets, key=len, reverse=True):
        if text and secret != name:
            text = text.replace(secret, "[redacted]")
    return text
