"""Docker, Compose and Kubernetes: the stamp, the stream and the name that they put before a line, or the JSON around it."""

from __future__ import annotations

import polars as pl

from smtplogs.unwrapping._texts import CLOCK, ISO_DATE, PRI, RFC3339, STAMP

_LINE = pl.col("line")

_ENVELOPE = (
    rf"(?:{PRI}(?:1 )?(?:dovecot: )?(?:[A-Z][a-z]{{2}} )?{STAMP}|@[0-9a-f]{{24}}|[0-9]{{9,11}}\.[0-9]{{6}}|\{{\")"
)
"""How the lines of mail software begin, of which the stamp of Docker is told."""

_STAMPED = rf"^(?P<outer>{RFC3339}) (?P<inner>{_ENVELOPE}.*)$"
DOCKER_LOGS = rf"{_STAMPED}|^{ISO_DATE}T{CLOCK}\.[0-9]{{9}}Z "
"""A line of `docker logs -t`: a stamp before another one, or one with nine digits."""

CRI = rf"^(?P<outer>{RFC3339}) (?P<stream>stdout|stderr) (?P<tag>[FP])(?::[^ ]*)?(?: (?P<inner>.*))?$"
"""A line of a container runtime of Kubernetes; P: more of it follows."""

DOCKER_JSON = r'^\{.*"stream" ?: ?"std(?:out|err)"'

_COLOURS = r"(?:\x1b\[[0-9;]*m)*"
COMPOSE = rf"^{_COLOURS}[0-9A-Za-z][0-9A-Za-z_.-]* +\|{_COLOURS} "
"""A line of `docker compose logs`: the name of the container and a bar, both in colour on a terminal."""


def peel_docker_logs(lines: pl.DataFrame) -> pl.DataFrame:
    """Take the stamp of Docker off; a line that has no stamp of its own keeps it."""
    return lines.select(_LINE.str.extract_groups(_STAMPED)).unnest("line")


def peel_compose(lines: pl.DataFrame) -> pl.DataFrame:
    """Take the name of the container off, and the stamp of Docker if there is one."""
    named = lines.select(_LINE.str.extract(rf"{COMPOSE}{_COLOURS}(.*)$"))
    return peel_docker_logs(named).with_columns(inner=pl.coalesce("inner", named["line"]))


def peel_cri(lines: pl.DataFrame) -> pl.DataFrame:
    """Take stamp, stream and tag off; pieces of one line are left to be joined."""
    parts = lines.select(_LINE.str.extract_groups(CRI)).unnest("line")
    return parts.select(
        pl.when(pl.col("tag").is_not_null()).then(pl.col("inner").fill_null("")).alias("inner"),
        "outer",
        "stream",
        open=(pl.col("tag") == "P").fill_null(False),
    )


def peel_docker_json(lines: pl.DataFrame) -> pl.DataFrame:
    """Take the line out of Docker's record; one that ends without a line break goes on in the next record."""
    fields = lines.select(_LINE.str.json_path_match(f"$.{key}").alias(key) for key in ("log", "stream", "time"))
    whole = pl.all_horizontal(pl.all().is_not_null()) & pl.col("stream").is_in(("stdout", "stderr"))
    whole = whole.fill_null(False)
    return fields.select(
        pl.when(whole).then(pl.col("log").str.strip_suffix("\n").str.strip_suffix("\r")).alias("inner"),
        pl.when(whole).then("time").alias("outer"),
        pl.when(whole).then("stream").alias("stream"),
        open=whole & ~pl.col("log").str.ends_with("\n"),
    )
