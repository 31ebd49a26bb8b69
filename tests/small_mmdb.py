"""A database in MaxMind's format, small enough to write in a test (MaxMind DB file format specification, version 2)."""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def write_mmdb(path: Path, records: dict[str, dict[str, Any]], kind: str) -> Path:
    """Write network -> record; networks of IPv4 stand below ::/96, as in MaxMind's own files."""
    nodes: list[list[Any]] = [[None, None]]
    data = b""
    for text, record in records.items():
        network = ipaddress.ip_network(text)
        shift, length = (96, 32) if network.version == 4 else (0, 128)
        number = int(network.network_address)
        bits = [0] * shift + [number >> (length - 1 - i) & 1 for i in range(network.prefixlen)]
        at = 0
        for bit in bits[:-1]:
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][bits[-1]] = ("data", len(data))
        data += _value(record)
    n = len(nodes)
    tree = b"".join(_record(side, n).to_bytes(4, "big") for node in nodes for side in node)
    about = {
        "binary_format_major_version": (5, 2), "binary_format_minor_version": (5, 0), "build_epoch": (9, 1),
        "database_type": kind, "description": {"en": "test"}, "ip_version": (5, 6), "languages": ["en"],
        "node_count": (6, n), "record_size": (5, 32),
    }  # fmt: skip
    path.write_bytes(tree + b"\0" * 16 + data + b"\xab\xcd\xefMaxMind.com" + _value(about))
    return path


def _record(side: Any, n: int) -> int:
    if side is None:
        return n
    return n + 16 + side[1] if isinstance(side, tuple) else side


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return _head(2, len(value.encode())) + value.encode()
    if isinstance(value, float):
        return _head(3, 8) + struct.pack(">d", value)
    if isinstance(value, int):
        return _value((6, value))
    if isinstance(value, tuple):  # type and number
        body = value[1].to_bytes((value[1].bit_length() + 7) // 8, "big")
        return _head(value[0], len(body)) + body
    if isinstance(value, dict):
        return _head(7, len(value)) + b"".join(_value(k) + _value(v) for k, v in value.items())
    return _head(11, len(value)) + b"".join(_value(v) for v in value)


def _head(kind: int, size: int) -> bytes:
    assert size < 285
    low, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return bytes([kind << 5 | low]) + more if kind < 8 else bytes([low, kind - 7]) + more
