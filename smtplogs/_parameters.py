"""Parameters of public functions checked: each complaint names the parameter and says what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def at_least_one(**numbers: float) -> None:
    """Complain of thresholds below 1.

    Raises
    ------
    ValueError
        Naming the first of the parameters that is too small.
    """
    for parameter, value in numbers.items():
        if value < 1:
            raise ValueError(f"{parameter}={value!r} must be 1 or more")


def several(parameter: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a parameter that takes any number of them.

    Raises
    ------
    ValueError
        If it is one text: Python would take it for a list of its letters.
    """
    if isinstance(words, str):
        raise ValueError(f"{parameter}={words!r} must be a list: {parameter}=[{words!r}]")
    return tuple(words)
