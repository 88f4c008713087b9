"""Where the hosts of one job find each other; docs/adr/0013 says why it is done this way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from clary.runtime.spec import RunSpec

MOST_HOSTS = 64
SHARED, OWN = "lo", "eth0"


def addresses(spec: RunSpec) -> Mapping[str, str]:
    """Return the address of each host: one each on this machine's loopback, the same in every look."""
    if not spec.gang:
        return dict.fromkeys((spec.host, *spec.hosts), "127.0.0.1")
    if not spec.network:
        return {host: f"10.0.0.{number}" for number, host in enumerate(spec.hosts, 1)}
    digest = hashlib.sha256("\0".join(spec.gang).encode()).digest()
    net = f"127.{64 + digest[0] % 64}.{digest[1]}"
    return {host: f"{net}.{number}" for number, host in enumerate(spec.hosts, 1)}


def interface(*, hosts: int, network: bool) -> str:
    """Name the interface through which a host reaches the others."""
    return OWN if hosts > 1 and not network else SHARED
