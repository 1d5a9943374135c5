"""Where the service connects to on its own: public addresses only, whatever name they hide behind.

An address that somebody else chose could lead inside: to a database, to the metadata service of a cloud, to this very
process. So every form of it is refused that is not plain https to a public host, and a name is looked up once for each
connection, which then goes to that very address: what a name leads to may change between a look and a connect.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from urllib.parse import urlsplit

LONGEST_ADDRESS = 2048
LOOKUP_SECONDS = 5.0
HTTPS = 443
FIRST_FREE_PORT = 1024  # below it other services listen, which could be made to read a request as their own
HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")  # a last label by which a name is an address in disguise

# what the registries of IANA do not call globally reachable, or only with another meaning than one receiver's address
DENIED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # a cloud's own service, at an address that looks public
    )
)  # fmt: skip
GLOBAL_V6 = IPv6Network("2000::/3")  # all else is local, mapped, translated, or not given out
DENIED_V6 = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)  # fmt: skip
HERE = "localhost"  # the one name without a dot, which leads to this machine
LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]

_RESOLVERS = ThreadPoolExecutor(32, "resolving")  # of their own, so that a slow name holds up nothing else


class Refused(Exception):
    """The service does not connect there; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unresolved(Exception):
    """The name leads nowhere now."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return the host as a request names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": HTTPS, "http": 80}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return every address of a name; raises Unresolved where there is none."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await loop.run_in_executor(_RESOLVERS, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a timeout is one of them
        raise Unresolved from None
    return [str(item[4][0]) for item in found]


@dataclass(frozen=True, slots=True)
class Egress:
    """The guard: `loopback` lets through this machine itself, over plain http too, for tests and demos.

    `authorities` are certificates to trust instead of the public ones, for receivers inside a house's own network of
    trust; their addresses must be public all the same.
    """

    loopback: bool = False
    authorities: Path | None = None
    look_up: Lookup = field(default=look_up, repr=False)

    def target(self, address: str) -> Target:
        """Return an address taken apart; raises Refused for one that is not plain https to a host by its name."""
        target = _taken_apart(address)
        literal = _parsed(target.host)
        inside = self.loopback and (target.host == HERE if literal is None else _within(literal, LOOPBACK))
        if target.scheme != "https" and not inside:
            raise Refused("not-https")
        if (literal is not None and not self.lets_through(literal)) or (target.host == HERE and not inside):
            raise Refused("not-public")
        if target.port != HTTPS and target.port < FIRST_FREE_PORT:
            raise Refused("port-refused")
        return target

    async def addresses(self, target: Target) -> Sequence[str]:
        """Return where to connect for a target; raises Refused if any of its addresses is not public."""
        found = await self.look_up(target.host, target.port)
        if not found:
            raise Unresolved
        if not all(self.lets_through(_parsed(address)) for address in found):
            raise Refused("not-public")
        return list(dict.fromkeys(found))

    def lets_through(self, address: IPv4Address | IPv6Address | None) -> bool:
        """Tell whether to connect to an address."""
        if address is None or getattr(address, "scope_id", None) is not None:
            return False
        if self.loopback and _within(address, LOOPBACK):
            return True
        if isinstance(address, IPv4Address):
            return not _within(address, DENIED_V4)
        return address in GLOBAL_V6 and not _within(address, DENIED_V6)


def _within(address: IPv4Address | IPv6Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _taken_apart(address: str) -> Target:
    if len(address) > LONGEST_ADDRESS or not address.isascii() or not address.isprintable() or " " in address:
        raise Refused("bad-address")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("bad-address") from None
    if parts.scheme not in ("https", "http") or "\\" in address or not host or port == 0:
        raise Refused("bad-address")
    if "@" in parts.netloc or "#" in address:
        raise Refused("bad-address")
    if _parsed(host) is None and host != HERE and not _is_name(host):
        raise Refused("bad-address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or {"https": HTTPS, "http": 80}[parts.scheme], path)


def _is_name(host: str) -> bool:
    """Tell whether a host is a full name and not a number in one of the forms that a resolver takes for an address."""
    return HOST.fullmatch(host) is not None and NUMERIC.fullmatch(host.rsplit(".", 1)[-1]) is None


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is; None if it is a name."""
    try:
        return ip_address(address)
    except ValueError:
        return None
