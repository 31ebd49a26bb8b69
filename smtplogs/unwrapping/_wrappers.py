"""Every wrapper that is known."""

from __future__ import annotations

from smtplogs.unwrapping._colours import COLOUR, peel_colours
from smtplogs.unwrapping._containers import (
    COMPOSE,
    CRI,
    DOCKER_JSON,
    DOCKER_LOGS,
    peel_compose,
    peel_cri,
    peel_docker_json,
    peel_docker_logs,
)
from smtplogs.unwrapping._dated import DATED
from smtplogs.unwrapping._inset import INSET, TABBED, peel_inset, peel_tabbed
from smtplogs.unwrapping._journal import export_lines, peel_journal_json
from smtplogs.unwrapping._pasted import BARE, ESCAPED, PASTED, QUOTED, peel_bare, peel_escaped, peel_pasted, peel_quoted
from smtplogs.unwrapping._relayed import RELAYED, peel_relayed
from smtplogs.unwrapping._shown_journal import PRETTY, VERBOSE, pretty_lines, verbose_lines
from smtplogs.unwrapping._stores import (
    APART,
    CSV,
    DOCUMENT,
    EXPORT,
    MEMBER,
    ROWS,
    document_lines,
    peel_apart,
    peel_csv,
    peel_export,
    peel_member,
    peel_rows,
)
from smtplogs.unwrapping._wrapper import ANY, Wrapper

_RECORDS = ("json_fields", "json_export", "journal_json", "relayed")
"""What a container may write that is no line yet: records of a shipper or of the journal, headers of their own kind."""

COLOURED = Wrapper(
    "coloured", "lines with the colours of a terminal", COLOUR, peel_colours, keep_all=True, holds=ANY, nests=True
)
"""Told by a single control sequence, whatever the other lines are in: it comes off first."""

WRAPPERS = (
    Wrapper("bare", "lines without their stamps", BARE, peel_bare),
    Wrapper(
        "journal_json",
        "journalctl -o json",
        r'^(?:\x1e|data: )?\{.*"__REALTIME_TIMESTAMP" ?: ?"?[0-9]',
        peel_journal_json,
        literals=('"MESSAGE":[', '"MESSAGE": [', '"MESSAGE" : ['),
    ),
    Wrapper("journal_export", "journalctl -o export", r"^[A-Z_][A-Z0-9_]*=", None, keep_all=True, entries=export_lines),
    Wrapper("journal_verbose", "journalctl -o verbose", VERBOSE, None, keep_all=True, entries=verbose_lines),
    Wrapper("journal_pretty", "journalctl -o json-pretty", PRETTY, None, keep_all=True, entries=pretty_lines),
    Wrapper("docker_json", "Docker's json-file", DOCKER_JSON, peel_docker_json, keep_all=True, holds=_RECORDS),
    Wrapper("cri", "Kubernetes CRI", CRI, peel_cri, keep_all=True, holds=_RECORDS),
    Wrapper("docker_logs", "docker logs -t", DOCKER_LOGS, peel_docker_logs, holds=_RECORDS),
    Wrapper(
        "json_document",
        "an answer of Elasticsearch, Loki or CloudWatch in one line",
        DOCUMENT,
        None,
        keep_all=True,
        entries=document_lines,
    ),
    Wrapper(
        "json_export",
        "lines stored as JSON (Elastic, Loki, CloudWatch ...)",
        EXPORT,
        peel_export,
        keep_all=True,
        holds=ANY,
    ),
    Wrapper(
        "csv_export",
        "lines stored as CSV (Kibana, Graylog, Grafana ...)",
        CSV,
        peel_csv,
        keep_all=True,
        header=True,
        holds=ANY,
    ),
    Wrapper(
        "json_members",
        "lines stored in a JSON document (CloudWatch ...)",
        MEMBER,
        peel_member,
        keep_all=True,
        least=0.02,
    ),
    Wrapper(
        "json_fields",
        "records of a shipper (Vector, Fluent Bit, Logstash, rsyslog ...)",
        APART,
        peel_apart,
        keep_all=True,
    ),
    Wrapper(
        "csv_fields", "rows of time, host, tag and message (Graylog ...)", ROWS, peel_rows, keep_all=True, header=True
    ),
    Wrapper("compose", "docker compose logs", COMPOSE, peel_compose, holds=_RECORDS),
    *DATED,
    Wrapper("relayed", "lines with the header of another syslog daemon", RELAYED, peel_relayed),
    Wrapper(
        "pasted",
        "lines quoted in a mail, indented, found by grep, dated in another language",
        PASTED,
        peel_pasted,
        holds=ANY,
    ),
    Wrapper(
        "quoted",
        "a transcript quoted in a mail",
        QUOTED,
        peel_quoted,
        keep_all=True,
        least=0.9,
        min_lines=3,
        holds=ANY,
        nests=True,
    ),
    Wrapper("escaped", "lines escaped for a web page", ESCAPED, peel_escaped, keep_all=True),
    Wrapper(
        "inset", "lines with labels, another stamp or a number before them", INSET, peel_inset, header=True, holds=ANY
    ),
    Wrapper("tabbed", "lines whose blanks became tabs", TABBED, peel_tabbed, keep_all=True),
)
"""In this order where two fit equally many lines."""
