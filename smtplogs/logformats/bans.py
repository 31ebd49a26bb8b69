"""Ban logs: when fail2ban, CrowdSec or mailcow's netfilter cut an address off. Enrichment: they judge no login.

Sources: fail2ban server/actions.py and server/observer.py (0.10 to 1.1), crowdsec pkg/apiserver and its log output,
mailcow-dockerized data/Dockerfiles/netfilter. Only jails named after mail software are read.
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_FAIL2BAN = r"fail2ban(?:\.[a-z]+)?"
_JAIL = r"[^\]]*(?:postfix|dovecot|exim|sendmail|smtp|sasl|mail|courier|cyrus|kerio|zimbra)[^\]]*"
_LEVEL = r"^(?:(?:NOTICE|WARNING|INFO) +)?"
_IP = r"(?P<client_ip>[0-9A-Fa-f:.]+)"

_ban = always(stage="session", side="server", outcome="throttled", cause="too_many_errors", basis="line")
_end = always(stage="session", side="server", outcome="info")

FAIL2BAN = Lines(
    "fail2ban",
    "fail2ban's own log",
    tag=_FAIL2BAN,
    patterns=(
        Pattern(
            "ban",
            program=_FAIL2BAN,
            literal="] Ban ",
            regex=rf"{_LEVEL}(?P<detail>\[{_JAIL}\] Ban {_IP})$",
            sets=_ban(),
            written_by="fail2ban server/actions.py; the length is told by the Unban that follows, or by Increase Ban",
            samples=(
                Sample(
                    "NOTICE  [postfix-sasl] Ban 203.0.113.9",
                    _ban(client_ip="203.0.113.9", detail="[postfix-sasl] Ban 203.0.113.9"),
                    program="fail2ban.actions",
                ),
                Sample(
                    "[dovecot] Ban 2001:db8::7",
                    _ban(client_ip="2001:db8::7", detail="[dovecot] Ban 2001:db8::7"),
                    program="fail2ban.actions",
                ),
            ),
            not_these=("NOTICE  [sshd] Ban 203.0.113.9", "NOTICE  [postfix-sasl] Restore Ban 203.0.113.9"),
        ),
        Pattern(
            "increase_ban",
            program=_FAIL2BAN,
            literal="] Increase Ban ",
            regex=rf"{_LEVEL}(?P<detail>\[{_JAIL}\] Increase Ban {_IP} "
            r"\([0-9]+ # (?:(?P<duration_s>[0-9]+[smhdwy](?: [0-9]+[smhdwy])*)|permanent) -> [^)]*\))$",
            sets=_end(),
            written_by="fail2ban server/observer.py since 0.11 (bantime.increment): the Ban beside it lasts that long",
            samples=(
                Sample(
                    "NOTICE  [postfix-sasl] Increase Ban 203.0.113.9 (3 # 2d 7h 15m -> 2026-11-05 16:20:01)",
                    _end(
                        client_ip="203.0.113.9",
                        duration_s=198_900.0,
                        detail="[postfix-sasl] Increase Ban 203.0.113.9 (3 # 2d 7h 15m -> 2026-11-05 16:20:01)",
                    ),
                    program="fail2ban.observer",
                ),
                Sample(
                    "NOTICE  [dovecot] Increase Ban 2001:db8::7 (9 # permanent -> infinite)",
                    _end(
                        client_ip="2001:db8::7",
                        detail="[dovecot] Increase Ban 2001:db8::7 (9 # permanent -> infinite)",
                    ),
                    program="fail2ban.observer",
                ),
            ),
            not_these=("NOTICE  [sshd] Increase Ban 203.0.113.9 (2 # 20m -> 2026-11-03 09:25:01)",),
        ),
        Pattern(
            "restore_ban",
            program=_FAIL2BAN,
            literal="] Restore Ban ",
            regex=rf"{_LEVEL}(?P<detail>\[{_JAIL}\] Restore Ban {_IP})$",
            sets=_end(),
            written_by="fail2ban server/actions.py since 0.10: a ban of before the restart goes on; it is no new one",
            samples=(
                Sample(
                    "NOTICE  [postfix-sasl] Restore Ban 203.0.113.9",
                    _end(client_ip="203.0.113.9", detail="[postfix-sasl] Restore Ban 203.0.113.9"),
                    program="fail2ban.actions",
                ),
            ),
            not_these=("NOTICE  [sshd] Restore Ban 203.0.113.9", "NOTICE  [postfix-sasl] Ban 203.0.113.9"),
        ),
        Pattern(
            "unban",
            program=_FAIL2BAN,
            literal="] Unban ",
            regex=rf"{_LEVEL}(?P<detail>\[{_JAIL}\] Unban {_IP})$",
            sets=_end(),
            written_by="fail2ban server/actions.py",
            samples=(
                Sample(
                    "NOTICE  [postfix-sasl] Unban 203.0.113.9",
                    _end(client_ip="203.0.113.9", detail="[postfix-sasl] Unban 203.0.113.9"),
                    program="fail2ban.actions",
                ),
            ),
            not_these=("NOTICE  [sshd] Unban 203.0.113.9",),
        ),
        Pattern(
            "other",
            program=_FAIL2BAN,
            regex=r"^(?:[A-Z]+ +)?(?:\[[^\]]*\] .*|[A-Z][A-Za-z -]+.*)$",
            role="dismiss",
            written_by="fail2ban: failures found (they stand in the mail log), other jails, start and stop",
            samples=(
                Sample("INFO    [postfix-sasl] Found 203.0.113.9 - 2026-11-03 09:05:01", program="fail2ban.filter"),
                Sample("NOTICE  [sshd] Ban 203.0.113.9", program="fail2ban.actions"),
            ),
        ),
    ),
    cannot_show=(
        "logins, refused or accepted: it repeats what the mail log says",
        "users",
        "how long a ban lasts, until it has ended (but where bans grow)",
    ),
)

CROWDSEC = Lines(
    "crowdsec",
    "CrowdSec's own log",
    tag="crowdsec",
    patterns=(
        Pattern(
            "ban",
            program="crowdsec",
            literal=" ban on Ip ",
            regex=r"^(?P<detail>(?:\([^)]*\) )?[^ ]*(?:postfix|dovecot|exim|smtp|mail)[^ ]* by ip [0-9A-Fa-f:.]+(?: \([^)]*\))? : "
            rf"(?P<duration_s>[0-9]+[smhd]) ban on Ip {_IP})$",
            sets=_ban(),
            written_by="crowdsec pkg/apiserver: a decision, with its length",
            samples=(
                Sample(
                    "(mx1/crowdsec) crowdsecurity/postfix-spam by ip 203.0.113.9 (XX/64500) : 4h ban on Ip 203.0.113.9",
                    _ban(
                        client_ip="203.0.113.9",
                        duration_s=14400.0,
                        detail="(mx1/crowdsec) crowdsecurity/postfix-spam by ip 203.0.113.9 (XX/64500) : "
                        "4h ban on Ip 203.0.113.9",
                    ),
                    program="crowdsec",
                ),
            ),
            not_these=("(mx1/crowdsec) crowdsecurity/ssh-bf by ip 203.0.113.9 (XX/64500) : 4h ban on Ip 203.0.113.9",),
        ),
        Pattern(
            "other",
            program="crowdsec",
            regex=r"^.*$",
            role="dismiss",
            written_by="crowdsec: everything else it does",
            samples=(Sample("Starting community-blocklist update", program="crowdsec"),),
        ),
    ),
    cannot_show=("logins, refused or accepted", "users", "bans that were lifted by hand"),
)

MAILCOW = Lines(
    "mailcow_netfilter",
    "mailcow's netfilter log",
    tag="netfilter",
    patterns=(
        Pattern(
            "ban",
            program="netfilter",
            literal="Banning ",
            regex=rf"^(?P<detail>(?:[A-Z]+: )?Banning {_IP}/(?:32|128) for (?P<duration_s>[0-9]+ ?m)inutes)$",
            sets=_ban(),
            written_by="mailcow-dockerized data/Dockerfiles/netfilter/main.py",
            samples=(
                Sample(
                    "CRIT: Banning 198.51.100.42/32 for 60 minutes",
                    _ban(
                        client_ip="198.51.100.42",
                        duration_s=3600.0,
                        detail="CRIT: Banning 198.51.100.42/32 for 60 minutes",
                    ),
                    program="netfilter",
                ),
            ),
            not_these=("CRIT: Banning 198.51.100.0/24 for 60 minutes",),
        ),
        Pattern(
            "other",
            program="netfilter",
            regex=r"^[A-Z]+: .*$",
            role="dismiss",
            written_by="mailcow netfilter: warnings before a ban, bans of whole networks, lists",
            samples=(Sample("CRIT: Banning 198.51.100.0/24 for 60 minutes", program="netfilter"),),
        ),
    ),
    cannot_show=("logins, refused or accepted", "users", "which address of a banned network was the cause"),
)
