"""The catalogue against 236 replies gathered from standards, sources, vendors and field reports."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from smtplogs import replies

CASES = [
    json.loads(line) for line in (Path(__file__).parent / "cases" / "replies.jsonl").read_text("utf-8").splitlines()
]


def test_gathered_replies_mean_what_they_should() -> None:
    told = replies.classify_replies(
        pl.DataFrame({"text": [c["text"] for c in CASES], "stage": [c.get("stage") for c in CASES]})
    )
    names = ("cause", "temporary", "code_class", "provider")
    wanted = [{name: case.get(name) for name in names} for case in CASES]
    wrong = [
        f"{case['text']}\n  must mean {must}, means {is_}"
        for case, must, is_ in zip(CASES, wanted, told.select(names).to_dicts(), strict=True)
        if must != is_
    ]

    assert not wrong, "\n".join(wrong)


def test_explain_and_the_table_agree_on_the_cause() -> None:
    said = [replies.explain(case["text"], stage=case.get("stage"))["cause"][0] for case in CASES]
    wrong = [
        f"{case['text']}\n  is {case['cause']}, explained as {cause}"
        for case, cause in zip(CASES, said, strict=True)
        if cause != case["cause"]
    ]

    assert not wrong, "\n".join(wrong)


def test_truth_and_first_digit_part_where_they_should() -> None:
    apart = {
        (case["text"][:3], case["cause"])
        for case in CASES
        if case["temporary"] is not None and case["temporary"] != (case["code_class"] == "temporary")
    }

    assert {
        ("454", "relay_denied"),
        ("421", "tls_too_old"),
        ("451", "quota_exceeded"),
        ("432", "password_transition_required"),
        ("435", "bad_credentials"),
        ("550", "quota_exceeded"),
        ("550", "throttled_sending"),
        ("554", "quota_exceeded"),
        ("535", "account_locked"),
        ("535", "backend_unavailable"),
    } <= apart


def test_a_case_that_departs_from_where_it_was_found_says_why() -> None:
    assert all(case["why"] for case in CASES if "why" in case)
