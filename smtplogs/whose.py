"""Who logs in as whom, from where, and how it stands: the clients of an account, the accounts of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs._frames import NOT_ACCEPTED
from smtplogs.schema import door, lacking, need, reference

if TYPE_CHECKING:
    from smtplogs.schema import F

_NEEDED = ("time", "stage", "outcome", "cause", "count", "user", "client_ip", "source", "line_no")
_USEFUL = (
    "side", "protocol", "basis", "client_name", "helo", "relay_host", "server_port", "service", "mechanism", "tls",
    "sender", "session", "detail",
)  # fmt: skip
COLUMNS = (*_NEEDED, *_USEFUL)
"""Event columns that tell of clients: the line itself, which is most of a row, is not among them."""


@door
def clients(events: pl.DataFrame, *, user: str | None = None, client: str | None = None) -> pl.DataFrame:
    """Show who logs in as whom, from where, and since when it is refused.

    One question of a person ("why can Anna not send?", "what about the scanner?") is answered by the rows of her
    account, or of that device.

    Parameters
    ----------
    events
        The event table.
    user
        Account, as logged or its part before the @; case does not matter. Refusals that name no account are shown with
        it if they came from an address where it logs in, or under it as sender.
    client
        Address of a client, or a part of the name it has or calls itself; case does not matter. (The detectors'
        `client` is another thing: the columns that tell clients apart.)

    Returns
    -------
    DataFrame
        A row per (side, user, client_ip, relay_host), those that are refused now first, most refusals first: the last
        known `client_name`, `helo`, `server_port`, `service`, `mechanism`, `tls`; `n_success`, `n_not_accepted`
        (attempts; `count` added up; refusals at any step count), `n_mails`; `first`, `last`, `last_success` (UTC);
        `refused_since` (first refusal after the last login or accepted mail, null if none came after it) and
        `n_refused_since` (refusals that name no account are ended by a login of any account from there); `cause`
        (commonest of those refusals, else of all; of several the one told last), with `basis` and `detail` of its last
        one, and `line`, the place of that one as ``source:line_no``. Only SMTP; context rows (outcome info) are left out.

    Raises
    ------
    MissingColumns
        If the frame is no event table.
    """
    chosen = selected(events, user=user, client=client)
    by = ["side", "user", "client_ip", "relay_host"]
    n, accepted = pl.col("count").cast(pl.UInt64), pl.col("outcome") == "success"
    got_in = pl.col("time").filter(accepted).max()
    rows = chosen.sort("time", "source", "line_no", nulls_last=True, maintain_order=True).with_row_index("_row")
    rows = rows.with_columns(
        last_success=pl.when(pl.col("user").is_null() & pl.col("client_ip").is_not_null())
        .then(got_in.over("side", "client_ip"))
        .otherwise(got_in.over(by))
    )
    refused = rows.filter(~accepted)
    since = pl.col("last_success").is_null() | (pl.col("time") > pl.col("last_success")).fill_null(value=True)
    later = refused.filter(since).group_by(by).agg(refused_since=pl.col("time").min(), n_refused_since=n.sum())
    why = (
        refused.group_by(*by, since.alias("_later"), "cause")
        .agg(
            n.sum().alias("_n"),
            pl.col("time").max().alias("_at"),
            pl.col("_row").last(),
            pl.col("basis", "detail").last(),
            reference().last().alias("line"),
        )
        .sort("_later", "_n", "_at", "_row", descending=True, nulls_last=True)
        .unique(by, keep="first", maintain_order=True)
        .select(*by, "cause", "basis", "detail", "line")
    )
    told = ("client_name", "helo", "server_port", "service", "mechanism", "tls")
    return (
        rows.group_by(by)
        .agg(
            *(pl.col(name).drop_nulls().last() for name in told),
            n.filter(accepted & (pl.col("stage") == "auth")).sum().alias("n_success"),
            n.filter(~accepted).sum().alias("n_not_accepted"),
            n.filter(accepted & (pl.col("stage") == "mail")).sum().alias("n_mails"),
            pl.col("time").min().alias("first"),
            pl.col("time").max().alias("last"),
            pl.col("last_success").first(),
        )
        .join(later, on=by, how="left", nulls_equal=True)
        .with_columns(pl.col("n_refused_since").fill_null(0))
        .join(why, on=by, how="left", nulls_equal=True)
        .sort(pl.col("n_refused_since") == 0, -pl.col("n_not_accepted").cast(pl.Int64), *by, nulls_last=True)
    )


def selected(events: F, *, user: str | None = None, client: str | None = None) -> F:
    """Return the attempts over SMTP, and refusals at other steps, of an account and of a client, as `clients` takes them."""
    need(events, *_NEEDED)
    rows = events.with_columns(lacking(events, _USEFUL)).filter(
        pl.col("protocol").fill_null("smtp") == "smtp",
        pl.col("outcome").is_in(NOT_ACCEPTED)
        | ((pl.col("outcome") == "success") & pl.col("stage").is_in(["auth", "mail"])),
    )
    if client is not None:
        wanted = client.strip().lower()
        fits = pl.any_horizontal(
            pl.col("client_ip").str.to_lowercase() == wanted,
            *(pl.col(name).str.to_lowercase().str.contains(wanted, literal=True) for name in ("client_name", "helo")),
        ).fill_null(value=False)
        rows = rows.filter(fits | fits.any().over("session") & pl.col("session").is_not_null())
    if user is not None:
        named = _same_account(pl.col("user"), user)
        own = named & (pl.col("outcome") == "success")
        nameless = pl.col("user").is_null() & pl.col("outcome").is_in(NOT_ACCEPTED)
        at_home = pl.col("client_ip").is_not_null() & own.any().over("client_ip")
        rows = rows.filter(named | nameless & (at_home | _same_account(pl.col("sender"), user)))
    return rows


def _same_account(name: pl.Expr, wanted: str) -> pl.Expr:
    """Hold for a name that is the wanted one: whole, or its part before the @, with or without a Windows domain."""
    wanted = wanted.strip().lower()
    whole = name.str.strip_chars().str.to_lowercase()
    bare = whole.str.replace(r"^[^\\]*\\", "")
    local = bare.str.replace(r"@.*$", "")
    # without an @ on one of the two sides only the parts before it can be compared
    same = (whole == wanted) | (bare == wanted) | (bare == wanted.partition("@")[0])
    return (same if "@" in wanted else same | (local == wanted)).fill_null(value=False)
