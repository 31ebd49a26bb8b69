"""share: the same findings under other names, and no original in any byte that is handed on."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

import polars as pl
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

import smtplogs as sl
from commands import exit_code
from hand_made import events as made
from smtplogs import cli, reporting, sharing
from smtplogs.errors import MissingColumns
from smtplogs.pseudonyms import Names, scrambled
from smtplogs.schema import COVERAGE, EVENTS, TRAFFIC

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"a key of the case, long enough"
SAMPLES = (
    "postfix/lockout",
    "postfix/outbound-relay",
    "exim/smarthost",
    "mdaemon/wrong-password",
    "sendmail/office",
    "bans/cut-off",
)

QUICK = ("postfix/outbound-relay", "exim/smarthost", "mdaemon/wrong-password", "bans/cut-off")
"""Those of the quick run; the log of the dataset below is postfix/lockout."""
NAMED = (
    "user",
    "client_ip",
    "client_name",
    "helo",
    "host",
    "sender",
    "queue_id",
    "server_ip",
    "relay_host",
    "session",
    "source",
)


def identifiers(events: pl.DataFrame) -> set[str]:
    """Return what names somebody or something; not what names nobody, nor a word of our own vocabulary."""
    found = {text for c in NAMED for text in events[c].drop_nulls()}
    found |= {part for text in found for part in text.replace("\\", "@").split("@")}
    found |= {place.rpartition(":")[0] for place in events["also"].explode().drop_nulls()}
    ours = {"localhost", "127.0.0.1", "::1", "scan"} | sharing.vocabulary()  # our own sentences speak of a scan
    return {
        text for text in found
        if len(text) > 3 and text.lower() not in ours and not text.startswith("[redacted") and not sharing._public(text)
    }  # fmt: skip


def same(found: pl.DataFrame) -> list[tuple]:
    """Return what two tables of findings must have in common."""
    columns = (
        "detector",
        "kind",
        "status",
        "severity",
        "subject_kind",
        "n_events",
        "cause",
        "start",
        "end",
        "confidence",
    )
    return sorted(found.select(columns).rows(), key=str)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in SAMPLES])
def test_the_findings_are_the_same_and_no_original_is_in_a_byte(name: str, tmp_path: Path) -> None:
    tables = sl.read(sl.sample(name), full=True)
    shared = tuple(sl.share(t, key=KEY) for t in tables)

    assert [t.schema for t in shared] == [t.schema for t in tables]
    assert [t.height for t in shared] == [t.height for t in tables]
    found, plain = (sl.findings(e, coverage=c, traffic=t) for e, c, t in (shared, tables))
    assert same(found) == same(plain)
    said = "\n".join(t.write_json() for t in (*shared, found))
    assert [text for text in identifiers(tables[0]) if text in said] == []
    assert KEY.decode() not in said
    for column in NAMED:  # renamed one to one
        assert shared[0][column].n_unique() == tables[0][column].n_unique(), column
        assert shared[0][column].null_count() == tables[0][column].null_count()


@pytest.mark.parametrize("ending", ["html", pytest.param("md", marks=pytest.mark.slow)])
def test_a_report_that_is_safe_to_share(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # under one key in a hundred a network stands for itself, and one of its addresses for another one
    monkeypatch.setattr(reporting.secrets, "token_bytes", lambda n: b"k" * n)
    paths = [str(p) for p in sl.sample("postfix/lockout")]
    with pytest.raises(SystemExit) as end:
        cli.main(["report", *paths, "-o", str(tmp_path / f"r.{ending}"), "--share-safe"])
    page = (tmp_path / f"r.{ending}").read_text()
    events = sl.read(paths)
    found = sl.findings(events)
    plain = sl.report(events, tmp_path / f"plain.{ending}", findings=found).read_text()
    page = re.sub("(?s)<style.*?</style>", "", page)
    original = identifiers(events)

    assert end.value.code == 0
    # a short name stands inside of words of ours (vera in several): there only whole words count
    assert [
        text for text in original if text in page and (len(text) > 5 or re.search(rf"\b{re.escape(text)}\b", page))
    ] == []
    assert [text for text in original if text in plain]
    with pytest.raises(ValueError, match="findings name the originals"):
        sl.report(events, tmp_path / "x.md", share_safe=True, findings=found)


def test_the_command_makes_a_key_and_uses_it_again(tmp_path: Path) -> None:
    paths = [str(p) for p in sl.sample("mdaemon/wrong-password")]
    key = tmp_path / "case.key"
    shared = []
    for name in ("a", "b", "c"):
        out = tmp_path / f"{name}.parquet"
        with pytest.raises(SystemExit) as end:
            cli.main(["share", *paths, "-o", str(out), *(["--key", str(key)] if name != "c" else []), "--shift=-7d"])
        assert end.value.code == 0
        shared.append(pl.read_parquet(out))
    events = sl.read(paths)

    assert shared[0].equals(shared[1])
    assert set(shared[0]["user"].drop_nulls()).isdisjoint(shared[2]["user"].drop_nulls())
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes() not in (tmp_path / "a.parquet").read_bytes()
    assert (events["time"].dt.offset_by("-7d") == shared[0]["time"]).all()
    assert sl.lockouts(sl.load(tmp_path / "a.parquet").collect()).height == sl.lockouts(events).height


def named_in(text: str, original: set[str]) -> list[str]:
    """Return the originals that stand in a text; short ones count as whole words, since ours hold some of them."""
    original = original - {"root"}  # the folder of these tests is of that name, and so is the first word of Parquet
    return [t for t in original if t in text and (len(t) > 5 or re.search(rf"\b{re.escape(t)}\b", text))]


@pytest.fixture(scope="module")
def shared_dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, Path, Path]:
    """Logs of two servers as a dataset, and what `share` makes of it: events, the dataset, the copy."""
    folder = tmp_path_factory.mktemp("case")
    paths = [p for name in ("postfix/lockout", "exim/smarthost") for p in sl.sample(name)]
    sl.parse(paths, folder / "set", workers=1)
    (folder / "case.key").write_bytes(KEY)  # a key of its own may let a network stand for itself
    (folder / "case.key").chmod(0o600)
    assert (
        exit_code("share", folder / "set", "-o", folder / "copy.parquet", "--key", folder / "case.key", "--shift=-14d")
        == 0
    )
    return sl.load(folder / "set").collect(), folder / "set", folder / "copy.parquet"


@pytest.fixture(scope="module")
def originals(shared_dataset: tuple[pl.DataFrame, Path, Path]) -> set[str]:
    """What no copy may name."""
    return identifiers(shared_dataset[0])


def test_the_copy_of_a_dataset_loads_and_gives_the_same_findings(
    shared_dataset: tuple[pl.DataFrame, Path, Path],
) -> None:
    events, _, copy = shared_dataset
    shared = sl.load(copy).collect()
    columns = ("detector", "kind", "status", "severity", "subject_kind", "n_events", "cause", "confidence")
    before, after = (sl.findings(t).with_columns(pl.col("start", "end").dt.epoch()) for t in (events, shared))
    shift = 14 * 86_400_000_000

    assert shared.schema == events.schema
    assert shared.height == events.height
    assert sorted(before.select(columns).rows(), key=str) == sorted(after.select(columns).rows(), key=str)
    for end in ("start", "end"):
        assert sorted(before[end].drop_nulls() - shift) == sorted(after[end].drop_nulls())
    for column in NAMED:
        assert shared[column].n_unique() == events[column].n_unique(), column


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_no_original_is_in_a_byte_of_the_copy_of_a_dataset(
    shared_dataset: tuple[pl.DataFrame, Path, Path], originals: set[str], tmp_path: Path, ending: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sharing.secrets, "token_bytes", lambda n: KEY[:n])
    _, dataset, _ = shared_dataset
    out = tmp_path / f"copy.{ending}"
    exit_code("share", dataset, "-o", out)
    frame = pl.read_parquet(out).write_json() if ending == "parquet" else ""
    text = out.read_bytes().decode("latin-1") + frame

    assert named_in(text, originals) == []
    assert (dataset / ".key").read_bytes() not in out.read_bytes()  # the key of its own pseudonyms
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    "command",
    ["triage", "findings", "lockouts", "summary", "sessions", "evidence", "exposure", "read", "coverage", "report"],
)
def test_commands_on_the_copy_name_no_original(
    shared_dataset: tuple[pl.DataFrame, Path, Path], originals: set[str], tmp_path: Path, command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    _, _, copy = shared_dataset
    more = ["-o", tmp_path / "r.html"] if command == "report" else []
    code = exit_code(command, copy, *more)
    said = "".join(capsys.readouterr())
    page = re.sub("(?s)<style.*?</style>", "", (tmp_path / "r.html").read_text()) if more else ""

    assert code in (0, 1, 2)
    assert said
    assert command == "coverage" or code != 2, said
    assert named_in(said + page, originals) == []


def test_every_column_of_every_table_is_decided() -> None:
    decided = sharing.AS_IS | sharing.DROPPED | sharing._LATE | set(sharing._ways(Names(KEY)))

    assert set(EVENTS) | set(COVERAGE) | set(TRAFFIC) == decided


def test_what_is_no_table_or_no_key_is_refused() -> None:
    with pytest.raises(MissingColumns):
        sl.share(pl.DataFrame({"x": [1]}))
    with pytest.raises(ValueError, match="16 bytes"):
        sl.share(sl.read(sl.sample("mdaemon/wrong-password")), key="short")


def test_columns_that_are_not_ours_are_left_out() -> None:
    table = made([(0, "ann@example.com", "192.0.2.1", "failure")]).with_columns(note_of_mine=pl.lit("Ann Example"))

    assert "note_of_mine" not in sl.share(table).columns


def test_names_in_replies_are_replaced_the_words_stay() -> None:
    told = "5.7.8 Error: <ann@example.com> on mx7.example.net [203.0.113.9] ann: authentication failed a640c23a62f3a-ab676si1"
    table = made(
        [(0, "ann@example.com", "203.0.113.9", "failure", {"detail": told, "host": "mx7.example.net", "raw": told})]
    )
    row = sl.share(table, key=KEY).row(0, named=True)

    assert row["raw"] is None
    assert row["detail"].startswith(f"5.7.8 Error: <{row['user']}> on {row['host']} [{row['client_ip']}] ")
    assert ": authentication failed x" in row["detail"]
    assert not [t for t in ("ann", "example", "203.0.113", "a640c23a62f3a") if t in row["detail"]]


# --- logins


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("ann@example.com", "bob@example.com", "domain"),
        ("ann@example.com", "ann@example.net", "local"),
        ("x@mail.example.com", "y@example.com", "ending"),
    ],
)
def test_local_part_and_domain_are_apart(a: str, b: str, equal: str) -> None:
    names = Names(KEY)
    one, two = names.user(a), names.user(b)

    assert (one.split("@")[0] == two.split("@")[0]) is (equal == "local")
    assert (one.split("@")[1] == two.split("@")[1]) is (equal == "domain")
    assert one.endswith(two.split("@")[1]) is (equal in ("domain", "ending"))
    assert names.user("ann").split("@")[0] == names.user("ann@example.com").split("@")[0]


@pytest.mark.parametrize(
    "text", [" ann", "ann ", "Ann", "ANN", "ann", "a b", "ann+x@example.com", "CORP\\ann", "@", "a@b@c", "é", "apikey"]
)
def test_the_form_of_a_login_stays(text: str) -> None:
    shown = Names(KEY).user(text)

    for sign in (" ", "@", "+", "\\"):
        assert (sign in shown) is (sign in text)
    assert (shown.startswith(" "), shown.endswith(" ")) == (text.startswith(" "), text.endswith(" "))
    assert (shown.lower() == shown, shown.upper() == shown) == (text.lower() == text, text.upper() == text)
    assert Names(KEY).user(text.swapcase()).lower() == shown.lower()


def test_the_shapes_of_a_relays_logins_stay() -> None:
    from smtplogs.detect._signs import SHAPES, shape_of

    logins = [
        "apikey", "AKIAIOSFODNN7EXAMPLE", "SMTP_Injection", "postmaster@mg.example.com", "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f",
        "0123456789abcdef0123456789abcdef", "x1@smtp-brevo.com", "resend",
    ]  # fmt: skip
    shared = [Names(KEY).user(text) for text in logins]
    shapes = [
        pl.DataFrame({"u": u}).select(shape_of(pl.col("u")))["u" if False else "literal"].to_list()
        for u in (logins, shared)
    ]

    assert shapes[0] == shapes[1] == [relay for relay, _ in SHAPES]


# --- addresses


def test_the_published_vectors_of_crypto_pan() -> None:
    """The sample of the authors' own package: their key, with AES as the block function."""
    key = bytes(
        (21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
         216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2)
    )  # fmt: skip
    aes = Cipher(algorithms.AES(key[:16]), modes.ECB()).encryptor()
    vectors = {
        "128.11.68.132": "135.242.180.132", "129.118.74.4": "134.136.186.123", "130.132.252.244": "133.68.164.234",
        "141.223.7.43": "141.167.8.160", "141.233.145.108": "141.129.237.235", "152.163.225.39": "151.140.114.167",
        "156.29.3.236": "147.225.12.42", "165.247.96.84": "162.9.99.234", "166.107.77.190": "160.132.178.185",
        "192.102.249.13": "252.138.62.131",
    }  # fmt: skip
    pad = aes.update(key[16:])
    found = {a: scrambled(int(ipaddress.ip_address(a)), 32, pad, aes.update, lambda _: False) for a in vectors}

    assert {a: str(ipaddress.ip_address(n)) for a, n in found.items()} == vectors


ADDRESSES = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)


def common(a: str, b: str) -> int:
    """Return how many leading bits two addresses share."""
    one, two = ipaddress.ip_address(a), ipaddress.ip_address(b)
    return one.max_prefixlen - (int(one) ^ int(two)).bit_length()


@given(
    st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)) | st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6)),
    st.integers(0, 128),
)
def test_addresses_share_as_many_leading_bits_as_before(pair: tuple, n: int) -> None:
    a = pair[0]
    mask = (1 << max(0, a.max_prefixlen - n)) - 1
    b = type(a)((int(a) & ~mask) | (int(pair[1]) & mask))  # related, not strangers only
    names = Names(KEY)
    as_it_is = {"127.0.0.1", "0.0.0.0", "::1", "::"}
    if {str(a), str(b)} & as_it_is or a == b:
        assert names.address(str(a)) != "" and (a != b or names.address(str(a)) == names.address(str(b)))  # noqa: PT018
        return

    assert common(names.address(str(a)), names.address(str(b))) == common(str(a), str(b))


@given(ADDRESSES)
def test_private_stays_private_and_public_public(text: str) -> None:
    from smtplogs._addresses import is_private

    shown = pl.DataFrame({"ip": [text, Names(KEY).address(text)]}).select(is_private(pl.col("ip")))["ip"]

    assert shown[0] == shown[1]


def test_another_key_gives_other_names() -> None:
    a, b = Names(KEY), Names(b"another key, which is long enough too")

    assert a.user("ann@example.com") != b.user("ann@example.com")
    assert a.address("192.0.2.1") != b.address("192.0.2.1")
    assert a.host("[192.0.2.1]") == f"[{a.address('192.0.2.1')}]"
