"""The table of causes: family, outcome, meaning, what to check and repair, and who can do it."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import polars as pl

from smtplogs import _toml
from smtplogs.schema import CAUSES, OUTCOMES

COLUMNS = {
    "cause": pl.Enum(CAUSES),
    "family": pl.String,
    "outcome": pl.Enum(OUTCOMES),
    "meaning": pl.String,
    "first_check": pl.String,
    "fix": pl.String,
    "who": pl.String,
    "waiting_helps": pl.Boolean,
    "answers": pl.List(pl.String),
    "references": pl.List(pl.String),
    "sign": pl.String,
    "decided_by": pl.List(pl.String),
    "mistaken_for": pl.List(pl.String),
}

WHO = ("client owner", "account owner", "application owner", "mail admin", "tenant admin", "analyst", "nobody")
"""Who must act. `analyst` and `nobody` stand only where there is nothing to repair."""


@functools.cache
def cause_table() -> dict[str, dict[str, Any]]:
    """Cause -> its fields, in the order of `schema.CAUSES`; what has no answer is None."""
    text = resources.files("smtplogs.replies").joinpath("causes.toml").read_text("utf-8")
    table = {cause: dict.fromkeys(COLUMNS) | entry for cause, entry in _toml.loads(text).items()}
    if tuple(table) != CAUSES:
        raise ValueError("causes.toml does not hold the causes of the schema in their order")
    if strange := {other for entry in table.values() for other in entry["mistaken_for"] or ()} - set(CAUSES):
        raise ValueError(f"causes.toml: mistaken_for names {', '.join(sorted(strange))}, which are no causes")
    return table


@functools.cache
def checklist() -> dict[str, dict[str, Any]]:
    """Item of the troubleshooting article -> question, answer, and the detectors that look for it, if any."""
    text = resources.files("smtplogs.replies").joinpath("checklist.toml").read_text("utf-8")
    return {item: {"decided_by": []} | entry for item, entry in _toml.loads(text).items()}


def causes() -> pl.DataFrame:
    """Return every cause with its meaning and what to do about it.

    Returns
    -------
    polars.DataFrame
        One row per cause, in the order of the vocabulary:

        * `cause`, `family` (credential, policy, protocol, server, limit, rights, network, none);
        * `outcome`: what follows from the cause; null for `unknown`, whose outcome follows from stage and reply code;
        * `meaning`, `first_check`, `fix`, `who` must act (client, account or application owner, mail or tenant admin);
        * `waiting_helps`: whether it passes by itself; null where the question makes no sense;
        * `answers`: questions of the troubleshooting checklist that the cause answers;
        * `references`: standards and pages of providers that define it;
        * `sign`: how it shows in what clients do, where no reply says it; `decided_by`: detectors that look for that;
        * `mistaken_for`: causes that may stand behind the same words where they are bare.

    Examples
    --------
    >>> causes().filter(pl.col("cause") == "relay_denied")["outcome"].item()
    'refused'
    """
    return pl.DataFrame([{**entry, "cause": cause} for cause, entry in cause_table().items()], schema=COLUMNS)
