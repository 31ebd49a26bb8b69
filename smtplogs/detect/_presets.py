"""Published rules against guessing: what they count, and which attempts would have set them off."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from smtplogs.detect._networks import network


@dataclass(frozen=True)
class Preset:
    """A rule as its makers ship it; times in seconds.

    `model`: ``sliding`` (count in a window), ``reset`` (count that starts anew after a pause of the window),
    ``leaky`` (bucket that holds `count` and loses one each `window_s`; fires when it overflows), ``names`` (distinct
    accounts in the window), ``unknown_names`` (the same, of accounts that do not exist), ``slow`` (the last `count` failures at
    least `window_s` apart on the median), ``then_success`` (so many failures, then a login).
    """

    name: str
    key: str
    model: str
    count: int
    window_s: int
    ban_s: int | None
    source: str


PRESETS: dict[str, Preset] = {
    p.name: p
    for p in (
        Preset("fail2ban", "client_ip", "sliding", 5, 600, 600, "fail2ban jail.conf: maxretry 5, findtime 10m, bantime 10m"),
        Preset("docker-mailserver", "client_ip", "sliding", 2, 86_400, 604_800, "docker-mailserver jail.local"),
        Preset("mailcow", "client_ip", "reset", 10, 600, 1800, "mailcow netfilter main.py"),
        Preset("mailu", "network", "unknown_names", 5, 3600, 3600, "Mailu AUTH_RATELIMIT_IP; exempt after a login"),
        Preset("hmailserver", "client_ip", "sliding", 3, 1800, 3600, "hMailServer auto-ban; defaults not verified"),
        Preset("cphulk", "client_ip", "sliding", 5, 900, 900, "cPHulk, per address; defaults not verified"),
        Preset("crowdsec", "client_ip", "leaky", 5, 10, 14_400, "CrowdSec exim-bf and the like; ban time of its default profile"),
        Preset("crowdsec-spam", "client_ip", "leaky", 3, 360, 14_400, "CrowdSec dovecot-spam"),
        Preset("crowdsec-slow", "client_ip", "leaky", 3, 3600, 14_400, "CrowdSec melite/dovecot-slow-bf"),
        Preset("crowdsec-time", "client_ip", "slow", 4, 1200, 14_400, "CrowdSec melite/dovecot-time-based-bf, within 4 h"),
        Preset("crowdsec-postfix", "client_ip", "leaky", 2, 7200, 14_400, "CrowdSec Guezli/postfix-sasl-bf"),
        Preset("wazuh", "client_ip", "sliding", 8, 120, None, "Wazuh 3357 (Postfix), 9750 (Dovecot): alert only"),
        Preset("wazuh-exim", "client_ip", "sliding", 8, 240, None, "Wazuh 87507: alert only"),
        Preset("wazuh-vpopmail", "client_ip", "sliding", 10, 240, None, "Wazuh 9951: alert only"),
        Preset("sentinel", "client_ip", "names", 5, 1200, None, "Azure Sentinel SigninPasswordSpray: alert only"),
        Preset("sentinel-success", "pair", "then_success", 5, 3600, None, "Azure Sentinel, failures then a login: alert only"),
        Preset("elastic", "client_ip", "sliding", 25, 1800, None, "Elastic detection rule for M365 spraying: alert only"),
        Preset("splunk", "account", "sliding", 21, 300, None, "Splunk O365: more than 20 in 5 min on one account: alert only"),
    )
}  # fmt: skip
"""Name -> rule. Defaults are the makers'; where they could not be checked, `source` says so."""

SLOW_SPAN_S = 14_400


def keyed(tries: pl.DataFrame, preset: Preset) -> pl.DataFrame:
    """Add ``key``: what the rule counts by; rows without one are dropped, and `count` repeats a row."""
    pair = pl.concat_str(pl.col("account").cast(pl.String), pl.col("client_ip").cast(pl.String), separator="\x1f")
    keys = {
        "network": network(pl.col("client_ip").cast(pl.String)).cast(pl.Categorical),
        "pair": pair.cast(pl.Categorical),
    }
    key = keys.get(preset.key, pl.col(preset.key) if preset.key in {"client_ip", "account"} else None)
    return tries.with_columns(key.alias("key")).filter(pl.col("key").is_not_null())  # pyright: ignore


def fires(tries: pl.DataFrame, preset: Preset) -> pl.DataFrame:
    """Return the attempts that set the rule off: ``key, time``.

    Parameters
    ----------
    tries
        ``key, time, account, ok, bad, unknown, n``: failures, and logins where the model needs them.
    """
    counted = pl.col("bad") & pl.col("unknown") if preset.model == "unknown_names" else pl.col("bad")
    if preset.model == "then_success":
        counted = pl.col("bad") | pl.col("ok")
    rows = tries.filter(counted).with_columns(pl.col("key").to_physical().alias("code"))
    rows = rows.sort("time", maintain_order=True).sort("code", maintain_order=True)
    most = preset.count + 1
    if rows["n"].max() not in (None, 1):
        rows = rows.select(pl.exclude("n"), pl.lit(0).repeat_by(pl.col("n").clip(1, most)).alias("n")).explode("n")
    seconds = pl.col("time").dt.timestamp("us") / 1e6
    if preset.model == "sliding":
        hit = _same(preset.count - 1) & (seconds - seconds.shift(preset.count - 1) <= preset.window_s)
    elif preset.model == "reset":
        new = ~_same(1) | (seconds - seconds.shift(1) > preset.window_s)
        rows = rows.with_columns(new.fill_null(value=True).cast(pl.UInt32).cum_sum().alias("run"))
        hit = pl.int_range(1, pl.len() + 1).over("run") % preset.count == 0
    elif preset.model == "leaky":
        place = pl.int_range(pl.len())
        # level = the most that any start j leaves: (i - j + 1) - (t_i - t_j) / leak
        leaked = pl.col("s") / preset.window_s
        rows = rows.with_columns(seconds.alias("s")).with_columns(
            (seconds - pl.col("s").first().over("code")).alias("s")
        )
        level = place.over("code") + 1 - leaked + (leaked - place).cum_max().over("code")
        hit = level > preset.count
    elif preset.model == "slow":
        gap = seconds - seconds.shift(1)
        rows = rows.with_columns(pl.when(_same(1)).then(gap).alias("gap"))
        typical = pl.col("gap").rolling_median(preset.count - 1)
        span = seconds - seconds.shift(preset.count - 1)
        hit = _same(preset.count - 1) & (typical >= preset.window_s) & (span <= SLOW_SPAN_S)
    elif preset.model == "then_success":
        run = pl.col("bad").cast(pl.Int32).cum_sum().over("code")
        rows = rows.with_columns(run.alias("f"), pl.col("ok").cast(pl.Int32).cum_sum().over("code").alias("run"))
        before = (pl.col("f").shift(1) - pl.col("f").shift(preset.count)).over("code")
        age = seconds - seconds.shift(preset.count)
        hit = pl.col("ok") & _same(preset.count) & (before == preset.count - 1) & (age <= preset.window_s)
        hit = hit & pl.col("bad").shift(preset.count)
    else:  # names
        rows = rows.filter(pl.col("account").is_not_null()).sort("time")
        if rows.is_empty():
            return rows.select("key", "time")
        seen = rows.rolling("time", period=f"{preset.window_s}s", closed="both", group_by="key").agg(
            pl.col("account").n_unique().alias("n_names")
        )
        return seen.filter(pl.col("n_names") >= preset.count).select("key", "time").unique(maintain_order=True)
    return rows.filter(hit.fill_null(value=False)).select("key", "time").unique(maintain_order=True)


def _same(back: int) -> pl.Expr:
    """Tell whether the row so many places before has the same key."""
    return pl.col("code") == pl.col("code").shift(back)


def bans(fired: pl.DataFrame, seconds: int) -> pl.DataFrame:
    """Return the bans that fires lead to, overlapping ones brought together: ``key, start, end``."""
    length = pl.duration(seconds=seconds)
    fired = fired.sort("key", "time").with_columns((pl.col("time") + length).alias("until"))
    new = (pl.col("key") != pl.col("key").shift(1)) | (pl.col("time") > pl.col("until").shift(1))
    return (
        fired.with_columns(new.fill_null(value=True).cast(pl.UInt32).cum_sum().alias("ban"))
        .group_by("ban", maintain_order=True)
        .agg(pl.col("key").first(), pl.col("time").first().alias("start"), pl.col("until").last().alias("end"))
        .drop("ban")
    )
