"""What was found held against what was wanted, where a wish may be met by several outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

Wish = TypeVar("Wish", bound="AbstractSet[str]")


def unmatched(wanted: Sequence[Wish], found: Counter[str]) -> list[Wish]:
    """Return what is wanted but not found, the narrowest wishes served first."""
    left, missing = found.copy(), []
    for outcomes in sorted(wanted, key=len):
        fits = next((o for o in sorted(outcomes) if left[o]), None)
        if fits is None:
            missing.append(outcomes)
        else:
            left[fits] -= 1
    return missing
