"""Findings of one kind: some are told, the others named under the last of them, so that ten findings tell of all that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtplogs._report import words
from smtplogs._visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtplogs._report.stories import Story

MOST_ALIKE = 3
"""Findings of one kind that are told while others wait for a place."""

Told = list["Story"]
"""A story and its parts, the weightiest first."""


def folded(together: Sequence[Told], limit: int) -> tuple[list[tuple[Told, list[Told]]], int]:
    """Choose the stories to tell.

    Parameters
    ----------
    together
        All of them, the weightiest first.
    limit
        Most to tell. Places that other kinds leave go to further ones of a kind.

    Returns
    -------
    stories, int
        Those to tell, in their order, each with those like it that are named under it; and how many findings are left out.
    """
    rank: dict[tuple[str, str], list[int]] = {}
    for i, (leader, *_) in enumerate(together):
        rank.setdefault((leader.detector, leader.kind), []).append(i)
    first = sorted(i for alike in rank.values() for i in alike[:MOST_ALIKE])[:limit]
    others = [i for i in range(len(together)) if i not in first]
    told = sorted(first + others[: limit - len(first)])
    under: dict[int, list[Told]] = {i: [] for i in told}
    left = 0
    for alike in rank.values():
        mine = [i for i in alike if i in under]
        rest = [together[i] for i in alike if i not in under]
        if mine:
            under[mine[-1]] += rest
        else:
            left += sum(map(len, rest))
    return [(together[i], like) for i, like in under.items()], left


def named(like: Sequence[Told]) -> str:
    """Say how many there are and whom the first of them are about."""
    whom = list(dict.fromkeys(one[0].subject for one in like if one[0].names_somebody and one[0].subject))
    first = words.several([visible(name) for name in whom])
    return f"{words.many(len(like), 'more finding')} of this kind{f': {first}' if first else ''}"
