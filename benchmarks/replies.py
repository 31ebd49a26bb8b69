"""Classify a million distinct replies: `python benchmarks/replies.py [N]`; prints seconds, rate, memory, causes found."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import polars as pl

from smtplogs import replies

WRAPPERS = (
    "{}",
    "SASL authentication failed; server smtp.example.com[192.0.2.9] said: {}",
    "host mx.example.net[198.51.100.9] said: {} (in reply to RCPT TO command)",
    "javax.mail.AuthenticationFailedException: {}",
)
"""Every fourth reply is bare, the others wrapped as relay logs and libraries do."""


def many(n: int) -> pl.DataFrame:
    """Build `n` distinct replies from the examples of the catalogue: another id, address and wrapper each.

    Parameters
    ----------
    n
        How many.

    Returns
    -------
    DataFrame
        `text`, `stage`, and `wanted`, the row of the catalogue that the example stands for.
    """
    examples = [
        (text, row.id, (row.stage or ("auth",))[0])
        for row in replies.rows()
        for text in row.examples
        if replies.parse_reply(text).code and row.side != "server" and not row.service
    ]
    texts, ids, stages = zip(*examples, strict=True)
    number = pl.int_range(n, dtype=pl.UInt32)
    place = number % len(texts)
    reply = pl.format("{} [{}.prod.example.com 198.18.{}.{}]", pl.lit(pl.Series(texts)).gather(place), number,
                      number // 256 % 256, number % 256)  # fmt: skip
    wrapped = [pl.format(wrapper, reply) for wrapper in WRAPPERS]
    kind = number // len(texts) % len(wrapped)
    text = pl.coalesce(pl.when(kind == k).then(one) for k, one in enumerate(wrapped))
    return pl.select(
        text=text, wanted=pl.lit(pl.Series(ids)).gather(place), stage=pl.lit(pl.Series(stages)).gather(place)
    )


def main() -> None:
    """Measure once and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    given = many(n)
    assert given["text"].n_unique() == n
    replies.classify_replies(given.head(1))  # the catalogue is read
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    told = replies.classify_replies(given)
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    same = (told["row"] == told["wanted"]).fill_null(value=False).mean()
    print(f"{n:,} distinct replies: {took:.1f} s wall, {cpu:.1f} s cpu, {n / took:,.0f} a second")
    print(f"peak memory {after.ru_maxrss / 1e3:,.0f} MB; {same:.1%} resolve to the row of their example")
    print(told.group_by("cause").len().sort("len", descending=True).head(8))


if __name__ == "__main__":
    main()
