"""Post a message to a stranger's address without being led to one of our own.

How addresses are judged: analytics.outward. Redirects are not followed, little is read,
and all of it has a deadline.
"""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from analytics import outward

PATIENCE = 5.0
"""Seconds for the connection, and for each silence of the receiver."""
DEADLINE = 15.0
"""Seconds for all of it."""
MOST_READ = 1024


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a post: the status, or what went wrong before there was one."""

    status: int | None = None
    error: str = ""
    retry_after: int = 0

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> Answer:
    """Post, and wait for the status; nothing is raised."""
    try:
        if wrong := outward.fault(url, private=private):
            raise outward.Refused(wrong)
        parts = urlsplit(url)
        # All were judged, and the link goes to this one: a name that is looked up a
        # second time may mean something else by then (DNS rebinding).
        address = outward.addresses(parts, private=private)[0]
        return _exchange(parts, address, body, headers)
    except (outward.Refused, OSError, http.client.HTTPException, UnicodeError) as error:
        return Answer(error=f"{type(error).__name__}: {error}"[:500])


def _exchange(
    parts: SplitResult, address: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    held = outward.linked(parts, address, patience=PATIENCE, deadline=DEADLINE)
    with held as (link, over):
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        link.request("POST", path, body, dict(headers))
        answer = link.getresponse()
        answer.read(MOST_READ)
        # The deadline has cut the link: what was read may be half an answer.
        if over.is_set():
            raise TimeoutError(f"no whole answer in {DEADLINE:g} s")
        return Answer(status=answer.status, retry_after=outward.seconds(answer))
