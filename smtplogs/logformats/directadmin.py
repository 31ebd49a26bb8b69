"""DirectAdmin: refused logins at its control panel, told as a sum. Source: samples of fail2ban's tests.

The panel is no mail server: rows have protocol http and stay out of counts of SMTP. They tell who else tries the names.
"""

from __future__ import annotations

from smtplogs.logformats._format import Excerpt, Field, Pattern, Sample, Table
from smtplogs.logformats._postfix_parts import always

_refused = always(
    stage="auth", side="server", protocol="http", outcome="failure", cause="bad_credentials", basis="assumed"
)

_PATTERNS = (
    Pattern(
        "attempts",
        literal=" failed login attempt",
        regex=r"^'(?P<client_ip>[0-9A-Fa-f.:]+)' (?P<count>[0-9]+) failed login attempts?\. Account '(?P<user>.*)'$",
        sets=_refused(),
        written_by="DirectAdmin, login.log: one line for several attempts",
        samples=(
            Sample(
                "'203.0.113.231' 13 failed login attempts. Account 'admin'",
                _refused(client_ip="203.0.113.231", count=13, user="admin"),
            ),
        ),
    ),
    Pattern(
        "success",
        literal=" successful login to ",
        regex=r"^'(?P<client_ip>[0-9A-Fa-f.:]+)' successful login to '(?P<user>.*?)'(?: after [0-9]+ attempts?)?$",
        sets=always(stage="auth", side="server", protocol="http", outcome="success")(),
        written_by="DirectAdmin, login.log",
        samples=(
            Sample(
                "'203.0.113.231' successful login to 'admin' after 1 attempts",
                always(stage="auth", side="server", protocol="http")(
                    outcome="success", cause="success", basis="line", client_ip="203.0.113.231", user="admin"
                ),
            ),
        ),
    ),
    Pattern(
        "other",
        regex=r"^'.*$",
        role="dismiss",
        written_by="DirectAdmin, login.log: other words after the address",
        samples=(Sample("'203.0.113.231' logged out"),),
    ),
)

DIRECTADMIN = Table(
    "directadmin",
    "DirectAdmin's login log",
    layout="regex",
    before=r"^(?P<stamp>[0-9]{4}:[0-9]{2}:[0-9]{2}-[0-9:]{8}): ",
    fields={"stamp": Field(("@stamp",))},
    forms=("%Y:%m:%d-%H:%M:%S",),
    patterns=_PATTERNS,
    written_by="DirectAdmin, /var/log/directadmin/login.log; local time",
    cannot_show=("logins at the mail server", "when each of the attempts of one line was made"),
    samples=(
        Excerpt(
            f"2026:07:02-13:07:40: {_PATTERNS[0].samples[0].message}", (dict(_PATTERNS[0].samples[0].expect),)
        ),
    ),
)  # fmt: skip
