"""Dovecot's login processes count their attempts themselves: auth lines of their sessions only say why.

Source: Dovecot src/login-common/client-common.c (the reasons of "Disconnected"), src/auth/auth-request.c.
"""

from __future__ import annotations

import polars as pl

from smtplogs.in_turn import attempts_of, files
from smtplogs.schema import RECORDS, reference
from smtplogs.unsettled import patched

_CAUSE, _OUTCOME, _BASIS = (RECORDS[c].dtype for c in ("cause", "outcome", "basis"))


def in_plain_text(dovecot: pl.DataFrame) -> pl.DataFrame:
    """A name without a mechanism: the login process took the password of LOGIN or PASS to nobody, since it came in clear.

    IMAP and POP3 clients get PRIVACYREQUIRED then, and the sum at the end of the connection still says "auth failed".
    """
    bare = (
        (pl.col("pattern") == "login_failed")
        & pl.col("user").is_not_null()
        & pl.col("mechanism").is_null()
        & pl.col("tls").is_null()
        & (pl.col("cause") == "bad_credentials")
        & (pl.col("basis") == "assumed")
    )
    return dovecot.with_columns(
        cause=pl.when(bare).then(pl.lit("tls_required", _CAUSE)).otherwise("cause"),
        outcome=pl.when(bare).then(pl.lit("refused", _OUTCOME)).otherwise("outcome"),
    )


def login_attempts(
    logins: pl.DataFrame, lines: pl.DataFrame, databases: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Login processes count their attempts themselves: auth lines of their sessions only say why.

    A deny database, or one that is asked first, says "unknown user" for every good login of others: such a line in the
    second of the success, or about a name that gets in in the same session, is no failure.
    """
    refused = (pl.col("pattern") == "authenticate_failed") & (pl.col("outcome") == "refused")
    # the name on such a line is an attempt's before it
    strange = lines.filter(refused).with_columns(user=pl.lit(None, pl.String))
    lines = attempts_of(lines.filter(~refused), databases, "session", "user")
    lines = pl.concat([lines, strange], how="diagonal_relaxed") if strange.height else lines
    summary = logins.filter(pl.col("session").is_not_null())
    failed = summary.filter(pl.col("outcome") != "success").unique("session", keep="last")
    logins, lines = _in_turns(logins, lines)
    logins, lines, single = _each(logins, lines)
    said = (
        lines.sort("time", maintain_order=True)
        .group_by("session", "_turn", maintain_order=True)
        .agg(
            pl.col("cause").last().alias("_cause"),
            pl.col("outcome").last().alias("_outcome"),
            pl.concat_list(pl.col("also").fill_null([]), pl.concat_list(reference()))
            .list.explode()
            .sort()
            .alias("_refs"),
        )
    )
    logins = logins.join(said, on=["session", "_turn"], how="left", maintain_order="left").drop("_turn")
    lines = lines.drop("_turn")
    told = pl.col("_cause").is_not_null() & (pl.col("outcome") != "success") & (pl.col("basis") == "assumed")
    # behind a proxy another server judged: all the databases here had let the client in
    told = told & ~pl.col("detail").str.contains("proxy dest", literal=True).fill_null(value=False)
    logins = logins.with_columns(
        also=pl.when(pl.col("outcome") != "success").then("_refs").otherwise("also"),
        cause=pl.when(told).then(pl.col("_cause").cast(_CAUSE)).otherwise("cause"),
        outcome=pl.when(told).then(pl.col("_outcome").cast(_OUTCOME)).otherwise("outcome"),
        basis=pl.when(told).then(pl.lit("context", _BASIS)).otherwise("basis"),
    ).drop("_cause", "_outcome", "_refs")
    name = name_key(pl.col("user")).str.to_lowercase()
    good = (
        summary.filter(pl.col("outcome") == "success")
        .select("session", _good=pl.col("time"), _name=name)
        .unique("session", keep="first", maintain_order=True)
    )
    rest = lines.join(failed.select("session"), on="session", how="anti").join(good, on="session", how="left")
    gets_in = ((pl.col("_good") - pl.col("time")) <= pl.duration(seconds=1)) | (pl.col("_name") == name)
    denied = (pl.col("cause") == "unknown_user") & gets_in
    rest = rest.filter(~denied.fill_null(False)).drop("_good", "_name")
    return logins, pl.concat([single, _of_logins(rest, summary)], how="diagonal_relaxed")


_OF_LOGINS = ("protocol", "client_port", "server_ip", "server_port", "tls", "cipher", "service")
"""What the login process knows of a session, and the lines of auth do not."""


def _of_logins(lines: pl.DataFrame, logins: pl.DataFrame) -> pl.DataFrame:
    """Give auth lines what the line of their login process knows: they are of its protocol."""
    if lines.is_empty():
        return lines
    known = [c for c in _OF_LOGINS if c in logins.columns]
    of_session = logins.select("session", *(pl.col(c).alias(f"_{c}") for c in known)).unique("session", keep="last")
    told = lines.join(of_session, on="session", how="left", maintain_order="left")
    own = [c for c in known if c != "protocol" and c in lines.columns]
    return told.with_columns(
        pl.coalesce("_protocol", "protocol").alias("protocol"),
        *(pl.coalesce(c, f"_{c}").alias(c) for c in own),
        *(pl.col(f"_{c}").alias(c) for c in known if c not in lines.columns),
    ).drop(f"_{c}" for c in known)


def _each(logins: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Where there is a line for each attempt of a sum, each is a row of its own; the sum is the last one's.

    Of a sum that ends in a mechanism that is not there, or not without TLS, auth says nothing: what it has lines of is taken
    off (until 2.3 such a sum has no number, and is of the last attempt alone). What the login process itself says of an
    attempt repeats what auth says, where it is a failure; what never came to auth it says alone. Return sums, the lines
    that are still to be said of them, and the lines that are attempts by themselves.
    """
    keys = ["session", "_turn"]
    strange = pl.col("outcome") == "refused"
    repeats = pl.col("pattern") == "authenticate_failed"
    again = lines.filter(repeats & (pl.col("outcome") == "failure"))
    lines = lines.filter(~repeats | (pl.col("outcome") != "failure"))
    lines = _written(lines)
    told = lines.group_by(keys).agg(_lines=pl.len(), _own=(repeats & strange).any())
    sums = logins.with_row_index("_login").filter(pl.col("outcome") != "success")
    many = (
        sums.select(
            "_login", *keys, _count=pl.col("count").cast(pl.Int64), _other=strange.fill_null(value=False),
            _numbered=pl.col("detail").str.contains(" attempts", literal=True).fill_null(value=False),
        )
        .join(told, on=keys)
        .with_columns(_left=pl.col("_count") - pl.col("_lines") + (pl.col("_own") & pl.col("_other")).cast(pl.Int64))
        .with_columns(_left=pl.when(pl.col("_other") & ~pl.col("_numbered")).then(1).otherwise("_left"))
        .filter(pl.when("_other").then(pl.col("_left") > 0).otherwise((pl.col("_left") == 0) & (pl.col("_count") > 1)))
    )  # fmt: skip
    none = lines.clear().drop("_turn")
    if many.is_empty():
        return logins, _written(pl.concat([lines, again])), none
    lines = lines.join(many.select(*keys, "_other", "_own"), on=keys, how="left", maintain_order="left")
    number, last = pl.int_range(pl.len()), pl.len() - 1
    last_strange = repeats & strange & (number == pl.when(repeats & strange).then(number).max()).over(keys)
    of_sum = pl.when("_other").then(last_strange).otherwise((number == last).over(keys))
    alone = pl.col("_other").is_not_null() & ~of_sum
    single = _of_logins(lines.filter(alone).drop("_turn", "_other", "_own"), logins)
    left = pl.when("_other").then("_left").otherwise(1).cast(RECORDS["count"].dtype)
    # the name on a line of a mechanism that is not there is an attempt's before it
    nameless = pl.int_range(pl.len()).is_in(many.filter("_other")["_login"].implode())
    nameless = nameless & (pl.col("cause") == "mechanism_unsupported")
    logins = patched(logins, many["_login"], many.select(count=left)).with_columns(
        user=pl.when(nameless).then(None).otherwise("user")
    )
    rest = pl.concat([lines.filter(~alone).drop("_other", "_own"), again])
    return logins, _written(rest), single


def _written(lines: pl.DataFrame) -> pl.DataFrame:
    """Return lines in the order in which they were written."""
    return lines.sort("time", files(lines), "line_no", maintain_order=True)


def _in_turns(logins: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number the logins of each session (`_turn`), and with each of them the lines that came before it.

    A session has one, unless its token came back: then what was said of the one is not said of the others.
    """
    if not logins["session"].drop_nulls().is_duplicated().any():
        none = pl.lit(0, pl.UInt32).alias("_turn")
        return logins.with_columns(none), lines.with_columns(none)
    both = [
        frame.select("session", "time", _login=pl.lit(login), _row=pl.int_range(pl.len()))
        for login, frame in ((False, lines), (True, logins))
    ]
    before = pl.col("_login").cast(pl.UInt32).cum_sum() - pl.col("_login").cast(pl.UInt32)
    turns = pl.concat(both).sort("session", "time", "_login", "_row").with_columns(_turn=before.over("session"))
    found = [turns.filter(pl.col("_login") == login).sort("_row")["_turn"] for login in (True, False)]
    return logins.with_columns(found[0]), lines.with_columns(found[1])


def name_key(user: pl.Expr) -> pl.Expr:
    """Login names to compare: Dovecot cuts names at 64 bytes and ends them in `...`."""
    return user.str.strip_suffix("...").str.head(60)
