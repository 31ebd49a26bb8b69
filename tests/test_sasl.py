"""What an AUTH exchange gives away: the user; and which texts of it must be cut."""

from __future__ import annotations

import polars as pl
import pytest

from planted import b64
from smtplogs import sasl


@pytest.mark.parametrize(
    ("mechanism", "responses", "user"),
    [
        ("PLAIN", ("\0ann\0s3cret",), "ann"),
        ("PLAIN", ("boss\0ann@example.com\0s3cret",), "ann@example.com"),
        ("PLAIN", ("\0ann\0/* secret */",), "ann"),
        ("PLAIN", ("ann@example.com",), "ann@example.com"),  # hMailServer leaves the name and masks the rest
        ("PLAIN", ("two\0parts",), None),
        ("LOGIN", ("ann", "s3cret"), "ann"),
        ("LOGIN", ("", "s3cret"), None),
        ("CRAM-MD5", ("ann lee 0123456789abcdef",), "ann lee"),
        ("XOAUTH2", ("user=ann@example.com\1auth=Bearer t0k3n\1\1",), "ann@example.com"),
        ("OAUTHBEARER", ("n,a=ann@example.com,\1host=h\1auth=Bearer t0k3n\1\1",), "ann@example.com"),
        ("DIGEST-MD5", ('username="ann",realm="example.com",response=00',), "ann"),
        ("SCRAM-SHA-256", ("n,,n=a=2Cnn,r=nonce", "c=biws,r=nonce,p=proof"), "a,nn"),
        ("EXTERNAL", ("ann",), "ann"),
        ("NTLM", ("TlRMTVNTUAAB",), None),
        (None, ("\0ann\0s3cret",), None),
    ],
)
def test_the_user_is_read(mechanism: str | None, responses: tuple[str, ...], user: str | None) -> None:
    assert sasl.given(mechanism, tuple(b64(r) for r in responses)).user == user


@pytest.mark.parametrize(
    ("mechanism", "responses", "secrets"),
    [
        ("PLAIN", ("\0ann\0s3cret",), ["s3cret"]),
        ("LOGIN", ("ann", "s3cret"), ["s3cret"]),
        ("LOGIN", ("ann", "s3cret", "again"), ["s3cret", "again"]),
        ("CRAM-MD5", ("ann 0123456789abcdef",), ["0123456789abcdef"]),
        ("XOAUTH2", ("user=ann\1auth=Bearer t0k3n\1\1",), ["Bearer t0k3n", "t0k3n"]),
        (None, ("s3cret",), ["s3cret"]),
        ("ANONYMOUS", ("trace@example.com",), ["trace@example.com"]),
    ],
)
def test_every_response_and_every_password_in_it_is_named_as_secret(
    mechanism: str | None, responses: tuple[str, ...], secrets: list[str]
) -> None:
    sent = tuple(b64(r) for r in responses)
    told = sasl.given(mechanism, sent).secrets

    assert set(sent) <= set(told)
    assert set(secrets) <= set(told)


@pytest.mark.parametrize("text", ["no base64!", "====", "A", "\xff\xfe", "/w==", ""])
def test_what_is_no_base64_gives_no_user_and_no_error(text: str) -> None:
    assert sasl.given("PLAIN", (text,)).user is None


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("AUTH PLAIN AGFubgBz", ("PLAIN", "AGFubgBz")),
        ("auth login", ("login", None)),
        ("AUTH SCRAM-SHA-256-PLUS biws", ("SCRAM-SHA-256-PLUS", "biws")),
        ("AUTH=PLAIN", ("PLAIN", None)),
        ("AUTH s3cret", (None, None)),
        ("AUTH PLAINTEXT", (None, None)),
    ],
)
def test_only_known_mechanisms_are_taken_from_a_command(text: str, groups: tuple[str | None, str | None]) -> None:
    found = pl.Series([text]).str.extract_groups(sasl.COMMAND).struct.unnest().row(0)

    assert found == groups
