r"""One person's account under two names: ``ann``, ``CORP\ann`` and ``ann@corp.example``, where the log itself ties them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import polars as pl

from smtplogs._engine import by_size
from smtplogs._written import changed, only
from smtplogs.detect._attempts import account
from smtplogs.detect._sentences import name
from smtplogs.detect._slices import shared

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")

JUDGED = {"stage": ["auth", "mail"], "outcome": ["success", "failure", "deferred"]}
USED = ("stage", "outcome", "user", "client_ip")

FEW_PEOPLE = 5
"""Behind an address that more people use (an office, web mail, a provider's gateway) two of the same name may meet, if
they are of several domains. Own choice: a household, or a small office."""

NONE = pl.DataFrame(schema={"account": pl.String, "person": pl.String, "address": pl.String})


def same_person(events: pl.LazyFrame) -> pl.DataFrame:
    """Return which short names stand for which full one: ``account, person`` (both in normal form), ``address``.

    `address` is the one from which both were used; null if the sender tells.

    A short name has no domain: ``ann``, or a Windows name, whose domain the normal form leaves out. Both must log in, for
    a name that is always refused may be no account. The full one need not if the short one is a Windows name that logs in
    (Exchange writes the one when it accepts a login and the other, as it was typed, when it refuses one), or if who logs in
    under the short name sends as the full one: where passwords are the system's (Sendmail, PAM) strangers try the address of
    an account that logs in by its short name. It is taken for the full name with the same part before the ``@`` if

    - who logged in under the short name sent as the full one; or
    - both were used from one address, on which one of them logged in, and few people are behind it or all full names
      used there are of one domain.

    Never if two full names fit: both logged in, or were tried in a domain in which others log in. Mistakes in the name
    are a finding of ``misconfigured_clients``, which takes names as they stand.
    """
    if not set(USED) <= set(events.collect_schema().names()):
        return NONE
    rows = only(events, JUDGED).filter(pl.col("user").is_not_null())
    rows = rows.with_columns((pl.col("outcome") == "success").alias("ok"))
    names = rows.group_by(pl.col("user").cast(pl.String)).agg(pl.col("ok").any()).collect(engine=by_size())
    names = (
        names.with_columns(account(pl.col("user")).alias("account"))
        .drop_nulls("account")
        .with_columns(
            pl.col("account").str.extract(r"^([^@]+)@[^@]+$", 1).alias("local"),
            pl.col("account").str.extract(r"^[^@]+@([^@]+)$", 1).alias("domain"),
        )
    )
    full = names.drop_nulls("local").with_columns(pl.col("ok").any().over("domain").alias("ours"))
    short = names.filter(~pl.col("account").str.contains("@", literal=True))
    windows = (pl.col("ok") & pl.col("user").str.contains("\\", literal=True)).any()
    in_use = short.group_by(local="account").agg(windows.alias("windows"), pl.col("ok").any()).filter("ok")
    pairs = full.group_by("local", "account").agg(pl.col("ok").any(), pl.col("ours").first())
    pairs = pairs.join(in_use.drop("ok"), on="local").with_columns(fits=pl.col("ok") | pl.col("windows"))
    if pairs.is_empty():
        return NONE
    tied = _tied(rows, names.filter(pl.col("account").is_in(pl.concat([pairs["local"], pairs["account"]]).implode())))
    tied = tied.join(pairs.select("local", "account", "fits"), on=["local", "account"])
    # another of the same name, of ours or tied as well: two people
    rivals = pairs.filter("ours").select("local", "account")
    rivals = pl.concat([rivals, tied.select("local", "account")]).unique().group_by("local").len("n_full")
    return (
        tied.filter(pl.col("fits") | pl.col("address").is_null())
        .join(rivals.filter(pl.col("n_full") == 1), on="local")
        .sort("local", "address")  # what the sender tells stands first, without an address
        .unique("local", keep="first", maintain_order=True)
        .select(pl.col("local").alias("account"), pl.col("account").alias("person"), "address")
    )


def _tied(rows: pl.LazyFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Return the short and full names that the log ties: ``local, account, address``; no address: the sender tells."""
    known = set(rows.collect_schema().names())
    sender = pl.col("sender").cast(pl.String).str.to_lowercase() if "sender" in known else pl.lit(None, pl.String)
    user, ip = pl.col("user").cast(pl.String), pl.col("client_ip").cast(pl.String)
    some = rows.filter(user.is_in(names["user"].implode()))
    used = some.group_by(user, ip, sender.alias("sender")).agg(pl.col("ok").any()).collect(engine=by_size())
    used = used.join(names.select("user", "account", "local"), on="user")
    short, full = used.filter(pl.col("local").is_null()), used.drop_nulls("local")
    own = short.filter("ok", pl.col("sender").str.starts_with(pl.format("{}@", "account")))
    own = own.select(local="account", account="sender", address=pl.lit(None, pl.String)).unique()
    by = ["client_ip", "account", "local"]
    here = full.drop_nulls("client_ip").group_by(by).agg(pl.col("ok").any())
    both = short.drop_nulls("client_ip").group_by("client_ip", local="account").agg(pl.col("ok").any())
    both = here.join(both, on=["client_ip", "local"]).filter(pl.col("ok") | pl.col("ok_right"))
    if both.height:
        ips = both["client_ip"].unique()
        there = rows.filter(ip.is_in(ips.implode())).select(ip, user).unique().collect(engine=by_size())
        there = there.with_columns(account(pl.col("user")).alias("account"))
        people = there.group_by("client_ip").agg(
            pl.col("account").str.replace(r"@.*$", "").n_unique().alias("n_people"),
            pl.col("account").str.extract(r"@(.*)$", 1).drop_nulls().n_unique().alias("n_domains"),
        )
        both = both.join(people, on="client_ip")
        both = both.filter((pl.col("n_people") <= FEW_PEOPLE) | (pl.col("n_domains") == 1))
    shown = both.select("local", "account", address="client_ip")
    return pl.concat([own, shown]).select("local", "account", "address")


def one_person(
    function: Callable[Concatenate[pl.LazyFrame, P], pl.DataFrame],
) -> Callable[Concatenate[pl.LazyFrame, P], pl.DataFrame]:
    """Let a detector see one account where a person has two names, and say so among the reasons of its findings."""

    @functools.wraps(function)
    def told(events: pl.LazyFrame, /, *args: P.args, **kwargs: P.kwargs) -> pl.DataFrame:
        people = shared("people", functools.partial(same_person, events))
        if people.is_empty():
            return function(events, *args, **kwargs)
        form = account(pl.col("user").cast(pl.String))
        person = form.replace_strict(people["account"], people["person"], default=None, return_dtype=pl.String)
        renamed = changed(events, lambda rows: rows.with_columns(pl.coalesce(person, "user").alias("user")))
        return _explained(function(renamed, *args, **kwargs), people)

    return told


def _explained(found: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Add the reason to findings about such an account."""
    reasons = {
        p["person"]: [f"{name(p['account'])} and {name(p['person'])} are taken for one account: {_why(p)}."]
        for p in people.iter_rows(named=True)
    }
    added = [reasons.get((user or "").lower(), []) for user in found["user"]]
    why = pl.Series("added", added, pl.List(pl.String))
    return found.with_columns(
        pl.concat_list(pl.col("because").fill_null(pl.lit([], pl.List(pl.String))), why).alias("because")
    )


def _why(person: dict[str, Any]) -> str:
    if person["address"] is None:
        return f"who logs in as {name(person['account'])} sends as {name(person['person'])}"
    return f"both are used from {name(person['address'])}, where one of them logs in"
