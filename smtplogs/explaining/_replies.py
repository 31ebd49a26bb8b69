"""What a server answered, alone or quoted in a traceback, explained by the reply catalogue."""

from __future__ import annotations

import polars as pl

from smtplogs import pasted, redacting, replies
from smtplogs.explaining._rows import BY_WORDS, FIRST, Known, Row, columns_of, make_row, other_candidates


def reply_rows(number: int, line: str, shown: str, known: Known) -> list[Row]:
    """Explain a reply, or a reason whose words the catalogue knows."""
    candidates = replies.explain(line, **known).to_dicts()
    reply = replies.parse_reply(line)
    best = candidates[0]
    by_words = best["row"] is not None and best["why"].startswith(BY_WORDS) and any(map(str.isalpha, line))
    if reply.code is None and reply.enhanced is None and not by_words:
        why = "no envelope known to smtplogs (syslog, journal, Dovecot's own log ...) fits, and it is no SMTP reply"
        return [make_row(number, shown, "not understood", why=why)]
    others = (make_row(number, shown, verdict, **columns) for verdict, columns in other_candidates(candidates))
    return [make_row(number, shown, FIRST, **columns_of(best)), *others]


def trace_rows(number: int, trace: str, known: Known) -> list[Row]:
    """Explain every refusal that a traceback or transcript quotes."""
    lines = pasted.masked(trace.split("\n"))
    shown = "\n".join(redacting.without_secrets(pl.DataFrame({"line": lines}), "line")["line"].to_list())
    shown = redacting.without_suspects(shown)
    answers = pasted.answers_in(trace)
    if not answers:
        why = "a traceback or transcript that quotes no refusal of a server and no sentence of a mail library we know"
        return [make_row(number, shown, "not understood", why=why)]
    step = replies.step_of(trace) if len(answers) == 1 and known["stage"] is None else None
    where: Known = {
        "stage": known["stage"] or step,
        "side": known["side"] or "client",
        "catalogue": known["catalogue"],
    }
    return [row for answer in answers for row in reply_rows(number, answer, shown, where)]
