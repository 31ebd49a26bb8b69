"""A table of replies judged at once: the documented columns, order, hints, pandas, many at a time."""

from __future__ import annotations

import polars as pl
import pytest

from smtplogs import errors, replies
from smtplogs.replies import classify_replies
from smtplogs.replies.judging import BATCH, COLUMNS


def test_the_columns_are_those_documented_and_the_rows_stay() -> None:
    given = pl.DataFrame({"n": [1, 2, 3], "text": ["535 x", None, "gibberish"]})
    told = classify_replies(given)

    assert told.select("n", "text").equals(given)
    assert told.drop("n", "text").schema == pl.Schema(COLUMNS)
    assert told["cause"].to_list() == ["bad_credentials", None, "unknown"]
    assert told["outcome"].to_list() == ["failure", None, "refused"]


def test_hints_count_where_they_are_given() -> None:
    given = pl.DataFrame(
        {
            "text": ["454 no", "454 no", "unknown user", "unknown user", "535 no"],
            "stage": ["auth", "tls", "auth", "auth", None],
            "side": [None, None, "server", "server", None],
            "program": [None, None, "dovecot", "postfix", None],
            "server": [None, None, None, None, "smtp.office365.com"],
        }
    )
    told = classify_replies(given)

    assert told["cause"].to_list() == [
        "backend_unavailable",
        "tls_unavailable",
        "unknown_user",
        "unknown",
        "bad_credentials",
    ]
    assert told["provider"].to_list() == [None, None, None, None, "Microsoft 365"]


def test_what_is_no_refusal_has_no_cause() -> None:
    told = classify_replies(
        pl.DataFrame({"text": ["250 ok", "334 VXNlcm5hbWU6", "220 mx ESMTP", "235 2.7.0 yes", "221 bye"]})
    )

    assert told["cause"].to_list() == [None, None, None, "success", None]
    assert told["outcome"].to_list() == ["info", "info", "info", "success", "info"]


def test_it_agrees_with_the_classifier_of_records() -> None:
    rows = [
        (text, row) for row in replies.rows() for text in row.examples if row.side != "server" and not row.vendor_code
    ]
    given = pl.DataFrame(
        {
            "text": [text for text, _ in rows],
            "stage": [(row.stage or ("auth",))[0] for _, row in rows],
            "side": ["client"] * len(rows),
        }
    )
    told = classify_replies(given)
    records = told.select("stage", "side", reply_code="code", enhanced_code="enhanced", detail="words")
    refused = ~told["outcome"].is_in(["info"])

    assert replies.classify(records).filter(refused)["cause"].to_list() == told.filter(refused)["cause"].to_list()


def test_pandas_in_pandas_out() -> None:
    told = classify_replies(pl.DataFrame({"text": ["535 x"]}).to_pandas())

    assert type(told).__module__.startswith("pandas")
    assert told["cause"].tolist() == ["bad_credentials"]


def test_without_text_the_missing_column_is_named() -> None:
    with pytest.raises(errors.MissingColumns, match="text"):
        classify_replies(pl.DataFrame({"reply": ["535"]}))


def test_an_empty_table_stays_empty() -> None:
    told = classify_replies(pl.DataFrame({"text": []}, schema={"text": pl.String}))

    assert told.height == 0
    assert set(COLUMNS) <= set(told.columns)


def test_batches_are_put_together_in_order() -> None:
    texts = [f"550 5.7.1 <u{n}@example.org>: Relay access denied" if n % 2 else f"535 no {n}" for n in range(BATCH + 5)]
    told = classify_replies(pl.DataFrame({"text": texts}))

    assert told["cause"].head(2).to_list() == ["bad_credentials", "relay_denied"]
    assert told["cause"].tail(5).to_list() == ["bad_credentials", "relay_denied"] * 2 + ["bad_credentials"]


def test_hostile_texts_do_no_harm() -> None:
    texts = [
        "\x00",
        "535 " + "x" * 200_000,
        "535-" * 10_000,
        "454 4.7.0 \ud7ff",
        "any text",
        "reply_code 535",
        "(" * 10_000,
    ]

    assert classify_replies(pl.DataFrame({"text": texts})).height == len(texts)
