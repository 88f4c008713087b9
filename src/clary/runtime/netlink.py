"""The few words of rtnetlink that a network of namespaces takes; `ip` may not be installed."""

from __future__ import annotations

import os
import socket
import struct

_REQUEST, _ACK, _CREATE, _EXCLUSIVE = 1, 4, 0x400, 0x200
_NEW_LINK, _NEW_ADDRESS, _ERROR = 16, 20, 2
_IFLA_IFNAME, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 3, 10, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_UP = 1


def add_bridge(name: str) -> None:
    """Make a bridge in this network namespace."""
    info = _attribute(_INFO_KIND, b"bridge\0")
    _ask(_NEW_LINK, _CREATE | _EXCLUSIVE, _link() + _name(name) + _attribute(_IFLA_LINKINFO, info))


def add_pair(name: str, bridge: str, peer: str, namespace: int) -> None:
    """Make a cable whose one end is at a bridge here and the other in another namespace."""
    end = _link() + _name(peer) + _attribute(_IFLA_NET_NS_FD, struct.pack("=I", namespace))
    info = _attribute(_INFO_KIND, b"veth\0") + _attribute(_INFO_DATA, _attribute(_VETH_PEER, end))
    master = _attribute(_IFLA_MASTER, struct.pack("=I", socket.if_nametoindex(bridge)))
    body = _link() + _name(name) + master + _attribute(_IFLA_LINKINFO, info)
    _ask(_NEW_LINK, _CREATE | _EXCLUSIVE, body)


def add_address(name: str, address: str, bits: int) -> None:
    """Give an interface of this namespace an address."""
    packed = socket.inet_aton(address)
    head = struct.pack("=BBBBI", socket.AF_INET, bits, 0, 0, socket.if_nametoindex(name))
    body = head + _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    _ask(_NEW_ADDRESS, _CREATE | _EXCLUSIVE, body)


def bring_up(name: str) -> None:
    """Let an interface of this namespace carry traffic."""
    _ask(_NEW_LINK, 0, _link(socket.if_nametoindex(name), up=True))


def _link(index: int = 0, *, up: bool = False) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, _UP * up, _UP * up)


def _name(name: str) -> bytes:
    return _attribute(_IFLA_IFNAME, name.encode() + b"\0")


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def _ask(kind: int, flags: int, body: bytes) -> None:
    """Send one request to the kernel; its refusal is an OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.bind((0, 0))
        kernel.send(struct.pack("=IHHII", len(body) + 16, kind, flags | _REQUEST | _ACK, 1, 0) + body)
        answer = kernel.recv(1 << 16)
        if struct.unpack_from("=H", answer, 4)[0] == _ERROR:
            code = -struct.unpack_from("=i", answer, 16)[0]
            if code:
                raise OSError(code, os.strerror(code))
