"""The page and the README's table say what the catalogue says, and the examples in them work."""

from __future__ import annotations

import re
import tomllib

import pytest

import rewrite_replies as made
from smtplogs import replies

PAGE = made.PAGE.read_text("utf-8")
README = made.README.read_text("utf-8")


def test_the_page_is_the_one_that_the_catalogue_makes() -> None:
    assert made.page() == PAGE, "run python tests/rewrite_replies.py"


def test_the_table_of_the_readme_is_the_one_that_the_catalogue_makes() -> None:
    assert README.count(made.BEGIN) == README.count(made.END) == 1
    assert made.readme(README) == README, "run python tests/rewrite_replies.py"


def test_every_row_cause_and_provider_is_on_the_page() -> None:
    for row in replies.rows():
        assert f"| {made.cell(row.id)} |" in PAGE, row.id
    for cause in replies.causes()["cause"]:
        assert f"| {made.cell(cause)} |" in PAGE, cause
    for entry in replies.placing.providers():
        assert f"| {made.cell(entry['name'])} |" in PAGE, entry["name"]


@pytest.mark.parametrize("name", made.FIRST)
def test_what_the_readme_says_is_what_explain_answers(name: str) -> None:
    row = next(row for row in replies.rows() if row.id == name)
    told = replies.explain(row.examples[0], stage=row.stage[0] if row.stage else None).row(0, named=True)

    assert (told["row"], told["cause"]) == (name, row.cause)


def test_tables_keep_their_columns() -> None:
    for text in (PAGE, README.partition(made.BEGIN)[2].partition(made.END)[0]):
        heads = 0
        for line in text.splitlines():
            n = len(re.findall(r"(?<!\\)\|", line))
            if line.startswith("|---"):
                heads = n
            elif line.startswith("|") and heads:
                assert n == heads, line
            elif not line.startswith("|"):
                heads = 0


def test_the_file_shown_for_rows_of_ones_own_is_accepted(tmp_path) -> None:
    shown = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert shown
    assert tomllib.loads(shown[1])["row"]
    path = tmp_path / "own.toml"
    path.write_text(shown[1], "utf-8")
    replies.checked(path)
    assert replies.explain("535 5.7.8 Your mailbox is on holiday", catalogue=path)["row"].first() == "our-holiday"
