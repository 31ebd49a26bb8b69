"""What each mistake in a client's settings is called, what repairs it, and which question of the checklist it answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Words of one mistake. In `says` and `advice` stand {place}, {user}, {meant}, {seen}; `answers`: see ``causes``."""

    says: str
    advice: str
    cause: str
    answers: tuple[str, ...]


WORDS = {
    "port_25": Words(
        "uses port 25, where clients cannot log in or send",
        "Set the client at {place} to port 587 with STARTTLS, or to 465 with SSL/TLS.",
        "wrong_host_or_port",
        ("port_25", "auth_on_port"),
    ),
    "no_tls": Words(
        "does not start TLS, without which no login is offered",
        "Switch on STARTTLS (port 587) or SSL/TLS (port 465) in the client at {place}.",
        "tls_required",
        ("tls_before_auth", "auth_not_advertised"),
    ),
    "tls_mode": Words(
        "has the wrong TLS mode (plain text where TLS begins at once, or the reverse)",
        "In the client at {place} use STARTTLS with port 587, or SSL/TLS with port 465.",
        "wrong_host_or_port",
        ("tls_before_auth", "three_failure_points"),
    ),
    "old_tls": Words(
        "speaks only TLS versions or ciphers that the server refuses",
        "Update the client at {place}; where that cannot be done, put a relay of your own with modern TLS before it.",
        "tls_too_old",
        ("tls_before_auth",),
    ),
    "cert_not_trusted": Words(
        "does not trust the server's certificate",
        "Use the host name that stands in the certificate, and let the client at {place} trust its issuer.",
        "tls_handshake_failed",
        ("certificate",),
    ),
    "mechanism": Words(
        "asks for a login mechanism that is not offered{seen}",
        "Choose PLAIN or LOGIN over TLS (a normal password) in the client at {place}, or offer what it asks for.",
        "mechanism_unsupported",
        ("mechanism",),
    ),
    "local_part_only": Words(
        "logs in as {user}, which is no account, instead of {meant}",
        "Enter {meant} as user name in the client at {place}.",
        "unknown_user",
        ("full_address", "account_lookup"),
    ),
    "blank_or_break": Words(
        "sends the user name {user}, with a blank, quote or line break at an end",
        "Type user name and password anew in the client at {place}: pasted ones often carry a blank or a line break.",
        "malformed_response",
        ("wrong_secret", "api_key"),
    ),
    "bad_base64": Words(
        "sends logins that are no valid base64",
        "Repair how the program at {place} encodes the login: line breaks in the secret, or text that is not encoded.",
        "malformed_response",
        ("manual_test", "api_key"),
    ),
    "password_not_allowed": Words(
        "logs in with a password where policy allows only a token or an app password",
        "Move the client at {place} to OAuth 2.0, or give it an app password if the policy still knows them.",
        "oauth_required",
        ("app_password", "oauth"),
    ),
    "wrong_kind": Words(
        "uses the credentials of a relay{seen} here, at a mailbox server",
        "Point the application at {place} to that relay, or give it a mailbox of this server.",
        "wrong_credential_kind",
        ("relay_or_mailbox", "api_key"),
    ),
    "helo": Words(
        "greets with a name that the server refuses{seen}",
        "Set a full host name in the client at {place}.",
        "helo_rejected",
        ("three_failure_points",),
    ),
    "no_login": Words(
        "sends without logging in, on a port where clients must log in",
        "Switch on authentication in the client at {place}, with the account it sends for.",
        "auth_required",
        ("no_credentials",),
    ),
}

WORDS_OF_CAUSE = {
    "account_action_required": Words(
        "logs in with a password alone where its owner must confirm the sign-in",
        "Let the owner sign in once by browser; then move the client at {place} to OAuth 2.0, or give it an app password.",
        "account_action_required",
        ("app_password", "webmail_test"),
    ),
    "access_policy_denied": Words(
        "is kept out by a rule of access (place, device or kind of client), whatever its password",
        "Look up in the sign-in log which rule refuses the client at {place}: let it through there, or move it to OAuth 2.0.",
        "access_policy_denied",
        ("app_password", "oauth"),
    ),
}
"""What is said instead of the mistake's own words where the server named this cause."""

TIES = {
    "address": "Clients log in from {place} at other times{who}.",
    "user": "The account {known} logs in from elsewhere.",
    "own": "{place} is in a network of your own.",
    "network": "Others in the network of {place} log in.",
    "rhythm": "Nothing but its steady rhythm ties {place} to you: a scanner with a timer looks the same.",
}
"""Why a client is taken for one of ours."""
