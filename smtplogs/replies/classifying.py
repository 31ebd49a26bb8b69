"""Cause, outcome and basis of records: decided once per distinct text with its codes, then joined back."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.replies.loading import custom_file, rows
from smtplogs.replies.matching import best
from smtplogs.replies.meanings import cause_table
from smtplogs.schema import CAUSES, OUTCOMES, RECORDS

if TYPE_CHECKING:
    from os import PathLike

    from smtplogs.replies.loading import CustomFile

KEYS = (
    "side",
    "stage",
    "format",
    "service",
    "server_port",
    "reply_code",
    "enhanced_code",
    "vendor_code",
    "level",
    "detail",
)
"""Record columns that a verdict depends on."""

VERDICT = ("cause", "outcome", "basis")

_NULLS = {name: pl.lit(None, RECORDS[name].dtype).alias(name) for name in (*KEYS, *VERDICT)}
_GIVEN = [pl.col(name).cast(RECORDS[name].dtype) for name in VERDICT]


def classify(records: pl.DataFrame, catalogue: str | PathLike[str] | None = None) -> pl.DataFrame:
    """Fill `cause`, `outcome` and `basis` where a pattern left them empty.

    The catalogue decides the cause of every record that has a `stage` and is not context (outcome `info`). The outcome
    then follows from the cause, unless the catalogue's row has its own. A text that no row fits is `unknown`; its
    outcome follows from reply code and stage: 4xx is deferred; else a refused AUTH is a failure, a broken TLS handshake
    or session is aborted, a failed connect is deferred, and any other command is refused.

    Parameters
    ----------
    records
        Any frame with record columns; those that are missing count as null.
    catalogue
        File with the caller's own rows, which come before ours.

    Returns
    -------
    polars.DataFrame
        The same rows in the same order. What was set is kept.

    Examples
    --------
    >>> line = pl.DataFrame({"side": ["server"], "stage": ["auth"], "format": ["dovecot"], "detail": ["unknown user"]})
    >>> classify(line).select("cause", "outcome", "basis").row(0)
    ('unknown_user', 'failure', 'line')
    """
    absent = (null for name, null in _NULLS.items() if name not in records.columns)
    asked = records.lazy().with_columns(*absent).select(*KEYS, *_GIVEN).collect()
    return records.with_columns(_once(asked, custom_file(catalogue)))


def verdicts(evidence: pl.DataFrame, custom: CustomFile | None = None) -> pl.DataFrame:
    """Return row of the catalogue (null: none), cause, outcome and basis for each row of KEYS, in order."""
    winners = best(named(evidence), custom)
    return (
        evidence.with_row_index("key")
        .join(winners.join(_row_verdicts(custom), on="row"), on="key", how="left", maintain_order="left")
        .select(
            "row",
            pl.col("cause").fill_null("unknown"),
            pl.coalesce("outcome", _outcome_of_unknown()),
            pl.col("basis").fill_null("line"),
        )
    )


def named(records: pl.DataFrame) -> pl.DataFrame:
    """Return the evidence that rows are compared with, from the columns of KEYS; those that are missing are null."""
    absent = (pl.lit(None, RECORDS[name].dtype).alias(name) for name in KEYS if name not in records.columns)
    return records.with_columns(*absent).select(
        "side",
        "stage",
        "reply_code",
        "enhanced_code",
        "vendor_code",
        "level",
        "detail",
        program="format",
        service=_kind_of_service(),
    )


FEW = 1_000
"""Rows that are looked up one by one; more of them are judged together, which costs less."""

MOST_KNOWN = 20_000
"""Verdicts that are remembered; beyond that all are forgotten, so that a long run holds no more."""

_known: dict[tuple[object, ...], tuple[str | None, str | None, str | None]] = {}


def _once(asked: pl.DataFrame, custom: CustomFile | None) -> pl.DataFrame:
    """Return the verdict on each row of KEYS and VERDICT (what is set): distinct rows are judged once."""
    if asked.height <= FEW:
        return _remembered(asked, custom)
    telling = [name for name in asked.columns if asked[name].null_count() < asked.height] or [KEYS[0]]
    distinct = asked.select(telling).unique()
    every = distinct.select(pl.col(name) if name in telling else null for name, null in _NULLS.items())
    judged = _remembered(every, custom) if every.height <= FEW else _judged(every, custom)
    answers = distinct.hstack([answer.alias(f"_{answer.name}") for answer in judged])
    return (
        asked.select(telling)
        .join(answers, on=telling, how="left", nulls_equal=True, maintain_order="left")
        .select(pl.col(f"_{name}").alias(name) for name in VERDICT)
    )


def _remembered(asked: pl.DataFrame, custom: CustomFile | None) -> pl.DataFrame:
    """Return the verdicts on few rows; those that were asked before are not judged again."""
    keys = [(custom, *row) for row in asked.rows()]
    answers = [_known.get(key) for key in keys]
    new = [i for i, answer in enumerate(answers) if answer is None]
    if new:
        judged = _judged(asked[new], custom).rows()
        for i, answer in zip(new, judged, strict=True):
            answers[i] = answer
        if len(_known) > MOST_KNOWN:
            _known.clear()
        _known.update({keys[i]: answer for i, answer in zip(new, judged, strict=True)})
    return pl.DataFrame(answers, schema={name: RECORDS[name].dtype for name in VERDICT}, orient="row")


def _judged(asked: pl.DataFrame, custom: CustomFile | None) -> pl.DataFrame:
    """Return the verdict on each row: what is set stays, the catalogue tells the rest."""
    undecided = asked.select(
        pl.col("stage").is_not_null()
        & pl.col("cause").is_null()
        & ~pl.col("outcome").is_in(["info", "success"]).fill_null(False)
    ).to_series()
    answers = _spread(verdicts(asked.filter(undecided).select(KEYS), custom).select(VERDICT), undecided)
    asked = asked.with_columns(
        pl.coalesce("cause", answers["cause"], pl.when(outcome="success").then(pl.lit("success", _CAUSE))),
        pl.coalesce("outcome", answers["outcome"]),
        pl.coalesce("basis", answers["basis"]),
    )
    settled = pl.col("cause").is_not_null()
    return asked.select(
        "cause",
        pl.when(settled & pl.col("outcome").is_null()).then(_outcome_of_cause()).otherwise("outcome").alias("outcome"),
        pl.when(settled).then(pl.col("basis").fill_null("line")).otherwise("basis").alias("basis"),
    )


def _spread(answers: pl.DataFrame, where: pl.Series) -> pl.DataFrame:
    """Put the answers at the rows where the mask is true; null elsewhere."""
    if answers.height == where.len():
        return answers
    place = pl.select(pl.when(where).then(where.cum_sum() - 1)).to_series()
    return answers.select(pl.all().gather(place))


_CAUSE = pl.Enum(CAUSES)
_OUTCOME = pl.Enum(OUTCOMES)


@functools.cache
def _row_verdicts(custom: CustomFile | None) -> pl.DataFrame:
    """Return cause, outcome (null: as for unknown) and basis by row number."""
    return pl.DataFrame(
        [
            {
                "row": number,
                "cause": row.cause,
                "outcome": row.outcome or cause_table()[row.cause]["outcome"],
                "basis": row.basis,
            }
            for number, row in enumerate(rows(custom))
        ],
        schema={"row": pl.UInt16, **{name: RECORDS[name].dtype for name in VERDICT}},
    )


def _outcome_of_cause() -> pl.Expr:
    """Return the outcome that follows from `cause`."""
    follows = {cause: entry["outcome"] for cause, entry in cause_table().items()}
    known = pl.col("cause").replace_strict(list(follows), list(follows.values()), return_dtype=_OUTCOME, default=None)
    return pl.coalesce(known, _outcome_of_unknown())


def _outcome_of_unknown() -> pl.Expr:
    """Return the outcome where the cause does not tell: by reply code, then by stage."""
    stage = pl.col("stage").cast(pl.String)
    return (
        pl.when(pl.col("reply_code").is_between(400, 499) | (stage == "connect"))
        .then(pl.lit("deferred"))
        .when(stage == "auth")
        .then(pl.lit("failure"))
        .when(stage.is_in(["tls", "session"]))
        .then(pl.lit("aborted"))
        .otherwise(pl.lit("refused"))
        .cast(_OUTCOME)
    )


def _kind_of_service() -> pl.Expr:
    """Return `wrapper` for port 465, `submission` for 587, by name or port; `other` for the rest."""
    name = pl.col("service").str.to_lowercase()
    port = pl.when(pl.col("side").cast(pl.String) == "server").then("server_port")
    return (
        pl.when(
            name.str.contains(r"(?:^|/)(?:smtps|submissions|ssmtp)|465").fill_null(False)
            | (port == 465).fill_null(False)
        )
        .then(pl.lit("wrapper"))
        .when(name.str.contains(r"(?:^|/)(?:submission|msa)|587").fill_null(False) | (port == 587).fill_null(False))
        .then(pl.lit("submission"))
        .otherwise(pl.lit("other"))
    )
