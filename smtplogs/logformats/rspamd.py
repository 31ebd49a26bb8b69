"""Rspamd: mails that its rate limits hold back. No logins. Source: src/plugins/lua/ratelimit.lua (format string)."""

from __future__ import annotations

from smtplogs.logformats._format import Excerpt, Field, Pattern, Sample, Table
from smtplogs.logformats._postfix_parts import always

_held = always(stage="data", side="server", outcome="throttled", cause="throttled_sending")

_PATTERNS = (
    Pattern(
        "ratelimit",
        literal=" exceeded, (",
        regex=r"^#[0-9]+\([a-z_]+\) <(?P<session>[0-9a-z]+)>; lua; ratelimit\.lua:[0-9]+: "
        r'(?P<detail>ratelimit "[^"]*" exceeded, \([0-9.]+ / [0-9.]+\)): (?P<rate_value>[0-9.]+) .*$',
        sets=_held(),
        written_by="Rspamd 2 and 3: (burst / refill per second): level reached",
        samples=(
            Sample(
                '#812(normal) <a1b2c3>; lua; ratelimit.lua:429: ratelimit "user(RLabcdef)" exceeded, (20 / 0.0166): 21.0 '
                "(dynamic ratelimits disabled); redis key: RLabcdef",
                _held(
                    basis="line", rate_value=21.0, detail='ratelimit "user(RLabcdef)" exceeded, (20 / 0.0166)',
                ),
            ),
        ),
    ),
    Pattern(
        "other",
        regex=r"^#[0-9]+\([a-z_]+\) .*$",
        role="dismiss",
        written_by="Rspamd: everything else it does",
        samples=(Sample("#812(normal) <a1b2c3>; task; rspamd_task_write_log: id: <x@example.com>"),),
    ),
)  # fmt: skip

RSPAMD = Table(
    "rspamd",
    "Rspamd log (rate limits)",
    layout="regex",
    before=r"^(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?:\.[0-9]+)?) ",
    fields={"stamp": Field(("@stamp",))},
    patterns=_PATTERNS,
    written_by="Rspamd 2 and 3, rspamd.log; local time",
    cannot_show=("logins", "whose mail was held back: the key is a hash, names and addresses stand in the mail server's log"),
    samples=(
        Excerpt(
            f"2026-07-01 10:00:00 {_PATTERNS[0].samples[0].message}\n2026-07-01 10:00:01 {_PATTERNS[1].samples[0].message}",
            (dict(_PATTERNS[0].samples[0].expect),),
        ),
    ),
)  # fmt: skip
