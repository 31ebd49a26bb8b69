"""Write docs/replies.md and the table in the README anew from the catalogue; `test_replies_docs` holds both to it.

Run `python tests/rewrite_replies.py` after a change of the catalogue; its diff is the review.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from smtplogs import replies
from smtplogs.replies.meanings import cause_table, checklist
from smtplogs.replies.placing import providers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtplogs.replies import Row

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "replies.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- replies:begin (made by tests/rewrite_replies.py) -->", "<!-- replies:end -->"

FIRST = (
    "postfix-535-no-reason",
    "gmail-bad-credentials",
    "gmail-app-password",
    "m365-basic-auth-off",
    "m365-smtp-auth-off-tenant",
    "m365-security-defaults",
    "m365-account-locked",
    "m365-anonymous",
    "relay-access-denied",
    "authentication-required",
    "temporary-authentication-failure",
    "gmail-login-attempts",
    "sendgrid-credits",
    "postfix-auth-not-enabled",
    "m365-old-tls",
)
"""Rows in the README: what people look for most."""

OWN_ROWS = """source = "our helpdesk"

[[row]]
id = "our-holiday"
text = "mailbox is on holiday"          # lower case; one of these must occur
stage = ["auth"]                        # optional: where it holds; also side, program, service
cause = "account_disabled"              # one of the causes above
explain = "The portal has put the mailbox on holiday."
fix = "End the holiday in the portal."  # optional, as check, beware, provider, temporary
examples = ["535 5.7.8 Your mailbox is on holiday"]
not_these = ["535 5.7.8 Your mailbox is full"]
"""


def cell(text: object) -> str:
    """Return a text that keeps its place in a table, whatever is in it; what stands between backticks stays code."""
    parts = " ".join(("" if text is None else str(text)).split()).split("`")
    paired = len(parts) % 2 == 1
    return ("`" if paired else "\\`").join(
        _plain(p) if n % 2 == 0 or not paired else _pipes(p) for n, p in enumerate(parts)
    )


def _plain(text: str) -> str:
    for sign in "\\*_[]|":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _pipes(text: str) -> str:
    return text.replace("|", "\\|")


def code(text: str) -> str:
    """Return a text as a code span in a table."""
    fence = "``" if "`" in text else "`"
    pad = " " if fence == "``" else ""
    return f"{fence}{pad}{_pipes(' '.join(text.split()))}{pad}{fence}"


def passes(row: Row) -> str:
    """Say whether it passes by itself, and where the first digit says otherwise."""
    truth = {True: "yes", False: "no", None: ""}[row.passes]
    promise = {"temporary": True, "permanent": False}.get(replies.catalogue.code_class(_code(row)) or "")
    return f"**{truth}**" if promise is not None and row.passes is not None and promise != row.passes else truth


def _code(row: Row) -> int | None:
    return replies.parse_reply(row.examples[0]).code


def table(*heads: str) -> Iterator[str]:
    """Yield the head of a table."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"


def readme_table() -> str:
    """Return the table for the README."""
    known = {row.id: row for row in replies.rows()}
    lines = [*table("the server says", "cause", "passes by itself", "what to know")]
    for name in FIRST:
        row = known[name]
        reply = replies.parse_reply(row.examples[0])
        say = " ".join(str(part) for part in reply if part)
        say = say if len(say) <= 80 else f"{say[:80].rsplit(' ', 1)[0]} ..."
        lines.append(f"| {code(say)} | {cell(row.cause)} | {passes(row)} | {cell(row.beware or row.explain)} |")
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    return "\n".join([*_head(), *_causes(), *_checklist(), *_providers(), *_catalogue(), *_own()]) + "\n"


def _head() -> Iterator[str]:
    known = replies.rows()
    yield "# Replies, reasons and what to do"
    yield ""
    yield "Made from the catalogue by `tests/rewrite_replies.py`; do not edit."
    yield ""
    yield f"{len(known)} rows say what a reply or a reason in a log means; {len(cause_table())} causes say what to do about it."
    yield "`smtplogs explain '<reply, log line or traceback>'` uses them, and so does every event that is read."
    yield "`smtplogs.replies.classify_replies(frame)` judges a whole table with a column `text`."
    yield ""
    yield "## How a row is chosen"
    yield ""
    yield "1. What relay logs and client libraries write around a reply comes off; lines of one reply are joined."
    yield "2. Enhanced codes count as whole tokens: `5.7.1399` and `15.7.139` are not `5.7.139`."
    yield "3. A sentence beats an enhanced code, which beats the code; among sentences the longer one wins. Upper and lower"
    yield "   case are the same. The same words may mean different things at AUTH, STARTTLS, MAIL and RCPT."
    yield "4. A bare code whose meaning depends on the step (454, 450, 501 ...) is unknown while the step is."
    yield "5. What nothing fits is `unknown`, with its text unchanged."
    yield ""
    yield "Confidence is high where words leave no choice, medium where only codes speak or the step is not known, low for bare"
    yield "refusals (`assumed`): there `explain` names the other causes and the detectors that tell them apart by behaviour."
    yield ""


def _causes() -> Iterator[str]:
    yield "## Causes"
    yield ""
    yield from table("cause", "family", "means", "check first", "fix", "who", "waiting helps", "article", "references")
    for name, entry in cause_table().items():
        waiting = {True: "yes", False: "no", None: ""}[entry["waiting_helps"]]
        answers, refs = ", ".join(entry["answers"]), "; ".join(entry["references"])
        told = [
            name,
            entry["family"],
            entry["meaning"],
            entry["first_check"],
            entry["fix"],
            entry["who"],
            waiting,
            answers,
            refs,
        ]
        yield f"| {' | '.join(cell(t) for t in told)} |"
    yield ""
    yield "How they show in what clients do, where no reply says it:"
    yield ""
    yield from table("cause", "sign", "detectors that look for it")
    for name, entry in cause_table().items():
        if entry["sign"]:
            yield f"| {cell(name)} | {cell(entry['sign'])} | {cell(', '.join(entry['decided_by']))} |"
    yield ""


def _checklist() -> Iterator[str]:
    yield "## The article's checklist"
    yield ""
    yield from table("item", "question", "answer", "causes, detectors")
    for item, entry in checklist().items():
        by = [name for name, cause in cause_table().items() if item in cause["answers"]] + entry["decided_by"]
        yield f"| {' | '.join(cell(t) for t in (item, entry['question'], entry['answer'], ', '.join(by)))} |"
    yield ""


def _providers() -> Iterator[str]:
    yield "## Providers and servers"
    yield ""
    yield from table("name", "user name", "secret", "port", "beware", "known by", "reference")
    for entry in providers():
        marks = ", ".join([*(f"*.{h}" for h in entry["hosts"] or ()), *(entry["marks"] or ())])
        told = [
            entry["name"],
            entry["user"],
            entry["secret"],
            entry["ports"],
            entry["beware"],
            marks,
            "; ".join(entry["references"]),
        ]
        yield f"| {' | '.join(cell(t) for t in told)} |"
    yield ""


def _catalogue() -> Iterator[str]:
    known = {row.id: row for row in replies.rows()}
    yield "## The catalogue"
    yield ""
    yield "`passes`: whether it passes by itself if nobody acts; in bold where the first digit of the code says otherwise."
    yield ""
    folder = resources.files("smtplogs.replies").joinpath("catalogue")
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name):
        text = file.read_text("utf-8")
        yield f"### {file.name.removesuffix('.toml')}"
        yield ""
        yield " ".join(line.removeprefix("#").strip() for line in text.partition("\n\n")[0].splitlines())
        yield f"Source: {tomllib.loads(text)['source']}."
        yield ""
        yield from table("row", "example", "where", "cause", "passes", "what it means", "beware")
        for entry in tomllib.loads(text)["row"]:
            row = known[entry["id"]]
            where = ", ".join(
                filter(
                    None, [row.side if row.side != "any" else "", *row.stage, *row.service, *row.program, row.provider]
                )
            )
            example = code(row.examples[0]) if row.examples[0] else "(empty)"
            cause = f"{cell(row.cause)}{' (assumed)' if row.basis == 'assumed' else ''}"
            told = [cell(row.id), example, cell(where), cause, passes(row), cell(row.explain), cell(row.beware)]
            yield f"| {' | '.join(told)} |"
        yield ""


def _own() -> Iterator[str]:
    yield "## Rows of your own"
    yield ""
    yield "A TOML file, given as `catalogue=` to `sl.read` and `sl.explain`, or `--catalogue FILE` on the command line:"
    yield ""
    yield "```toml"
    yield from OWN_ROWS.rstrip().splitlines()
    yield "```"
    yield ""
    yield "A row is recognised by `text`, `pattern` (linear regex of the Rust kind, lower case, no look-around), `enhanced`,"
    yield "`code`, `vendor_code` or `level`; all that it names must be there. The file is refused, with file, row and fault, if"
    yield "a field is unknown or of the wrong type, an id stands twice, a cause does not exist, a regex does not compile, or an"
    yield "example is not taken by its own row."
    yield ""
    yield "Who wins: a row of your file, then rows of installed packages, then ours; inside one layer the rules above. A row with"
    yield "the id of one below takes its place. One exception: where Postfix tells a failed TLS handshake on two lines, the joined"
    yield "text is judged by our rows and those of packages only."
    yield ""
    yield f"A package adds rows by an entry point of the group `{replies.loading.GROUP}` whose value is the path of such a file,"
    yield "or a function that returns it; `smtplogs.replies.checked(path)` tries the examples in the package's own tests."


def readme(text: str) -> str:
    """Return the README with its table made anew."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{readme_table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    README.write_text(readme(README.read_text("utf-8")), "utf-8")
