"""Adapters: how market data are pulled. The protocol, and one for CSV or JSON by HTTP.

Write your own as a class with `fetch`, and name it in MARKET_ADAPTERS (docs/market.md):
it returns a file as somebody would upload it, so that rows are checked in one place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast
from urllib.parse import urljoin

import msgspec
from django.conf import settings

from catalog.fetching import Answer, Unfetched, Visitor

MOST_PAGES = 200
BUILT_IN = {"http": "catalog.adapters.HttpAdapter"}
PACKED = "it came compressed, which was not asked for"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to fetch: an address, the source's options, and what came with the last one.

    `token` is a secret that is sent as Authorization, if there is one: to this address'
    host and no other. `visitor` makes requests politely; use it for all of them.
    """

    url: str
    options: Mapping[str, Any]
    token: str
    cached: Mapping[str, str]
    visitor: Visitor


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A file: CSV, JSON Lines, XLSX or Parquet; `cached` is given back next time."""

    name: str
    body: bytes
    cached: dict[str, str] = field(default_factory=dict)


class Adapter(Protocol):
    """Something that pulls market data."""

    def fetch(self, asked: Asked) -> Fetched | None:
        """Return what there is; None if nothing is new.

        :raises catalog.fetching.Unfetched: it failed; the message is shown to people.
        """


class UnknownAdapter(Exception):
    """No adapter has this name."""


def named(name: str) -> Adapter:
    """Return the adapter of that name.

    :raises UnknownAdapter: MARKET_ADAPTERS has none.
    """
    path = (BUILT_IN | settings.MARKET_ADAPTERS).get(name, "")
    module, _, kind = path.rpartition(".")
    try:
        return cast(Adapter, getattr(import_module(module), kind)())
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownAdapter(f"There is no adapter {name!r}: {error}") from error


class HttpAdapter:
    """GET a file. CSV and JSON Lines as they are; JSON becomes JSON Lines.

    Options: `items`, where the JSON has its rows, as "data.items" (a list of objects,
    or an object of lists, one a column); `next`, where the next page's address is.
    """

    def fetch(self, asked: Asked) -> Fetched | None:
        # The first page says nothing of whether those after it changed.
        paged = bool(asked.options.get("next"))
        answer = self._get(asked, asked.url, {} if paged else _conditions(asked.cached))
        if answer.status == 304:
            return None
        cached = {
            name: answer.headers[name]
            for name in ("etag", "last-modified")
            if name in answer.headers and not paged
        }
        body = answer.body
        if _is_json(answer):
            body = b"\n".join(map(msgspec.json.encode, self._rows(asked, answer)))
        return Fetched(name=asked.url, body=body, cached=cached)

    def _get(self, asked: Asked, url: str, headers: Mapping[str, str]) -> Answer:
        mine = asked.token and _host(url) == _host(asked.url)
        secret = {"Authorization": asked.token} if mine else {}
        answer = asked.visitor.get(url, {**headers, **secret})
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise Unfetched(PACKED)
        if answer.status not in (200, 304):
            raise Unfetched(f"status {answer.status}", retry_after=answer.retry_after)
        return answer

    def _rows(self, asked: Asked, answer: Answer) -> Iterator[dict[str, Any]]:
        size, hosts = 0, {_host(asked.url), _host(answer.url)}
        for _ in range(MOST_PAGES):
            # All pages together become one file.
            size += len(answer.body)
            if size > asked.visitor.most:
                raise Unfetched("its pages are too long together")
            page = _decoded(answer.body)
            yield from _items(page, str(asked.options.get("items", "")))
            onward = _at(page, str(asked.options.get("next", "")), None)
            if not onward or not asked.options.get("next"):
                return
            url = urljoin(answer.url, str(onward))
            # The server's own words name it: they must not lead to another one.
            if _host(url) not in hosts:
                raise Unfetched("its next page is on another host")
            answer = self._get(asked, url, {})
        raise Unfetched(f"it has more than {MOST_PAGES} pages")


def _host(url: str) -> str:
    # With its scheme: what is sent by https must not follow a link to http.
    return "/".join(url.split("/", 3)[:3]).lower()


def _conditions(cached: Mapping[str, str]) -> dict[str, str]:
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {names[name]: text for name, text in cached.items() if name in names}


def _is_json(answer: Answer) -> bool:
    """Say whether it is one JSON document, not lines of them."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("application/jsonl", "application/x-ndjson", "text/csv"):
        return False
    begin = answer.body.lstrip()[:1]
    # A line of JSON Lines begins with { as well: then its type has to say JSON.
    return begin == b"[" or (begin == b"{" and kind.endswith("json"))


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unfetched(f"it is not JSON: {error}") from error


def _at(page: Any, path: str, otherwise: Any) -> Any:
    for name in path.split(".") if path else ():
        if not isinstance(page, dict) or name not in page:
            return otherwise
        page = page[name]
    return page


def _items(page: Any, path: str) -> Iterator[dict[str, Any]]:
    found = _at(page, path, None)
    if isinstance(found, dict):
        yield from _columns(found)
        return
    if not isinstance(found, list):
        raise Unfetched(f"the JSON has no rows at {path or 'its top'!r}")
    for one in found:
        if not isinstance(one, dict):
            raise Unfetched("a row of the JSON is no object")
        yield _flat(one)


def _columns(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Read columns as rows, as weather services send days."""
    lists: list[Sequence[Any]] = [v for v in found.values() if isinstance(v, list)]
    if not lists or len({*map(len, lists)}) > 1 or len(lists) < len(found):
        raise Unfetched("the JSON has columns of different lengths, or no rows")
    for values in zip(*lists, strict=True):
        yield dict(zip(found, values, strict=True))


def _flat(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with the members of its objects as "price.amount"."""
    flat: dict[str, Any] = {}
    for name, value in one.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": told for inner, told in value.items()}
        else:
            flat[name] = value
    return {name: v for name, v in flat.items() if not isinstance(v, (dict, list))}
