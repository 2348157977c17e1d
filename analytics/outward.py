"""Reach a stranger's address without being led to one of our own.

The name is looked up once, every address is judged, and the connection goes to the
judged one: a name that means something else a moment later changes nothing (DNS
rebinding). All of an exchange has a deadline.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Timer
from urllib.parse import SplitResult, urlsplit

TRANSLATED = [ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16")]
"""IPv6 networks whose addresses lead to an IPv4 one, which may be private."""


INSIDE = "The address leads to a private network."


class Refused(Exception):
    """The address is not one that may be reached."""


def fault(url: str, *, private: bool) -> str | None:
    """Say why an address may not be reached, if so; no name is looked up."""
    try:
        parts = urlsplit(url)
        # Reading it raises ValueError where the port is no number.
        _ = parts.port
    except ValueError:
        return "This is not an address."
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        return "The address begins with https://."
    if not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        return "This is not an address."
    if parts.username is not None or parts.password is not None:
        return "The address has no name and password in it."
    return None if private or not _inside(parts.hostname) else INSIDE


def allowed(address: str) -> bool:
    """Say whether an IP address is one of the public internet."""
    # Without the zone of fe80::1%eth0.
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    if mapped is not None:
        ip = mapped
    if any(ip in network for network in TRANSLATED if network.version == ip.version):
        return False
    # To Python's ipaddress, multicast is global.
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def addresses(parts: SplitResult, *, private: bool) -> list[str]:
    """Look the host up.

    :raises Refused: one of its addresses is not of the public internet.
    """
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    known = [str(row[4][0]) for row in found]
    # All of them, whichever is taken.
    if not private and not all(map(allowed, known)):
        raise Refused(INSIDE)
    return known


@contextmanager
def linked(
    parts: SplitResult, address: str, *, patience: float, deadline: float
) -> Iterator[tuple[http.client.HTTPConnection, Event]]:
    """Give a connection to an address that was judged, cut off at the deadline.

    The event is set once it was: a receiver that sends a byte at a time keeps each
    silence short. `patience` is for the connection, and for each silence; in seconds.
    """
    link, over = _link(parts, address, patience), Event()
    timer = Timer(deadline, _cut, [link, over])
    timer.daemon = True
    timer.start()
    try:
        yield link, over
    finally:
        timer.cancel()
        link.close()


def _inside(host: str) -> bool:
    """Say whether a host is a private address in itself, however it is written.

    The resolver reads 2130706433 and 0x7f.1 as 127.0.0.1, so it is asked.
    """
    name = host.partition("%")[0].rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761
        return True
    try:
        found = socket.getaddrinfo(name, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return not all(allowed(str(row[4][0])) for row in found)


class _Here:
    """Connects to an address that was judged, whatever the name means by now."""

    def __init__(self, address: str, patience: float) -> None:
        self.address, self.patience = address, patience

    def __call__(
        self, where: tuple[str, int], timeout: float, source: object = None
    ) -> socket.socket:
        return socket.create_connection((self.address, where[1]), self.patience)


def _link(
    parts: SplitResult, address: str, patience: float
) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    link: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        link = http.client.HTTPSConnection(
            host, parts.port, timeout=patience, context=context
        )
    else:
        link = http.client.HTTPConnection(host, parts.port, timeout=patience)
    # http.client's own hook: the certificate is still checked for the URL's name.
    link._create_connection = _Here(address, patience)  # type: ignore[attr-defined]
    return link


def _cut(link: http.client.HTTPConnection, over: Event) -> None:
    over.set()
    if link.sock is not None:
        try:
            # close() would not wake the thread that reads from it.
            link.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def seconds(answer: http.client.HTTPResponse) -> int:
    """Return for how long the receiver asks to be left alone; 0 if it does not."""
    said = answer.getheader("Retry-After", "")
    # isdigit alone takes ² and other scripts' digits.
    return int(said) if said.isascii() and said.isdigit() and len(said) < 7 else 0
