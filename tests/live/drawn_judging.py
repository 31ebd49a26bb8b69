"""Sessions drawn at random held against the log: each row must be a command of its address, each told command a row."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from live.drawn import UNKNOWN
from live.judging import REASONS, VERDICTS, Deviation, _same
from smtplogs import reading

if TYPE_CHECKING:
    from pathlib import Path

SUBMISSION = 10588

ANY = frozenset({"refused", "aborted", "failure"})


@dataclass
class Drawn:
    """A recording of drawn sessions."""

    folder: Path
    truth: dict[str, Any]
    settings: dict[str, str]
    events: pl.DataFrame

    @property
    def drawn(self) -> set[str]:
        """The scenarios that are drawn; in others accounts are changed."""
        return {name for name, facts in self.truth["scenarios"].items() if facts.get("what", "").startswith("session ")}

    @property
    def twice(self) -> set[str]:
        """The scenarios with more than one login."""
        good = Counter(c["scenario"] for c in self.truth["commands"] if (c["reply"] or "").startswith("235"))
        return {name for name, n in good.items() if n > 1}

    @property
    def kind(self) -> str:
        """The server."""
        return self.settings["kind"]


def load(folder: Path) -> Drawn:
    """Read a recording with smtplogs."""
    truth, settings = (json.loads((folder / f"{name}.json").read_text()) for name in ("truth", "settings"))
    return Drawn(folder, truth, settings, reading.read(sorted((folder / "logs").iterdir()), host="mx1"))


def wanted(known: Drawn, command: dict[str, Any], last: bool) -> set[str]:
    """Return the outcomes that a command may be read as; `silent`: it may have no row."""
    reply = command["reply"]
    if command["outcome"]:
        outcomes = set(command["outcome"].split("|"))
    elif reply is None:
        outcomes = {*ANY, "silent"}
    else:
        outcomes = next((set(o) for words, o in REASONS if words in reply), set())
        outcomes = outcomes or next((set(o) for starts, o in VERDICTS if reply.startswith(starts)), {"failure"})
        if reply.startswith("421"):  # it waited too long, or heard too much, in AUTH or after it
            outcomes = {"throttled", "aborted", "refused", "silent"}
            outcomes |= (
                {"failure"} if known.settings.get("variant") == "chasquid" else set()
            )  # instead of the third 535
        if "encryption needed" in reply:
            outcomes = {"refused"}
        if "another step is needed" in reply:
            outcomes.add("aborted")
        if "failure" in outcomes and (odd(command["user"]) or command["cause"] == "broken"):
            outcomes.add("aborted")  # a judge that does not look such names up says 535 as well
    if reply and reply.startswith("554"):
        outcomes = {"refused", "aborted", "silent"}
    return outcomes | silence(known, command, outcomes, last=last)


def odd(user: str | None) -> bool:
    """Tell whether a judge may refuse to look a name up."""
    return (
        user is None
        or not user.strip()
        or len(user) > 60
        or any(not (c.isalnum() and c.isascii()) and c not in ".@-_" for c in user)
    )


def silence(known: Drawn, command: dict[str, Any], outcomes: set[str], *, last: bool) -> set[str]:
    """Return `silent` where a server may write nothing of a command."""
    settings, reply = known.settings, command["reply"] or ""
    if any(
        begun <= command["at"] <= (ended or 1e12) or begun - 30 < command["at"] < begun
        for begun, ended in json.loads(settings.get("outages", "[]"))
    ):
        return {"silent", *ANY, "deferred"}  # a process that is ended writes no sum
    if known.kind in ("postfix", "cyrus"):
        if command["protocol"] != "smtp":  # before a login a strange name may be the word of a deny database
            return {"silent"} if not last or not reply else set()
        if command["port"] == SUBMISSION and reply.startswith(("501", "503")):
            return {"silent"}  # Dovecot's submission writes nothing of what it refuses by the state of the session
        return set()
    if outcomes == {"success"}:  # told by the mails after it
        if known.settings.get("variant", "").startswith("haraka") or command["address"].startswith(("127.77.", "::1")):
            return {"silent"}  # Haraka at INFO tells of failures alone; Courier's mails do not tell sessions apart
        if command["scenario"] in known.twice:
            return {"silent"}  # logged in, STARTTLS, logged in: the mail tells of the last one
        mailed = known.truth["scenarios"][command["scenario"]].get("mailed")
        return {"silent"} if known.kind in ("exim", "eximauth", "courier", "smaller") and not mailed else set()
    return {"silent"} if "failure" not in outcomes or not reply else set()


def deviations(known: Drawn) -> list[Deviation]:
    """Return the commands without a row and the rows without a command."""
    sent, rows = defaultdict(list), defaultdict(list)
    for command in known.truth["commands"]:
        sent[command["address"]].append(command)
    server = known.events.filter(pl.col("side") == "server", pl.col("stage") == "auth", pl.col("outcome") != "info")
    dead = pl.col("client_ip").is_null() & (
        pl.col("detail") == "no SASL authentication mechanisms"
    )  # nobody's: smtpd dies at once
    for row in server.filter(~dead.fill_null(value=False)).iter_rows(named=True):
        rows[row["client_ip"]].append(row)
    found = []
    for address in sorted({*sent, *rows}, key=str):
        found += _matched(known, str(address), sorted(sent[address], key=lambda c: c["at"]), rows[address])
    coverage = reading.coverage(sorted((known.folder / "logs").iterdir()))
    lost = coverage.filter(pl.col("not_understood") > 0).select("program", "examples").rows()
    return found + ([Deviation("all", "lines not understood", "none", str(lost))] if lost else [])


def _matched(known: Drawn, address: str, sent: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[Deviation]:
    """Pair rows with commands, as many as can be, and tell what is left."""
    single = [row for row in rows for _ in range(row["count"])]
    later = {c["scenario"]: i for i, c in enumerate(sent)}
    wishes = [wanted(known, c, last=later[c["scenario"]] == i) for i, c in enumerate(sent)]
    fits = [[j for j, c in enumerate(sent) if fitting(known, row, c, wishes[j])] for row in single]
    needed = {j for j, w in enumerate(wishes) if "silent" not in w}
    taken: dict[int, int] = {}
    # commands that must have a row first; who has a partner keeps one
    for j in sorted(needed, key=lambda j: sum(j in f for f in fits)):
        of = {i: j_ for j_, i in taken.items()}
        if _augment(j, [[i for i, f in enumerate(fits) if k in f] for k in range(len(sent))], of, set()):
            taken = {j_: i for i, j_ in of.items()}
    for i in sorted(set(range(len(single))) - set(taken.values()), key=lambda i: len(fits[i])):
        _augment(i, fits, taken, set())
    out = [
        Deviation(f"{c['scenario']} {address}", "a command without a row", _command(c, wishes[j]), _rows(rows))
        for j, c in enumerate(sent)
        if j in needed and j not in taken
    ]
    given = set(taken.values())
    return out + [
        Deviation(
            address,
            "a row without a command",
            "; ".join(_command(c, wishes[j]) for j, c in enumerate(sent)),
            _rows([row]),
        )
        for i, row in enumerate(single)
        if i not in given
    ]


def _augment(i: int, fits: list[list[int]], taken: dict[int, int], seen: set[int]) -> bool:
    for j in fits[i]:
        if j not in seen:
            seen.add(j)
            if j not in taken or _augment(taken[j], fits, taken, seen):
                taken[j] = i
                return True
    return False


def _command(c: dict[str, Any], wish: set[str]) -> str:
    return f"{c['at'] % 1e5:.1f} {c['port']} {c['mechanism']} {c['user']!r:.40} {c['tls'] or ''} {c['protocol']}: {c['reply']!r:.90} {sorted(wish)}"


def _rows(rows: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"{r['source'].rsplit('/')[-1]}:{r['line_no']} {r['time']:%H:%M:%S} {r['outcome']}/{r['cause']}/{r['basis']} x{r['count']} {r['user']!r:.40} {r['mechanism']} {r['detail']!s:.60}"
        for r in rows
    )


NAMELESS = {"smaller"}


def fitting(known: Drawn, row: dict[str, Any], command: dict[str, Any], wish: set[str]) -> bool:
    """Tell whether a row may be of a command: outcome, name, mechanism, time, cause."""
    if row["outcome"] not in wish or (row["protocol"] != command["protocol"] and "silent" not in wish):
        return False
    if (
        row["count"] == 1
        and row["mechanism"] not in (None, "[redacted]", command["mechanism"])
        and command["protocol"] == "smtp"
    ):
        return False
    if not command["at"] - 2 <= row["time"].timestamp() <= command["at"] + 60:
        return False
    user = command["user"]
    if command["mechanism"] in UNKNOWN and row["outcome"] != "failure":
        return True  # whatever stood in its first answer
    if known.kind == "courier" and (
        command["cause"] == "broken" or odd(user) or user == "unknown" or row["user"] in (None, "and")
    ):
        return True  # it repeats what it heard, cut somewhere
    if row["user"] and row["user"].endswith("...") and user and user.startswith(row["user"][:60]):
        return True  # Dovecot cuts long names
    if row["user"] and "%!" in row["user"]:  # chasquid's mail log formats names
        return bool(user) and user.startswith(row["user"].partition("%!")[0])
    if row["user"] is None:
        named = (
            user and user.split() and user.split(" ")[0] and row["outcome"] == "failure" and known.kind not in NAMELESS
        )
        if (
            named
            and row["cause"] != "access_policy_denied"
            and not (row["count"] > 1 or row["basis"] == "counter" or command["protocol"] != "smtp")
        ):
            return False
    elif row["count"] == 1 and (
        not user or not any(_same(row["user"], n) or _same(row["user"].casefold(), n.casefold()) for n in names(user))
    ):
        return row["outcome"] == "deferred" and "silent" in wish  # Postfix prints the name of the attempt before
    return _cause(known, row, command)


def names(user: str) -> set[str]:
    """Return what servers make of a name: cut, stripped, with a realm, escaped."""
    plain = "".join("?" if ord(c) < 32 else c for c in user)
    written = "".join(f"#{ord(c):03o}" if ord(c) < 32 else c for c in user)
    tabs = [user.replace("\t", f"{sign}t") for sign in ("?", "\\001")]  # Dovecot's way to write a tab
    return {
        user,
        written,
        *tabs,
        f"{user[:61]}...",
        f"{user[:60]}...",
        f"{user}@example.com",
        user.strip(),
        plain,
        plain.strip(),
        user.replace("%", "%!"),
        user.partition("@")[0],
        (user.split() or [""])[0],
        f"{user.strip()}@example.com",
    } - {""}


def _cause(known: Drawn, row: dict[str, Any], command: dict[str, Any]) -> bool:
    reply, cause = command["reply"] or "", row["cause"]
    if row["outcome"] == "failure" and reply.startswith(("535", "a NO", "-ERR")):
        if command["cause"] == "good":
            return True
        user = (command["user"] or "").strip()
        real = (user.casefold() if known.kind == "postfix" else user) in REAL and command["scenario"] in known.drawn
        allowed = {"bad_credentials"} if real else {"bad_credentials", "unknown_user"}
        allowed |= (
            {"account_disabled"} if known.kind == "cyrus" and user == "carol" else set()
        )  # her account has run out
        return cause in allowed | ({"malformed_response", "unknown_user", "unknown"} if odd(command["user"]) else set())
    if row["outcome"] == "deferred":
        return cause in ("backend_unavailable", "unknown", "server_config_error")
    return True


REAL = {"alice@example.com", "bob@example.com", "carol@example.com", "john doe", "ann+x@example.com"}


def confusions(known: Drawn) -> list[str]:
    """Return addresses of which more successes, or failures, were read than the clients saw."""
    sent = defaultdict(list)
    for command in known.truth["commands"]:
        sent[command["address"]].append(wanted(known, command, last=True))
    out = []
    rows = known.events.filter(pl.col("stage") == "auth", pl.col("side") == "server")
    for address, outcome, count in (
        rows.group_by("client_ip", pl.col("outcome").cast(pl.String)).agg(pl.col("count").sum()).iter_rows()
    ):
        if outcome in ("success", "failure") and count > sum(outcome in wish for wish in sent[address]):
            out.append(f"{address}: {outcome}")
    return sorted(out)
