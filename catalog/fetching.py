"""GET from a stranger's server: politely, and without being led to one of our own.

One request to a host at a time, a pause between two; robots rules (RFC 9309) are asked
first and obeyed; what has not changed is not sent again; redirects are judged like the
first address; neither time nor bytes are without limit. Nothing is unpacked: what comes
compressed was not asked for.
"""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from urllib.parse import SplitResult, urljoin, urlsplit

from protego import Protego

from analytics import outward

PATIENCE, DEADLINE = 10.0, 60.0
"""Seconds for each silence, and for a whole request."""
MOST_ROBOTS = 500 << 10
MOST_REDIRECTS = 3
LONGEST_PAUSE = 30.0
"""Seconds; a crawl-delay beyond it is kept by fetching one page a time alone."""
SLOW = "all of it together takes too long"
MOVED = (301, 302, 303, 307, 308)


class Unfetched(Exception):
    """It could not be fetched, and the message says why; later, in `retry_after` s."""

    def __init__(self, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server sent; names of headers in small letters."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    retry_after: int = 0


@dataclass(kw_only=True)
class Visitor:
    """Who asks, and what is known of the hosts that were asked in this run.

    `pause` is the least time between two requests to a host, in seconds; `private` lets
    addresses of our own networks be reached, without TLS as well. After `until`, by the
    monotonic clock, nothing is asked any more.
    """

    agent: str
    private: bool = False
    pause: float = 1.0
    most: int = 32 << 20
    until: float = inf
    _last: dict[str, float] = field(default_factory=dict)
    _robots: dict[str, Protego] = field(default_factory=dict)

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer, whatever its status, after at most three redirects.

        :raises Unfetched: robots rules forbid it, the address may not be reached, or no
            whole answer came in time.
        """
        asked = dict(headers)
        for _ in range(MOST_REDIRECTS + 1):
            self._may(url)
            answer = self._once(url, asked, self.most)
            onward = answer.headers.get("location")
            if answer.status not in MOVED or not onward:
                return answer
            moved = urljoin(url, onward)
            if _origin(urlsplit(moved)) != _origin(urlsplit(url)):
                # The token is for the host that it was set for.
                asked.pop("Authorization", None)
            url = moved
        raise Unfetched(f"more than {MOST_REDIRECTS} redirects")

    def _may(self, url: str) -> None:
        rules = self._rules(url)
        if not rules.can_fetch(url, self.agent):
            raise Unfetched("robots.txt forbids it")

    def _rules(self, url: str) -> Protego:
        """Return a host's rules: all is allowed where it has none.

        :raises Unfetched: it cannot say, so nothing may be fetched now.
        """
        origin = _origin(self._judged(url))
        if origin not in self._robots:
            answer = self._robots_file(f"{origin}/robots.txt")
            # RFC 9309: unreachable (here 429 too) forbids all, other 4xx forbid none.
            if answer.status >= 500 or answer.status == 429:
                raise Unfetched(
                    f"robots.txt: status {answer.status}",
                    retry_after=answer.retry_after,
                )
            good = answer.status < 300
            text = answer.body.decode(errors="replace") if good else ""
            # Python's robotparser takes the first match and knows no * in a path: it
            # would allow what is forbidden.
            self._robots[origin] = Protego.parse(text)
        return self._robots[origin]

    def _robots_file(self, url: str) -> Answer:
        for _ in range(MOST_REDIRECTS):
            answer = self._once(url, {}, MOST_ROBOTS)
            onward = answer.headers.get("location")
            if answer.status not in MOVED or not onward:
                return answer
            url = urljoin(url, onward)
        raise Unfetched("robots.txt: too many redirects")

    def _judged(self, url: str) -> SplitResult:
        if wrong := outward.fault(url, private=self.private):
            raise Unfetched(wrong)
        return urlsplit(url)

    def _once(self, url: str, headers: Mapping[str, str], most: int) -> Answer:
        parts = self._judged(url)
        self._wait(parts)
        try:
            # The judged address itself is connected to, not the name once more.
            address = outward.addresses(parts, private=self.private)[0]
            left = min(DEADLINE, self.until - time.monotonic())
            return _exchange(url, parts, address, self._said(headers), most, left)
        except (
            outward.Refused,
            OSError,
            http.client.HTTPException,
            UnicodeError,
        ) as error:
            told = f"{type(error).__name__}: {error}"[:500]
            late = time.monotonic() >= self.until
            raise Unfetched(SLOW if late else told) from error
        finally:
            # After a failure too: a host in trouble is left alone as well.
            self._last[_origin(parts)] = time.monotonic()

    def _said(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {"User-Agent": self.agent, "Accept-Encoding": "identity", **headers}

    def _wait(self, parts: SplitResult) -> None:
        origin = _origin(parts)
        rules = self._robots.get(origin)
        asked = rules.crawl_delay(self.agent) if rules else None
        # A host that was not asked yet has no rules here: its robots.txt is the first.
        pause = max(self.pause, min(float(asked or 0), LONGEST_PAUSE))
        now = time.monotonic()
        wait = max(0.0, self._last.get(origin, -inf) + pause - now)
        if now + wait >= self.until:
            raise Unfetched(SLOW)
        time.sleep(wait)


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}".lower()


def _exchange(
    url: str,
    parts: SplitResult,
    address: str,
    headers: Mapping[str, str],
    most: int,
    deadline: float,
) -> Answer:
    held = outward.linked(parts, address, patience=PATIENCE, deadline=deadline)
    with held as (link, over):
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        link.request("GET", path, headers=dict(headers))
        answer = link.getresponse()
        # One byte more shows that it is too long.
        body = answer.read(most + 1)
        if over.is_set():
            raise TimeoutError(f"no whole answer in {deadline:.3g} s")
        if len(body) > most:
            raise Unfetched(f"it is longer than {most >> 20} MiB")
        # What Content-Length promised and did not come: read(n) does not raise for
        # that.
        if answer.length:
            raise Unfetched(f"it was cut off {answer.length} bytes before its end")
        return Answer(
            url=url,
            status=answer.status,
            headers={name.lower(): text for name, text in answer.getheaders()},
            body=body,
            retry_after=outward.seconds(answer),
        )
