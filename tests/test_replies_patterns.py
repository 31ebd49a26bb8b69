"""One vocabulary: a pattern that names a cause itself agrees with the catalogue on its own samples."""

from __future__ import annotations

import polars as pl
import pytest

from smtplogs import replies
from smtplogs.logformats import ALL
from smtplogs.schema import RECORDS

NAMED = [(f, p) for f in ALL for p in getattr(f, "patterns", ()) if p.sets.get("cause") not in (None, "success")]


def catalogue_says(fields: dict[str, object]) -> str:
    """Return the cause that the catalogue gives to these fields."""
    schema = {name: RECORDS[name].dtype for name in replies.KEYS}
    frame = pl.DataFrame({name: [fields.get(name)] for name in schema}, schema=schema)
    return replies.classify(frame)["cause"].item()


def test_few_patterns_name_a_cause_at_all() -> None:
    every = sum(len(getattr(f, "patterns", ())) for f in ALL)

    assert len(NAMED) < every / 4


def test_the_cause_of_a_pattern_is_that_of_the_catalogue_for_its_own_samples() -> None:
    """Where the words of a sample mean something to the catalogue: many such patterns have no words at all."""
    apart = []
    for format_, p in NAMED:
        for sample in p.samples:
            said = catalogue_says({**sample.expect, **p.sets, "format": format_.name, "cause": None, "outcome": None})
            if said not in ("unknown", p.sets["cause"]):
                apart.append((format_.name, p.name, p.sets["cause"], said))
    assert apart == []


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"side": "client", "stage": "auth", "format": "postfix", "reply_code": 535, "enhanced_code": "5.7.139", "detail": "Authentication unsuccessful, account locked."}, "account_locked"),
        ({"side": "client", "stage": "auth", "format": "postfix", "reply_code": 451, "detail": "Authentication failed: Maximum credits exceeded"}, "quota_exceeded"),
    ],
)  # fmt: skip
def test_a_reply_inside_a_deferral_is_judged_by_the_same_catalogue(fields: dict[str, object], cause: str) -> None:
    assert catalogue_says(fields) == cause
