"""Exim lines that hold a word of ours and say nothing of a login."""

from __future__ import annotations

from smtplogs.logformats._exim_parts import HEAD, PROGRAM, context
from smtplogs.logformats._format import Pattern, Sample

OTHER = (
    Pattern(
        "relay_trouble",
        program=PROGRAM,
        regex=rf"{HEAD}H=[^ ]+ \[[^\]]+\](?::[0-9]+)?(?: .*)?$",
        role="context",
        sets=context(),
        written_by="exim src/transports/smtp.c: a server that could not be used; src/acl.c: dropped, sender verify fail",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A H=smtp.example.net [198.51.100.25] TLS error on connection (recv): Error in the pull function.",
                context(queue_id="1rXaBc-0004uc-2A"),
            ),
        ),
    ),
    Pattern(
        "other",
        program=PROGRAM,
        regex=rf"{HEAD}(?:(?:H=)?(?:[^ ()\[\]]+ )?(?:\([^()]*\) )?\[[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+\].*|SMTP (?:connection|protocol|syntax|data|command|call) .*"
        r"|ignoring AUTH=.*|custom-message: .*|no (?:host name|IP address) found.*|TLS (?:client|session|error).*"
        r"|(?:refused )?connection from .*|Authentication-Results: .*|SA: .*|DKIM: .*|cwd=.*|Sender identification .*|Completed.*|Warning: .*"
        r"|sender address changed .*|(?:Start|End) queue run.*|exim .*)$",
        role="dismiss",
        written_by="exim: starts, ends and oddities of sessions; AUTH= of MAIL; what the site writes itself",
        samples=(
            Sample("ignoring AUTH=ann@example.com from H=(pc-7) [203.0.113.9] (client not authenticated)"),
            Sample("SMTP connection from (pc-7) [203.0.113.9] closed by QUIT"),
        ),
        not_these=("[INF] Sending mail",),
    ),
)
