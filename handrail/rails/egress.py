"""Whom a tool may connect to: an allow-list, and a guard against addresses that lead back inside.

Guarantee: a name is resolved once, every address that it has is looked at, and the connection goes
to an address that was looked at: a name that answers differently the next time gains nothing.
Addresses of private networks are reached only where the list says so of that very entry, and
link-local ones, where clouds keep their credentials, never.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from handrail.contract.terms import DESTINATION, PORT_MAX, PRIVATE
from handrail.errors.egress import EgressInvalid, EgressRefused

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: Relays of 6to4, by which any address of version 6 could be meant; nobody runs them any more.
_RELAYS = ipaddress.ip_network("192.88.99.0/24")


@dataclass(frozen=True, slots=True)
class Entry:
    """One allowed address."""

    host: str  #: in small letters; below a wildcard, the domain
    port: int
    below: bool  #: whatever lies below the domain, not the domain itself
    private: bool  #: may lie in a private network

    def allows(self, host: str, port: int) -> bool:
        """Say whether an address is this one."""
        if port != self.port:
            return False
        return host.endswith(f".{self.host}") if self.below else host == self.host


@dataclass(frozen=True, slots=True)
class Egress:
    """An allow-list of addresses; an empty one allows none."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, written: Iterable[str]) -> "Egress":
        """Read a list as it is declared. Raises EgressInvalid."""
        return cls(tuple(_entry(one) for one in written))

    def __bool__(self) -> bool:
        """Whether anything is allowed."""
        return bool(self.entries)

    async def addresses(self, host: str, port: int, resolve: Resolve | None = None) -> list[str]:
        """Give the addresses to which a connection may go, the first one first.

        Raises EgressRefused; OSError when the name has no address.
        """
        name = canonical(host)
        allowed = [one for one in self.entries if one.allows(name, port)]
        if not allowed:
            raise EgressRefused(host=host, port=port, reason="it is on no list of this tool.")
        found = await (resolve or resolved)(name, port)
        if not found:
            raise OSError(f"{host} has no address")
        private = any(one.private for one in allowed)
        for text in found:
            if reason := forbidden(ipaddress.ip_address(text), private=private):
                raise EgressRefused(host=host, port=port, reason=f"{text} {reason}")
        return found


def canonical(host: str) -> str:
    """Give a host in the one form in which lists hold it."""
    return host.strip("[]").rstrip(".").lower()


def forbidden(address: Ip, *, private: bool) -> str | None:
    """Say why an address is not connected to; None when it may be."""
    address = _inner(address)
    if address.is_link_local:
        return "is link-local, where machines keep their own credentials."
    # Python counts ::1 as reserved too; it is this machine, as 127.0.0.1 is.
    reserved = address.is_reserved and not address.is_loopback
    if address.is_multicast or address.is_unspecified or reserved:
        return "is no address of one machine."
    if address in _RELAYS:
        return "is a relay, behind which any address may lie."
    if (_is_of_a_site(address) or not address.is_global) and not private:
        return "lies in a private network, and the list does not say `private:` of it."
    return None


def _is_of_a_site(address: Ip) -> bool:
    """Say whether it is in fec0::/10, private networks of old, which Python counts as global."""
    return isinstance(address, ipaddress.IPv6Address) and address.is_site_local


def _inner(address: Ip) -> Ip:
    """Give the address that one of version 6 only wraps."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    wrapped = address.ipv4_mapped or address.sixtofour
    if wrapped is None and address.teredo is not None:
        wrapped = address.teredo[1]
    if wrapped is None and address in _NAT64:
        wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return wrapped or address


async def resolved(host: str, port: int) -> list[str]:
    """Ask the system's resolver. Raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # of a part that is empty or too long, below a listed domain
        raise OSError(f"{host[:80]} is no name of a machine") from error
    return list(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found))


def _entry(written: str) -> Entry:
    private = written.startswith(PRIVATE)
    match = DESTINATION.fullmatch(written.removeprefix(PRIVATE))
    if match is None:
        raise EgressInvalid(entry=repr(written), reason="it is not written as HOST:PORT.")
    host, port = canonical(match[2]), int(match[3])
    if not 0 < port <= PORT_MAX:
        raise EgressInvalid(entry=repr(written), reason=f"{port} is no port.")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return Entry(host, port, below=match[1] is not None, private=private)
    if reason := forbidden(address, private=True):
        raise EgressInvalid(entry=repr(written), reason=f"it {reason}")
    # Who writes out the very address of a private machine has said that it is meant.
    return Entry(host, port, below=False, private=True)
