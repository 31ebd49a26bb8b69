"""Turns of a session in context: replies matched to the commands they answer; TLS, offers and names carried forward.

Sources: RFC 5321, RFC 3207, RFC 4954.
"""

from __future__ import annotations

import polars as pl

from smtplogs import sasl

VERB = (
    r"^(?i)(EHLO|HELO|LHLO|STARTTLS|AUTH|X-EXPS|X-ANONYMOUSTLS|MAIL|RCPT|DATA|BDAT|RSET|NOOP|QUIT|HELP|VRFY|EXPN|XCLIENT|XFORWARD|"
    r"XPROXY|XPROXYFROM|XPROXYTO|ETRN)(?:[ \t:=]|$)"
)
"""Regex of a command; any other words of a client may be a secret."""

_CAPABLE = r"(?i)(?:^|\n)250[- ](?:SIZE|PIPELINING|8BITMIME|STARTTLS|AUTH|ENHANCEDSTATUSCODES|DSN|CHUNKING|SMTPUTF8)\b"
_CAPABLE_ROW = r"(?i)^250[ -].*(?:[ -](?:SIZE [0-9]+|PIPELINING|ENHANCEDSTATUSCODES))(?:[ \n]|$)"
_OFFER_LINE = r"(?i)(?:^|\n)250[- ]AUTH[ =]([^\n]*)"
_OFFER_WORDS = rf"(?i)[ ]AUTH[ =]((?:{sasl.MECHANISM})(?: +{sasl.MECHANISM})*)(?: |$)"
_AT_AUTH = [235, 334, 432, 454, 504, 534, 535, 538]
_IMPLICIT = ("465",)

LINES = 1 << 40
"""More lines than a file can have: a line among several files is `file_no * LINES + line_no`."""

ONCE = ("client_ip", "client_port", "server_ip", "server_port", "relay_host", "client_name", "host", "service",
        "protocol", "token")  # fmt: skip
"""Facts of a whole session: the first that is told."""


def talk(turns: pl.DataFrame) -> pl.DataFrame:
    """Return turns session by session, rows of one reply joined, with what their sessions tell.

    Columns beside those of `turns.spoken`: `code` and `step` of a reply (the command that it answers), `verb` of a command,
    `tls`, `cipher`, `helo` in force, `_offers` and `_starttls` (what the last greeting offered), `_attempt` and `_inside`
    (which AUTH command, and whether it goes on), `_deaf` (the client's side is not written down), `_ref`, `_row`.
    """
    return _followed(_joined(_sorted(turns)))


def _sorted(turns: pl.DataFrame) -> pl.DataFrame:
    """Order turns by session; a row written twice (same number, same words) counts once."""
    file = pl.col("file_no").cast(pl.UInt64) if "file_no" in turns.columns else pl.lit(0, pl.UInt64)
    turns = turns.with_columns(_ref=file * LINES + pl.col("line_no"))
    turns = turns.sort("sid", "seq", "_ref", nulls_last=True, maintain_order=True)
    # sendEmail tells the code first, and the words only where it prints them
    bare = (pl.col("speaker") == "server") & pl.col("text").str.contains(r"^[45][0-9]{2}$")
    told = (pl.col("sid") == pl.col("sid").shift(-1)) & (pl.col("speaker") == pl.col("speaker").shift(-1))
    told = told & (pl.col("text") == pl.col("text").shift(-1).str.head(3))
    turns = turns.filter(~(bare & told).fill_null(value=False))
    same = pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift()) for c in ("sid", "seq", "speaker", "text", "user"))
    twice = same & pl.col("seq").is_not_null() & pl.col("vendor_code").eq_missing(pl.col("vendor_code").shift())
    return turns.filter(~twice.fill_null(value=False))


def _joined(rows: pl.DataFrame) -> pl.DataFrame:
    """Join the lines of one reply; the row is that of the last, `_lines` names the others."""
    server = pl.col("speaker") == "server"
    goes_on = server & pl.col("text").str.contains(r"^[2-5][0-9]{2}-[^\n]*$")
    code = pl.col("text").str.head(3)
    follows = goes_on.shift() & server & (code == code.shift()) & (pl.col("sid") == pl.col("sid").shift())
    rows = rows.with_columns(_piece=(~follows.fill_null(value=False)).cum_sum(), _lines=pl.concat_list("_ref"))
    many = pl.len().over("_piece") > 1
    single, several = rows.filter(~many), rows.filter(many)
    if several.is_empty():
        return rows.drop("_piece").with_columns(_lines=pl.lit([], pl.List(pl.UInt64)))
    whole = several.group_by("_piece", maintain_order=True).agg(
        pl.col("text").str.join("\n"), pl.col("_ref").slice(0, pl.len() - 1).alias("_lines"),
        pl.exclude("text", "_lines").last(),
    )  # fmt: skip
    single = single.with_columns(_lines=pl.lit([], pl.List(pl.UInt64)))
    return pl.concat([single, whole.select(single.columns)]).sort("_piece").drop("_piece")


def _followed(rows: pl.DataFrame) -> pl.DataFrame:
    """Add what is in force at each row: the command answered, TLS, offers, the AUTH command it belongs to."""
    server, client = pl.col("speaker") == "server", pl.col("speaker") == "client"
    rows = rows.with_columns(
        code=pl.when(server).then(pl.col("text").str.extract(r"^([2-5][0-9]{2})(?:[ -]|$)").cast(pl.UInt16)),
        _row=pl.int_range(pl.len(), dtype=pl.UInt32),
    )
    waiting = pl.col("code").forward_fill().shift().over("sid")
    verb = pl.col("text").str.extract(VERB).str.to_uppercase()
    asked = waiting.is_in([334, 354]).fill_null(value=False)
    rows = rows.with_columns(
        verb=pl.when(client & ~asked).then(verb),
        # s_client prints certificates and no client line: what is neither command nor asked for, nobody said
        _deaf=~(client & (asked | verb.is_not_null())).any().over("sid"),
    )
    rows = _answered(rows)
    rows = rows.with_columns(step=pl.when(pl.col("_deaf")).then(_guessed_step()).otherwise("step"))
    rows = _with_offers(_with_tls(rows))
    argument = pl.when(client).then(pl.col("text").str.extract(r"^(?i)(?:EHLO|HELO|LHLO)[ \t]+([^ \t]+)"))
    return rows.with_columns(
        *(pl.coalesce(c, pl.col(c).drop_nulls().first().over("sid")) for c in ONCE),
        helo=pl.coalesce("helo", argument).forward_fill().over("sid"),
        _attempt=pl.when(pl.col("verb") == "AUTH").then(1).otherwise(0).cum_sum().over("sid"),
        _inside=pl.when(pl.col("verb").is_not_null()).then(pl.col("verb") == "AUTH").forward_fill().over("sid")
        .fill_null(value=False),
    )  # fmt: skip


def _with_tls(rows: pl.DataFrame) -> pl.DataFrame:
    """Carry TLS and cipher forward from where they begin: a line that says so, STARTTLS, or a port that implies it."""
    answered = (pl.col("speaker") == "server") & (pl.col("code") == 220)
    upgraded = answered & pl.col("step").is_in(["STARTTLS", "X-ANONYMOUSTLS"])
    implicit = pl.col("server_port").drop_nulls().first().over("sid").is_in(_IMPLICIT).fill_null(value=False)
    mark = pl.coalesce("tls", pl.when(upgraded | implicit).then(pl.lit("yes")))
    rows = rows.with_columns(tls=mark.forward_fill().over("sid"), cipher=pl.col("cipher").forward_fill().over("sid"))
    # `yes` after a version is the same connection, told with fewer words
    version = pl.when(pl.col("tls") != "yes").then("tls").forward_fill().over("sid")
    return rows.with_columns(tls=pl.coalesce(version, "tls"))


def _with_offers(rows: pl.DataFrame) -> pl.DataFrame:
    """Carry forward what the last greeting offered; what was offered before TLS counts no more under it (RFC 3207)."""
    # a log may lack the row of the EHLO itself
    unasked = (pl.col("step").is_null() | (pl.col("step") == "STARTTLS")) & pl.col("text").str.contains(_CAPABLE_ROW)
    answered = (pl.col("speaker") == "server") & (pl.col("code") == 250)
    greeted = answered & (pl.col("step").is_in(["EHLO", "LHLO"]) | unasked)
    offers = pl.coalesce(
        pl.col("text").str.extract_all(_OFFER_LINE).list.eval(pl.element().str.extract(_OFFER_LINE)).list.join(" ")
        .replace("", None),
        pl.col("text").str.extract(_OFFER_WORDS),
    ).str.to_uppercase().fill_null("")  # fmt: skip
    starttls = pl.col("text").str.contains(r"(?i)(?:[\n ]|250[- ])STARTTLS(?:[\n ]|$)")
    epoch = ["sid", pl.col("tls").is_null()]
    return rows.with_columns(
        _offers=pl.when(greeted).then(offers).forward_fill().over(epoch),
        _starttls=pl.when(greeted).then(starttls).forward_fill().over(epoch),
    )


def _answered(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `step`: the command that a reply answers; replies to pipelined commands come in their order."""
    talk = rows.filter(pl.col("speaker").is_in(["client", "server"])).with_columns(
        _run=pl.struct("sid", "speaker").rle_id()
    )
    talk = talk.with_columns(_nth=pl.int_range(pl.len()).over("_run"))
    # of an AUTH whose exchange is not printed (JavaMail) the reply is not either: the next command's comes first
    unseen = (pl.col("text") == "AUTH") & pl.col("verb").shift(-1).over("_run").is_not_null()
    asked = talk.filter(pl.col("verb").is_not_null() & ~unseen).select(
        "verb", _of="sid", _run=pl.col("_run") + 1, _nth=pl.int_range(pl.len()).over("_run")
    )
    last_one = asked.group_by("_run").agg(_last=pl.col("_nth").max())
    heard = talk.filter(pl.col("speaker") == "server").select("_row", "sid", "_run", "_nth")
    heard = heard.join(last_one, on="_run", how="left").with_columns(_nth=pl.min_horizontal("_nth", "_last"))
    steps = heard.join(asked, on=["_run", "_nth"], how="left").select(
        "_row", step=pl.when(pl.col("_of") == pl.col("sid")).then("verb")
    )
    rows = rows.join(steps, on="_row", how="left", maintain_order="left")
    last = pl.col("verb").forward_fill().over("sid")
    return rows.with_columns(step=pl.when(pl.col("speaker") == "server").then(pl.coalesce("step", last)))


def _guessed_step() -> pl.Expr:
    """Return the command that a reply answers where the log shows no client: told by the reply itself."""
    first = (pl.col("speaker") == "server").cum_sum().over("sid") == 1
    return (
        pl.when(pl.col("code").is_in(_AT_AUTH)).then(pl.lit("AUTH"))
        .when(pl.col("code") == 530).then(pl.lit("MAIL"))
        .when((pl.col("code") == 250) & pl.col("text").str.contains(_CAPABLE)).then(pl.lit("EHLO"))
        .when(first & pl.col("code").is_in([421, 554])).then(None)
        .when(pl.col("code").is_not_null() & (pl.col("code") != 220)).then(pl.lit("NOOP"))
    )  # fmt: skip
