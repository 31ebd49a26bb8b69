"""Servers but Postfix with Dovecot: each is started by its own room, with settings and clients drawn at random."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from live import courier, cyrus, exim, eximauth, opensmtpd, postfix, sendmail, smaller
from live.client import Truth
from live.drawn import KNOWN, Port, Site, sessions
from live.machine import Syslog, start
from live.scenarios import Server, pause, together

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

MAIN = {
    "smtpd_delay_reject": ("yes", "no"),
    "smtpd_sasl_security_options": ("noanonymous", "noanonymous", "noanonymous, noplaintext"),
    "smtpd_tls_auth_only": ("no", "no", "yes"),
    "smtpd_client_auth_rate_limit": ("0", "0", "2"),
    "smtpd_client_event_limit_exceptions": ("", "$mynetworks"),
    "smtpd_soft_error_limit": ("10", "1"),
    "smtpd_hard_error_limit": ("20", "2", "3"),
    "smtpd_error_sleep_time": ("0s", "1s"),
    "smtpd_tls_loglevel": ("0", "1", "2"),
    "smtpd_sasl_authenticated_header": ("no", "yes"),
    "smtpd_client_port_logging": ("no", "yes"),
    "smtpd_helo_required": ("no", "yes"),
    "smtpd_delay_open_until_valid_rcpt": ("yes", "no"),
    "smtpd_sasl_mechanism_filter": ("!external, static:rest", "plain, login"),
    "smtpd_peername_lookup": ("yes", "no"),
    "enable_long_queue_ids": ("no", "yes"),
    "smtpd_reject_footer": ("", "call 555-0100 (pid $client_address)"),
    "debug_peer_list": ("", "127.77.0.0/24"),
    "max_use": ("100", "2"),
    "smtpd_sasl_local_domain": ("", "example.com"),
    "smtpd_junk_command_limit": ("100", "1"),
    "smtpd_client_connection_count_limit": ("50", "2"),
    "smtpd_client_restrictions": ("", "permit_sasl_authenticated, reject"),
    "smtpd_noop_commands": ("", "help"),
    "info_log_address_format": ("external", "internal"),
}
"""Settings of Postfix and what they are drawn from, the first as it is most often."""

EXIM_SELECTORS = (
    "+smtp_protocol_error", "+smtp_syntax_error", "+smtp_no_mail", "+smtp_connection", "+pid", "+millisec", "+incoming_port", "+incoming_interface",
    "+smtp_confirmation", "+smtp_mailauth", "+received_recipients", "+received_sender", "+subject", "+tls_cipher", "+tls_sni", "+tls_peerdn", "+lost_incoming_connection",
    "+smtp_incomplete_transaction", "+host_lookup_failed", "+all_parents", "+proxy", "+sender_on_delivery", "-tls_cipher", "-host_lookup_failed", "-rejected_header",
    "-acl_warn_skipped", "-lost_incoming_connection", "+unknown_in_list", "+queue_time_overall", "+msg_id", "+size_reject",
)  # fmt: skip


def drawn(chance: random.Random, choices: dict[str, tuple[str, ...]], rate: float = 0.35) -> dict[str, str]:
    """Draw settings: each its first value, and now and then another."""
    found = {name: values[0] if chance.random() > rate else chance.choice(values) for name, values in choices.items()}
    if "noplaintext" in found.get("smtpd_sasl_security_options", ""):  # or no mechanism is left, and smtpd dies of it
        found["smtpd_sasl_mechanism_filter"] = choices["smtpd_sasl_mechanism_filter"][0]
    return found


def other(
    kind: str, root: Path, out: Path, chance: random.Random, versions: dict[str, str], told: dict[str, str]
) -> tuple[Truth, Server]:
    """Another server: its own room starts it, with settings and clients drawn."""
    room, variant, site = KINDS[kind](root, chance, versions, told)
    started = []

    def instead(jobs: list[Callable[[], object]], at_once: int = 16) -> None:
        truth.scenarios.clear()
        together(sessions(truth, site, int(told["seed"])), site.at_once)

    class Kept(Truth):
        def __init__(self) -> None:
            nonlocal truth
            super().__init__()
            truth = self

    truth = Truth()
    room.Truth = Kept  # a process plays one set-up: its rooms are its own
    room.together = instead
    room.start = lambda *words: started.append(start(*words)) or started[-1]
    for name in ("unexpecting", "changing"):  # what its scenarios do besides
        if hasattr(room, name):
            setattr(room, name, lambda *_: None)
    site.events = [
        (lambda event=event: event(root, started)) for event in EVENTS.get(kind, ()) if chance.random() < 0.5
    ]
    told["variant"] = variant
    try:
        return room.record(root, out, variant, versions, None)
    except OSError as gone:  # its last scenario, at a server that has had enough of us
        print(f"{kind}: {gone}")
        return truth, Server(kind, 0, 0, 0, 0, versions=versions)


def _six(ports: dict[str, int], *more: Port) -> tuple[Port, ...]:
    return (
        *(Port(ports["submission"], "starttls"),) * 3, *(Port(ports["wrapper"], "wrapper"),) * 2, *(Port(ports["plain"], "may"),) * 2,
        Port(ports["closed"]), *more,
    )  # fmt: skip


Kind = "tuple[ModuleType, str, Site]"


def _exim(root: Path, chance: random.Random, versions: dict[str, str], told: dict[str, str]) -> Kind:
    selector = " ".join(chance.sample(EXIM_SELECTORS, chance.randint(0, 9))) if chance.random() < 0.8 else "+all"
    logs = chance.choice(("/var/log/exim4/%slog", "/var/log/exim4/%slog", "syslog", "/var/log/exim4/%slog : syslog"))
    exim.VARIANTS["drawn"] = (selector, logs)
    if "syslog" in logs:
        exim.VARIANTS["drawn"] = (selector, logs)
    further = _exim_settings(chance)
    exim.CONFIG = exim.CONFIG.replace("timezone = UTC", f"timezone = UTC\n{further}")
    if chance.random() < 0.4:  # other ways to say no
        exim.CONFIG = exim.CONFIG.replace("{account suspended}", chance.choice(("{fail}", "{no}", "{locked: call us}")))
    if chance.random() < 0.3:
        for name, other in (
            ("plain_server", "fixed_plain"),
            ("login_server", "fixed_login"),
            ("cram_md5_server", "fixed_cram"),
        ):
            exim.CONFIG = exim.CONFIG.replace(name, other)
    if chance.random() < 0.3:
        exim.CONFIG = exim.CONFIG.replace(
            "smtp_accept_max = 100", "smtp_accept_max = 100\nsmtp_accept_max_per_connection = 2"
        )
    told |= {"log_selector": selector, "log_file_path": logs, "further": further}
    if "syslog" in logs:
        exim.Syslog, plain = Syslog, None
        told["syslog"] = "yes"
        if plain is None and logs != "syslog":
            Syslog(root, told_path(root))
    return exim, "drawn", Site(_six(exim.PORTS, Port(exim.LIMITED)), slow=9, sessions=130)


def told_path(root: Path) -> Path:
    """Return where the syslogd of a set-up writes."""
    return root.parent.parent / "syslog.log"


def _exim_settings(chance: random.Random) -> str:
    lines = []
    for line in (
        "syslog_timestamp = false", "syslog_pid = false", "syslog_duplication = false", "log_timezone = true", "smtp_enforce_sync = false",
        "smtp_max_unknown_commands = 1", "smtp_max_synprot_errors = 1", "smtp_accept_max_per_host = 2", "smtp_accept_max_nonmail = 2",
        "pipelining_advertise_hosts =", "write_rejectlog = false", "smtp_return_error_details = true", "message_logs = false", "helo_try_verify_hosts = *",
        "smtp_ratelimit_hosts = 127.77.0.0/24\nsmtp_ratelimit_mail = 1,0.5s,1.05,2s", "split_spool_directory = true", "queue_only = true",
        "syslog_processname = exim-out", "syslog_facility = local3", "preserve_message_logs = false", "pipelining_connect_advertise_hosts = *",
    ):  # fmt: skip
        if chance.random() < 0.2:
            lines.append(line)
    return "\n".join(lines)


def _eximauth(root: Path, chance: random.Random, versions: dict[str, str], told: dict[str, str]) -> Kind:
    variant = chance.choice(("dovecot", "dovecot", "cyrus", "saslauthd"))
    selector, where, further = eximauth.VARIANTS[variant]
    if chance.random() < 0.6:
        selector = " ".join(chance.sample(EXIM_SELECTORS, chance.randint(0, 8)))
        where = chance.choice(("files", "syslog", "both"))
        further = _exim_settings(chance)
    eximauth.VARIANTS[variant] = (selector, where, further)
    told |= {"log_selector": selector, "where": where, "further": further}
    for name in ("smtp_accept_max_per_host", "smtp_max_unknown_commands"):
        if name in further:
            eximauth.VARIANTS[variant] = (selector, where, "\n".join(x for x in further.splitlines() if name not in x))
            further = eximauth.VARIANTS[variant][2]
    accounts = ("alice", "bob", "alice@example.com") if variant == "saslauthd" else KNOWN
    more = (
        Port(eximauth.LIMITED, "may"),
        Port(eximauth.PLAINONLY, "may"),
        Port(eximauth.DELAYED),
        Port(eximauth.BLOCKED),
    )
    eximauth.behaviours.everywhere = lambda truth: []
    return eximauth, variant, Site(_six(exim.PORTS, *more), accounts=accounts, slow=9, sessions=90)


def _cyrus(root: Path, chance: random.Random, versions: dict[str, str], told: dict[str, str]) -> Kind:
    variant = chance.choice(tuple(cyrus.VARIANTS))
    main = {
        k: v
        for k, v in drawn(chance, MAIN).items()
        if k not in ("smtpd_sasl_local_domain", "smtpd_client_restrictions")
    }
    kept = [line for line in postfix.MAIN.splitlines() if line.split(" =")[0] not in (*main, "smtpd_timeout")]
    postfix.MAIN = (
        "\n".join([*kept, "smtpd_timeout = 5s", *(f"{k} = {v}" for k, v in main.items())]).replace("{maillog}", "")
        + "\n"
    )
    told |= main
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", *(("SCRAM-SHA-256",) if variant == "sasldb" else ()))
    accounts = ("alice", "bob", "carol") if variant == "saslauthd" else KNOWN
    return cyrus, variant, Site(_six(postfix.PORTS), mechanisms, accounts, slow=6.5)


def _sendmail(root: Path, chance: random.Random, versions: dict[str, str], told: dict[str, str]) -> Kind:
    variant = "drawn"
    sendmail.VARIANTS[variant] = chance.choice((9, 9, 10, 11, 12, 14, 15))
    told["level"] = str(sendmail.VARIANTS[variant])
    if chance.random() < 0.5:
        limit = chance.choice((1, 2))
        sendmail.CONFIG = sendmail.CONFIG.replace(
            "define(`confTO_IDENT'",
            f"define(`confMAX_RUNNERS_PER_QUEUE', `1')\ndefine(`confBAD_RCPT_THROTTLE', `{limit}')\ndefine(`confTO_IDENT'",
        )
    if chance.random() < 0.3:
        sendmail.CONFIG = sendmail.CONFIG.replace("`A')", "`Ap')")
        told["noplain"] = "p"
    ports = tuple(p for p in _six(sendmail.PORTS))
    return sendmail, variant, Site(ports, slow=0, sessions=90)


def _opensmtpd(root: Path, chance: random.Random, versions: dict[str, str], told: dict[str, str]) -> Kind:
    ports = opensmtpd.PORTS
    site = Site(
        (*(Port(ports["submission"], "starttls"),) * 3, Port(ports["wrapper"], "wrapper"), Port(ports["plain"], "wrapper"), Port(ports["closed"])),
        mechanisms=("PLAIN", "LOGIN"), sessions=80,
    )  # fmt: skip
    return opensmtpd, "default", site


def _courier(root: Path, chance: random.Random, versions: dict[str, str], told: dict[str, str]) -> Kind:
    site = Site(
        _six(courier.PORTS), accounts=KNOWN[:2], sessions=80, at_once=5, ipv6=False,
        mailboxes=(("imap", courier.IMAPS), ("pop3", courier.POP3S)),
    )  # fmt: skip
    return courier, chance.choice(("quiet", "told")), site


def _smaller(root: Path, chance: random.Random, versions: dict[str, str], told: dict[str, str]) -> Kind:
    variant = chance.choice(smaller.VARIANTS)
    ports = _six(smaller.PORTS) if variant != "chasquid" else (
        *(Port(smaller.PORTS["submission"], "starttls"),) * 3, *(Port(smaller.PORTS["wrapper"], "wrapper"),) * 2, Port(smaller.CLOSED),
    )  # fmt: skip
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5") if variant.startswith("haraka") else ("PLAIN", "LOGIN")
    return smaller, variant, Site(ports, mechanisms, KNOWN[:2], sessions=80, ipv6=False)


def _exim_hup(root: Path, started: list) -> None:
    """The daemon reads its settings again."""
    started[-1].send_signal(signal.SIGHUP)
    pause(0.5)


def _exim_rotated(root: Path, started: list) -> None:
    """`exicyclog`: main and reject log get other names."""
    for name in ("mainlog", "rejectlog"):
        path = root / "var/log/exim4" / name
        for old in (f"{name}.2", f"{name}.1"):
            aside = root / "var/log/exim4" / old
            if not aside.exists() and path.exists():
                path.rename(aside)
                break


EVENTS = {"exim": (_exim_hup, _exim_rotated, _exim_rotated), "eximauth": (_exim_rotated, _exim_hup)}

KINDS = {
    "exim": _exim, "eximauth": _eximauth, "cyrus": _cyrus, "sendmail": _sendmail, "opensmtpd": _opensmtpd, "courier": _courier,
    "smaller": _smaller,
}  # fmt: skip
