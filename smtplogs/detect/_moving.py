"""Devices whose address changes all the time, as of phones: told by the network of their provider, not by an address."""

from __future__ import annotations

import polars as pl

from smtplogs._addresses import provider_network
from smtplogs.detect._attempts import ORDER
from smtplogs.detect._turned_shapes import CLIENT, FEW_NAMES, runs_of, stale_runs

LEAST_ADDRESSES = 3
"""From fewer addresses a device does not move: each of them is a client of its own. Own choice."""

FIRST_NETWORK = 2**31
"""Numbers of networks, as clients of an account, begin here; those of addresses lie below."""


def moving_accounts(pairs: pl.DataFrame, successes: int, failures: int) -> pl.DataFrame:
    """Return the accounts that a moving device may fail on: ``account``.

    `pairs`: ``account, client_ip, n_ok, n_bad``. From one provider's network the account logged in, and was refused from
    three addresses or more.
    """
    both = pairs.group_by("account").agg(pl.col("n_ok", "n_bad").sum(), (pl.col("n_bad") > 0).sum().alias("n_ips"))
    both = both.filter(
        pl.col("account").is_not_null(), pl.col("n_ok") >= successes, pl.col("n_bad") >= failures,
        pl.col("n_ips") >= LEAST_ADDRESSES,
    )  # fmt: skip
    own = pairs.join(both.select("account"), on="account", how="semi")
    own = own.with_columns(provider_network(pl.col("client_ip").cast(pl.String)).alias("network"))
    nets = own.drop_nulls("network").group_by("account", "network")
    return _enough(nets.agg(*_sums()), successes, failures).select("account").unique()


def moving_clients(
    judged: pl.DataFrame, told: pl.DataFrame, names: pl.DataFrame, successes: int, failures: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the devices that are refused since a change, wherever they are, and the attempts of their accounts.

    A device: an account in one provider's network, from three addresses or more. It had logged in there, and is refused
    as a client at one address would have to be (``stale_runs``).

    Parameters
    ----------
    judged
        Attempts, in order of account and time.
    told
        Clients (``account_id, client_id``) that are told by their address.
    names
        ``client_ip, n_names``: who fails on more names than a device has guesses.

    Returns
    -------
    tuple
        The stories, as ``stale_runs`` returns them, with `client_ip` null, ``network`` and ``addresses`` (the refused ones, most
        refusals first); and the attempts, with the number of the network as `client_id`.
    """
    few = names.filter(pl.col("n_names") <= FEW_NAMES).select("client_ip")
    free = judged.join(told, on=CLIENT, how="anti").join(few, on="client_ip", how="semi").select("client_ip").unique()
    free = free.with_columns(provider_network(pl.col("client_ip")).alias("network")).drop_nulls()
    rows = judged.join(free, on="client_ip", how="left", maintain_order="left")
    rows = rows.join(told.with_columns(told=True), on=CLIENT, how="left", maintain_order="left")
    # who only logs in from there is a device all the same
    net = pl.coalesce("network", pl.when("ok").then(provider_network(pl.col("client_ip"))))
    rows = rows.with_columns(pl.when(pl.col("told").is_null()).then(net).alias("network"))
    n = pl.col("n").cast(pl.Int64)
    sums = rows.drop_nulls("network").with_columns(
        pl.when("ok").then(n).otherwise(0).alias("n_ok"), pl.when("bad").then(n).otherwise(0).alias("n_bad")
    )
    own = _enough(sums.group_by("account_id", "network").agg(*_sums()), successes, failures)
    own = own.sort("account_id", "network").select(
        "account_id", "network", moves=pl.int_range(pl.len()) + FIRST_NETWORK
    )
    rows = rows.join(own, on=["account_id", "network"], how="left", maintain_order="left")
    rows = rows.filter(pl.col("moves").is_not_null().any().over("account_id"))
    rows = rows.with_columns(pl.coalesce(pl.col("moves").cast(pl.UInt32), "client_id").alias("client_id"))
    rows = runs_of(rows.drop("told", "moves").sort("account_id", *ORDER))
    found = stale_runs(rows, successes, failures).filter(pl.col("client_id") >= FIRST_NETWORK)
    found = found.filter(pl.col("n_bad") >= failures)
    refused = rows.filter("bad").join(found.select(*CLIENT, "run"), on=[*CLIENT, "run"])
    refused = refused.group_by(*CLIENT, "run", "client_ip", "network").agg(pl.col("n").sum())
    where = refused.sort("n", "client_ip", descending=[True, False]).group_by(*CLIENT, "run", maintain_order=True)
    where = where.agg(pl.col("network").first(), pl.col("client_ip").alias("addresses"))
    found = found.join(where, on=[*CLIENT, "run"], maintain_order="left")
    found = found.filter(pl.col("addresses").list.len() >= LEAST_ADDRESSES)
    return found.with_columns(pl.lit(None, pl.String).alias("client_ip")), rows


def _sums() -> tuple[pl.Expr, ...]:
    failing = pl.col("client_ip").filter(pl.col("n_bad") > 0).n_unique().alias("n_ips")
    return pl.col("n_ok").sum(), pl.col("n_bad").sum(), failing


def _enough(sums: pl.DataFrame, successes: int, failures: int) -> pl.DataFrame:
    return sums.filter(pl.col("n_ok") >= successes, pl.col("n_bad") >= failures, pl.col("n_ips") >= LEAST_ADDRESSES)
