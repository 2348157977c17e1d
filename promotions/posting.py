"""Post a message to a stranger's address without being led to one of our own.

The name is looked up once, every address is judged, and the connection goes to the
judged one: a name that means something else a moment later changes nothing (DNS
rebinding). Redirects are not followed, little is read, and all of it has a deadline.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, Timer
from urllib.parse import SplitResult, urlsplit

PATIENCE = 5.0
"""Seconds for the connection, and for each silence of the receiver."""
DEADLINE = 15.0
"""Seconds for all of it."""
MOST_READ = 1024
TRANSLATED = [ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16")]
"""IPv6 networks whose addresses lead to an IPv4 one, which may be private."""


INSIDE = "The address leads to a private network."


class Refused(Exception):
    """The address is not one that messages may go to."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a post: the status, or what went wrong before there was one."""

    status: int | None = None
    error: str = ""
    retry_after: int = 0

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def fault(url: str, *, private: bool) -> str | None:
    """Say why no message can go to an address, if so; no name is looked up."""
    try:
        parts = urlsplit(url)
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


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> Answer:
    """Post, and wait for the status; nothing is raised."""
    try:
        if wrong := fault(url, private=private):
            raise Refused(wrong)
        parts = urlsplit(url)
        return _exchange(parts, _addresses(parts, private=private), body, headers)
    except (Refused, OSError, http.client.HTTPException, UnicodeError) as error:
        return Answer(error=f"{type(error).__name__}: {error}"[:500])


def allowed(address: str) -> bool:
    """Say whether an IP address is one of the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    if mapped is not None:
        ip = mapped
    if any(ip in network for network in TRANSLATED if network.version == ip.version):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


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


def _addresses(parts: SplitResult, *, private: bool) -> list[str]:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [str(row[4][0]) for row in found]
    if not private and not all(map(allowed, addresses)):
        raise Refused(INSIDE)
    return addresses


class _Here:
    """Connects to an address that was judged, whatever the name means by now."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(
        self, where: tuple[str, int], timeout: float, source: object = None
    ) -> socket.socket:
        return socket.create_connection((self.address, where[1]), PATIENCE)


def _exchange(
    parts: SplitResult,
    addresses: list[str],
    body: bytes,
    headers: Mapping[str, str],
) -> Answer:
    link = _link(parts, addresses[0])
    # A receiver that sends a byte at a time keeps each silence short: cut it off.
    over = Event()
    timer = Timer(DEADLINE, _cut, [link, over])
    timer.daemon = True
    timer.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        link.request("POST", path, body, dict(headers))
        answer = link.getresponse()
        answer.read(MOST_READ)
        if over.is_set():
            raise TimeoutError(f"no whole answer in {DEADLINE:g} s")
        return Answer(status=answer.status, retry_after=_seconds(answer))
    finally:
        timer.cancel()
        link.close()


def _link(parts: SplitResult, address: str) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    link: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        link = http.client.HTTPSConnection(
            host, parts.port, timeout=PATIENCE, context=context
        )
    else:
        link = http.client.HTTPConnection(host, parts.port, timeout=PATIENCE)
    link._create_connection = _Here(address)  # type: ignore[attr-defined]
    return link


def _cut(link: http.client.HTTPConnection, over: Event) -> None:
    over.set()
    if link.sock is not None:
        try:
            link.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _seconds(answer: http.client.HTTPResponse) -> int:
    said = answer.getheader("Retry-After", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 7 else 0
