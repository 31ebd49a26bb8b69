"""At which step, on which side and by which server a reply was given, as far as the text around it tells."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import polars as pl

from smtplogs import _toml

_STEPS = (
    ("tls", r"(?i)in reply to starttls|after starttls|starttls (?:command )?failed|command: 'starttls'"),
    (
        "auth",
        r"(?i)in reply to auth|after auth\b|sasl authentication|smtpauthenticationerror|authenticationfailedexception"
        r"|invalid login|(?:password|username|authenticate) command failed|command: 'auth|could not authenticate"
        r"|authenticator|login denied|to code \"235\"|response code \"235\"|errormsg='authentication failed",
    ),
    ("mail", r"(?i)in reply to mail from|after mail from|smtpsenderrefused|smtpsenderfailed|mail from command failed"),
    ("rcpt", r"(?i)in reply to rcpt to|after rcpt to|smtprecipientsrefused|smtpaddressfailed|rcpt to command failed"),
    (
        "data",
        r"(?i)in reply to (?:end of )?data|after (?:end of )?data|smtpdataerror|data (?:end )?command failed",
    ),
    ("helo", r"(?i)in reply to (?:ehlo|helo)|after (?:ehlo|helo)|smtpheloerror|(?:ehlo|helo) command failed"),
    ("connect", r"(?i)refused to talk to me|smtpconnecterror|after initial connection"),
)
"""Step -> what Postfix, Exim, smtplib, JavaMail, PHPMailer, nodemailer, Symfony, curl and msmtp say of it."""

AUTH_CODES = (235, 334, 435, 534, 535, 538)
"""Reply codes that no command but AUTH is answered with."""

_HOST = r"(?i)(?:\b(?:host|server) |H=|host=)([a-z0-9](?:[a-z0-9-]*\.)+[a-z0-9-]+)"

PROVIDER_FIELDS = ("name", "hosts", "marks", "user", "secret", "ports", "beware", "references")


@functools.cache
def providers() -> tuple[dict[str, Any], ...]:
    """What is known of each provider and server: how it is recognised, what it wants as name and secret, traps."""
    text = resources.files("smtplogs.replies").joinpath("providers.toml").read_text("utf-8")
    return tuple(dict.fromkeys(PROVIDER_FIELDS) | entry for entry in _toml.loads(text)["provider"])


def step(text: pl.Expr) -> pl.Expr:
    """Return the step that the words around a reply name; null if they name none."""
    return pl.coalesce(pl.when(text.str.contains(words)).then(pl.lit(name)) for name, words in _STEPS)


def host(text: pl.Expr) -> pl.Expr:
    """Return the server that a relay log names in front of its reply; null if it names none."""
    return text.str.extract(_HOST, 1).str.to_lowercase()


def provider_by_marks(text: pl.Expr, server: pl.Expr) -> pl.Expr:
    """Return the provider whose server it is, else the one whose marks (links, ids, trailers) the text bears."""
    hosts = {suffix: entry["name"] for entry in providers() for suffix in entry["hosts"] or ()}
    marks = {mark: entry["name"] for entry in providers() for mark in entry["marks"] or ()}
    ending = pl.concat_str(pl.lit("."), server.str.to_lowercase(), pl.lit("$"))
    by_host = ending.str.extract_many([f".{suffix}$" for suffix in hosts]).list.first().str.slice(1).str.head(-1)
    by_mark = text.str.to_lowercase().str.extract_many(list(marks), leftmost=True).list.first()
    return pl.coalesce(
        by_host.replace_strict(hosts, default=None, return_dtype=pl.String),
        by_mark.replace_strict(marks, default=None, return_dtype=pl.String),
    )
