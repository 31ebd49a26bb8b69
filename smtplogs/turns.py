"""Lines of a dialogue format -> turns: who said what in which session, and the facts that stand beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.normalising import canonical_addresses

if TYPE_CHECKING:
    from smtplogs.logformats import Dialogue, Turn

TURNS = {
    "line_no": pl.UInt64,
    "stamp": pl.String,
    "token": pl.String,
    "seq": pl.Int64,
    "speaker": pl.String,
    "text": pl.String,
    "verdict": pl.String,
    "begins": pl.Boolean,
    "ends": pl.Boolean,
    "line": pl.String,
}
"""Columns of every turn; the facts follow, as text."""

FACTS = (
    "client_ip", "client_port", "server_ip", "server_port", "relay_host", "client_name", "helo", "host", "service",
    "side", "protocol", "tls", "cipher", "user", "mechanism", "vendor_code", "duration_s", "stage", "outcome", "cause",
    "basis", "detail", "reply_code", "enhanced_code",
)  # fmt: skip
"""Record columns that a turn may fill. Always present, so that frames of one format stack without being copied."""

_REPLY = r"^[2-5][0-9]{2}(?:[ -]|$)"
"""How a line of a reply begins."""

_INSTANT = r"^\[?([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}[.,][0-9]{2,9})"
_SAME = 20
"""Milliseconds within which nobody is refused twice."""


@dataclass
class Cut:
    """What one batch leaves to the next for the numbering of blocks: how many began."""

    blocks: int = 0


def spoken(lines: pl.DataFrame, format_: Dialogue, cut: Cut) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Take lines apart.

    Parameters
    ----------
    lines
        `line_no`, `line` and, where a wrapper came off, `outer` and `written`; in file order.
    format_
        The format.
    cut
        What the batch before left; it is brought up to date.

    Returns
    -------
    turns, missed, n_noise
        Columns of TURNS and FACTS, in file order; the lines that no turn took; how many said nothing.
    """
    rest = lines
    parts: list[pl.DataFrame] = []
    noise = 0
    for turn in format_.turns:
        if rest.is_empty():
            break
        found = rest["line"].str.extract_groups(f"^(?P<_hit>){turn.regex.removeprefix('^')}").struct.unnest()
        hit = found["_hit"].is_not_null()
        if not hit.any():
            continue
        taken = rest.filter(hit)
        rest = rest.filter(~hit)
        if turn.speaker == "noise":
            noise += taken.height
            continue
        parts += _turns(taken.hstack(found.filter(hit).drop("_hit")), turn)
    if not parts:
        return _shaped(lines.clear()), rest, noise
    turns = pl.concat(parts).sort("line_no", maintain_order=True)
    if format_.quotes:
        turns = turns.with_columns(begins=_entries(wrapped="outer" in lines.columns))
    # a reply that goes on in lines without a stamp is of the time of its first
    turns = turns.with_columns(pl.col("stamp").forward_fill())
    if format_.line_break:
        turns = turns.with_columns(pl.col("text").str.replace_all(format_.line_break, "\n", literal=True))
    if format_.space:
        turns = turns.with_columns(pl.col("text").str.replace_all(format_.space, " ", literal=True))
    return _named(_sided(turns, format_), format_, cut), rest, noise


def _entries(*, wrapped: bool) -> pl.Expr:
    """Tell where an application's entries begin: two within an instant are about one error, one after the other.

    Lines without a stamp of their own, of which a container tells the time, are a new entry after a pause.
    """
    moment = (
        pl.col("stamp").str.extract(_INSTANT).str.replace(",", ".", literal=True).str.replace(" ", "T", literal=True)
    )
    at = moment.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    gap = at - at.shift()
    again = pl.col("begins") & pl.col("begins").shift() & gap.is_between(pl.duration(), pl.duration(milliseconds=_SAME))
    begins = pl.col("begins") & ~again.fill_null(value=False)
    if wrapped:
        later = ~pl.col("begins") & ~pl.col("begins").shift() & (gap > pl.duration(seconds=1))
        begins = begins | later.fill_null(value=False)
    return begins


def _turns(taken: pl.DataFrame, turn: Turn) -> list[pl.DataFrame]:
    """Give the lines of one turn their common shape; a reply on the same line becomes a turn of its own."""
    speaker = pl.lit(turn.speaker)
    if turn.arrows:
        speaker = pl.col("arrow").replace_strict(turn.arrows, default=turn.speaker, return_dtype=pl.String)
    elif turn.speaker == "shape":
        speaker = pl.when(pl.col("text").str.contains(_REPLY)).then(pl.lit("server")).otherwise(pl.lit("client"))
    marks = {"verdict": pl.lit(turn.verdict), "begins": pl.lit(turn.begins), "ends": pl.lit(turn.ends)}
    if "session" in taken.columns:
        marks["token"] = pl.col("session")
    if "outer" in taken.columns:
        marks["stamp"] = pl.coalesce("stamp", "outer") if "stamp" in taken.columns else pl.col("outer")
    if "written" in taken.columns:
        marks["line"] = pl.coalesce("written", "line")
    constants = (pl.lit(str(value)).alias(name) for name, value in turn.sets.items())
    frame = taken.with_columns(*constants, speaker=speaker, **marks)
    if "answer" not in frame.columns:
        return [_shaped(frame)]
    answered = frame.filter(pl.col("answer").fill_null("") != "").with_columns(
        speaker=pl.lit("server"), text=pl.col("answer"), begins=pl.lit(value=False)
    )
    return [_shaped(frame.filter(pl.col("text").fill_null("") != "")), _shaped(answered)]


def _shaped(frame: pl.DataFrame) -> pl.DataFrame:
    """Return exactly the columns of TURNS and FACTS, and the end points while they are undecided."""
    wanted = {**TURNS, **dict.fromkeys((*FACTS, "local", "remote"), pl.String)}
    there = {n: pl.col(n).cast(dtype, strict=False) for n, dtype in wanted.items() if n in frame.columns}
    told = {n: pl.when(value != "").then(value).alias(n) if n in FACTS else value for n, value in there.items()}
    return frame.select(told.get(n, pl.lit(None, dtype).alias(n)) for n, dtype in wanted.items())


def _sided(turns: pl.DataFrame, format_: Dialogue) -> pl.DataFrame:
    """Decide who logs, session by session, and from that who spoke and whose the end points are."""
    word = pl.col("speaker")
    side = pl.coalesce("side", pl.lit(format_.side, pl.String))
    if format_.side is None:
        coded, greets = pl.col("text").str.contains(_REPLY), pl.col("text").str.contains(r"^(?i)(?:EHLO|HELO) ")
        shown = (
            pl.when(pl.col("side").is_not_null()).then("side")
            .when(coded & (word == "sent")).then(pl.lit("server"))
            .when(coded & (word == "received")).then(pl.lit("client"))
            .when((word == "sent") & greets).then(pl.lit("client"))
            .when((word == "received") & greets).then(pl.lit("server"))
        )  # fmt: skip
        who = ["token", "local", "remote"]
        side = pl.coalesce("side", shown.drop_nulls().first().over(who)).fill_null("server")
    turns = turns.with_columns(side=side)
    logs = pl.when(pl.col("side") == "client")
    other = pl.when(pl.col("side") == "client").then(pl.lit("server")).otherwise(pl.lit("client"))
    local, remote = (_ends(c) for c in ("local", "remote"))
    # a tool that was given an address prints it where others print a name
    numeric = pl.col("relay_host").str.contains(r"^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)$")
    named = pl.when(numeric).then("relay_host")
    turns = turns.with_columns(
        server_ip=pl.coalesce("server_ip", named), relay_host=pl.when(~numeric).then("relay_host")
    )
    return turns.with_columns(
        speaker=pl.when(word == "sent").then("side").when(word == "received").then(other).otherwise(word),
        client_ip=pl.coalesce("client_ip", logs.then(None).otherwise(remote[0])),
        client_port=pl.coalesce("client_port", logs.then(None).otherwise(remote[1])),
        server_ip=pl.coalesce("server_ip", logs.then(remote[0]).otherwise(local[0])),
        server_port=pl.coalesce("server_port", logs.then(remote[1]).otherwise(local[1])),
    ).drop("local", "remote")


def _ends(column: str) -> tuple[pl.Expr, pl.Expr]:
    """Split `address:port`, `[address]:port` or an address alone."""
    text = pl.col(column)
    whole = text.str.extract(r"^\[?([0-9A-Fa-f.:]*[0-9A-Fa-f.])\]?:[0-9]{1,5}$")
    bare = text.str.extract(r"^\[?([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f.:]*)\]?$")
    return pl.coalesce(whole, bare), text.str.extract(r":([0-9]{1,5})$")


def endpoint(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return canonical addresses and ports of `address:port` texts; null where there is none."""
    ip, port = _ends("end")
    parts = values.to_frame("end").select(ip=ip, port=port)
    return canonical_addresses(parts["ip"]), parts["port"]


def _come_back(turns: pl.DataFrame) -> pl.DataFrame:
    """Tell sessions apart whose token comes back: each that begins after the end, or the beginning, of one of that name.

    A row that a copied log has twice is no beginning.
    """
    began = pl.when("begins").then(pl.col("stamp").fill_null("")).forward_fill().shift().over("sid")
    over = (pl.col("begins") | pl.col("ends")).shift(fill_value=False).cum_max().over("sid")
    anew = pl.col("begins") & over & began.ne_missing(pl.col("stamp").fill_null(""))
    nth = anew.cast(pl.UInt32).cum_sum().over("sid")
    return turns.with_columns(sid=pl.when(nth > 0).then(pl.format("{} #{}", "sid", nth)).otherwise("sid"))


def _named(turns: pl.DataFrame, format_: Dialogue, cut: Cut) -> pl.DataFrame:
    """Add `sid`, which tells sessions apart within a file: by token and key, or by where a block begins."""
    if not format_.blocks:
        keys = [pl.col(c).fill_null("") for c in ("token", *format_.key)]
        turns = turns.with_columns(sid=pl.concat_str(keys, separator=" "))
        return _come_back(turns) if turns["begins"].any() else turns
    mark = pl.col("begins").cum_sum() + cut.blocks
    if format_.early and cut.blocks == 0:
        head = turns.filter(mark == 0)["speaker"]
        mark = mark.clip(lower_bound=0 if head.is_in(["client", "server"]).any() else 1)
    greets = (pl.col("speaker") == "server") & pl.col("text").str.contains(r"^220(?:[ -]|$)")
    said = pl.when(pl.col("speaker") == "client").then(pl.col("text")).forward_fill()
    upgrade = said.str.contains(r"^(?i)STARTTLS").fill_null(value=False)
    again = pl.col("text").str.contains(r"^220-").shift().fill_null(value=False)
    turns = turns.with_columns(_mark=mark, _greets=(greets & ~upgrade & ~again).fill_null(value=False))
    # the first greeting after a mark belongs to it; a further one has no mark of its own
    nth = (pl.col("_greets").cast(pl.Int64).cum_sum().over("_mark") - 1).clip(lower_bound=0)
    first = pl.col("token").drop_nulls().first().over("_mark")
    turns = turns.with_columns(
        sid=pl.concat_str(pl.lit("#"), pl.col("_mark").cast(pl.String), pl.lit("."), nth.cast(pl.String)), token=first
    )
    cut.blocks = int(turns["_mark"].max() or 0)  # type: ignore[arg-type]
    return turns.drop("_mark", "_greets")
