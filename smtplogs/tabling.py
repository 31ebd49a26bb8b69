"""Cells of a table format -> records: fields named, words translated, stamps brought into one form, secrets cut."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import sasl
from smtplogs.redacting import NAMED_SO
from smtplogs.turns import endpoint

if TYPE_CHECKING:
    from smtplogs.logformats import Field, Table

_CODE = r"(?:^|: |\()([2-5][0-9]{2})(?:[- ]|$)"
_ENHANCED = r"(?:^|[ -])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)"
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
_ISO_FORM = "%Y-%m-%dT%H:%M:%S%.6f"


def records(rows: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, int]:
    """Make records of cells.

    Parameters
    ----------
    rows
        From `cells.cells`: `line_no`, `line`, a column per path.
    table
        The format.

    Returns
    -------
    records, n_dismissed
        Record columns as text, `stamp`, `raw` and `_secrets`; how many rows are none of ours by `keep`.
    """
    mine = [_filled(path).is_in(list(words)).fill_null(value=False) for path, words in table.keep.items()]
    kept = rows.filter(mine) if mine else rows
    dismissed = rows.height - kept.height
    outer = {"outer": pl.col("outer")} if "outer" in kept.columns else {}
    found = kept.select(
        "line_no",
        _line=pl.coalesce("written", "line") if "written" in kept.columns else pl.col("line"),
        _dropped=pl.concat_list(_filled(p) for p in table.drop) if table.drop else pl.lit(None, pl.List(pl.String)),
        **outer,
        **{name: _field(spec) for name, spec in table.fields.items()},
    )
    found = found.with_columns(_translated(c, dict(words)) for c, words in table.words.items())
    found = _opened(found)
    found = found.with_columns(
        (pl.coalesce(name, pl.lit(str(value))) if name in found.columns else pl.lit(str(value))).alias(name)
        for name, value in ({"stage": "auth", "side": "server"} | dict(table.sets)).items()
    )
    for column in table.carry:
        if "session" in found.columns and column in found.columns:
            found = found.with_columns(
                pl.when(pl.col("session").is_not_null()).then(pl.col(column).forward_fill().over("session"))
                .otherwise(column).alias(column)
            )  # fmt: skip
    return _stamped(_cleaned(found, table), table), dismissed


def _filled(path: str) -> pl.Expr:
    """Return the cell, null where it is empty."""
    text = pl.col(path).str.strip_chars()
    return pl.when(text != "").then(text)


def _field(spec: Field) -> pl.Expr:
    """Return the first filled cell, or the part of it that counts."""
    values = [_filled(p) for p in spec.paths]
    if spec.regex:
        groups = max(1, re.compile(spec.regex).groups)
        values = [v.str.extract(spec.regex, g) for v in values for g in range(1, groups + 1)]
        values = [pl.when(v != "").then(v) for v in values]
    return pl.coalesce(values)


def _translated(column: str, words: dict[str, str]) -> pl.Expr:
    """Replace the log's words by ours; case does not count."""
    other = words.pop("*", None)
    lower = {word.casefold(): ours for word, ours in words.items()}
    value = pl.col(column).str.to_lowercase()
    new = value.replace_strict(list(lower), list(lower.values()), default=other, return_dtype=pl.String)
    return pl.when(value.is_not_null()).then(new).alias(column)


def _opened(found: pl.DataFrame) -> pl.DataFrame:
    """Take replies, end points and AUTH commands apart."""

    def beside(name: str, value: pl.Expr | pl.Series) -> pl.Expr:
        new = pl.lit(value) if isinstance(value, pl.Series) else value
        return (pl.coalesce(name, new) if name in found.columns else new).alias(name)

    if "reply" in found.columns:
        reply = pl.col("reply")
        rest = reply.str.replace(r"^.*?(?:^|: |\()[2-5][0-9]{2}(?:[- ]|$)(?:[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$))?", "")
        found = found.with_columns(
            beside("reply_code", reply.str.extract(_CODE)),
            beside("enhanced_code", reply.str.extract(_ENHANCED)),
            beside("detail", pl.when(rest != "").then(rest)),
        ).drop("reply")
    for end in ("client", "server"):
        if end in found.columns:
            ip, port = endpoint(found[end])
            found = found.with_columns(beside(f"{end}_ip", ip), beside(f"{end}_port", port)).drop(end)
    secrets: list[list[str]] = [[] for _ in range(found.height)]
    if "sasl" in found.columns:
        users: list[str | None] = []
        names: list[str | None] = []
        stated = found["mechanism"].to_list() if "mechanism" in found.columns else [None] * found.height
        for i, (text, mechanism) in enumerate(zip(found["sasl"].to_list(), stated, strict=True)):
            match = re.match(sasl.COMMAND, text or "")
            name = match[1].upper() if match else (mechanism or "").upper() or None
            blob = (match[2] if match else re.sub(r"(?i)^AUTH[ \t]*", "", text or "")) or ""
            told = sasl.given(name, (blob,) if blob else ())
            users.append(told.user)
            names.append(name)
            secrets[i] = list(told.secrets)
        found = found.with_columns(
            beside("user", pl.Series(users, dtype=pl.String)), beside("mechanism", pl.Series(names, dtype=pl.String))
        ).drop("sasl")
    cut = pl.concat_list(pl.lit(pl.Series(secrets, dtype=pl.List(pl.String))), pl.col("_dropped").fill_null([]))
    return found.with_columns(_secrets=cut.list.drop_nulls()).drop("_dropped")


def _cleaned(found: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Cut what the format calls secret out of the line."""
    raw = pl.col("_line").str.replace_all(NAMED_SO, '$1"[redacted]"')
    for regex in table.strip:
        raw = raw.str.replace_all(regex, "[redacted]")
    texts = [c for c in ("detail", "user") if c in found.columns and table.strip]
    for regex in table.strip:
        found = found.with_columns(pl.col(c).str.replace_all(regex, "[redacted]") for c in texts)
    return found.with_columns(raw=raw).drop("_line")


def _stamped(found: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Write stamps of stated forms and zones as ISO 8601; one in none of the forms is marked, so that nobody guesses."""
    if "stamp" not in found.columns:
        found = found.with_columns(stamp=pl.col("outer") if "outer" in found.columns else pl.lit(None, pl.String))
    text = pl.col("stamp")
    forms: list[pl.Expr] = []
    for form in table.forms:
        if form in _EPOCHS:
            number = text.str.extract(r"^([0-9]+(?:\.[0-9]+)?)$").cast(pl.Float64) * _EPOCHS[form]
            forms.append(number.round().cast(pl.Int64).cast(pl.Datetime("us")).dt.to_string(_ISO_FORM) + "Z")
        elif form != "iso8601":
            aware = "%z" in form or "%#z" in form
            moment = text.str.strptime(pl.Datetime("us", "UTC") if aware else pl.Datetime("us"), form, strict=False)
            forms.append(moment.dt.to_string(_ISO_FORM) + pl.lit("Z" if aware else ""))
    if table.forms:
        iso = pl.when(text.str.contains(_ISO)).then(text) if "iso8601" in table.forms else pl.lit(None, pl.String)
        found = found.with_columns(stamp=pl.coalesce(*forms, iso, pl.format("?{}", text)))
    if table.zone:
        bare = pl.col("stamp").str.extract(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)$")
        wall = bare.str.replace(" ", "T").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
        there = wall.dt.replace_time_zone(table.zone, ambiguous="earliest", non_existent="null")
        utc = there.dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.to_string(_ISO_FORM) + "Z"
        found = found.with_columns(stamp=pl.coalesce(utc, "stamp"))
    return found
