"""Does a Postfix log agree with itself? Counters against lines, queue ids, processes, order of time."""

from __future__ import annotations

import re
from collections import Counter

SMTPD = re.compile(r"^(?P<stamp>.{15}|[^ ]{32}) (?P<key>[^ ]+ postfix[^ ]*/smtpd\[[0-9]+\]): (?P<text>.*)$")
QUEUE_ID = re.compile(r"(?:postfix/[^ ]+): (?P<id>[0-9A-F]{6,}): (?P<text>.*)$")
COUNTER = re.compile(r" ([a-z]+)=([0-9]+)(?:/([0-9]+))?")


def check_session(texts: list[str]) -> str | None:
    """Compare the lines of one session with its disconnect counters.

    Parameters
    ----------
    texts
        Messages of one smtpd process from `connect` to `disconnect`.

    Returns
    -------
    str or None
        What is wrong.
    """
    found = {name: (int(ok), int(total or ok)) for name, ok, total in COUNTER.findall(texts[-1].split("]", 1)[1])}
    everything = found.pop("commands")
    if everything != (sum(ok for ok, _ in found.values()), sum(total for _, total in found.values())):
        return f"commands do not add up: {texts[-1]}"
    zero = (0, 0)
    refused = found.get("auth", zero)[1] - found.get("auth", zero)[0]
    logged = sum(": SASL " in t or "AUTH command rate limit" in t for t in texts)
    mails = sum(": client=" in t for t in texts)
    rejects = sum(t.startswith("NOQUEUE: reject: RCPT") for t in texts)
    rcpt = found.get("rcpt", zero)
    if logged > refused:
        return f"{logged} refused AUTH logged, {refused} counted: {texts[-1]}"
    if mails != found.get("data", zero)[0] or rcpt[1] - rcpt[0] != rejects:
        return f"{mails} mails, {rejects} rejects logged: {texts[-1]}"
    if any("sasl_method=" in t for t in texts if "client=" in t) and not found.get("auth", zero)[0]:
        return f"mail with a login, none counted: {texts[-1]}"
    handshakes = sum("TLS connection established" in t for t in texts)
    if handshakes < found.get("starttls", zero)[0]:
        return f"STARTTLS without its line: {texts[-1]}"
    return None


def check(rows: list[str], *, whole: bool = True) -> list[str]:
    """List what does not agree in a log.

    Parameters
    ----------
    rows
        Lines in order.
    whole
        The log holds whole sessions and mails only.

    Returns
    -------
    list of str
        Complaints, none if all is well.
    """
    wrong: list[str] = []
    sessions: dict[str, list[str]] = {}
    mails: Counter[str] = Counter()
    for row in rows:
        mail = QUEUE_ID.search(row)
        if mail:
            text = mail["text"]
            mails[mail["id"]] += text.startswith("client=") * 1 + text.startswith("removed") * 1_000
        line = SMTPD.match(row)
        if not line:
            continue
        key, text = line["key"], line["text"]
        if text.startswith("connect from "):
            if key in sessions:
                wrong.append(f"second connect in a session: {row}")
            sessions[key] = [text]
        elif key in sessions:
            sessions[key].append(text)
            if text.startswith("disconnect from "):
                complaint = check_session(sessions.pop(key))
                wrong += [complaint] if complaint else []
            elif text.startswith("fatal: "):
                del sessions[key]
        elif whole and not text.startswith(("warning: SASL: ", "fatal: ")):
            wrong.append(f"line outside a session: {row}")
    if whole:
        wrong += [f"session without an end: {texts}" for texts in sessions.values()]
        wrong += [f"mail {queue_id} came and went {n}" for queue_id, n in mails.items() if n != 1_001]
    return wrong
