"""GET from a stranger's server: politely, and to no address of our own."""

import gzip
import time
from typing import Any

import pytest

from analytics import outward
from catalog import adapters, fetching
from catalog.adapters import Asked
from catalog.fetching import Unfetched, Visitor
from tests.catalog.elsewhere import Page, Shop, shop, visitor

__all__ = ["shop"]


def get(shop: Shop, path: str, **more: Any) -> fetching.Answer:
    return visitor(**more).get(f"{shop.url}{path}", {})


@pytest.mark.parametrize(
    ("rules", "path", "may"),
    [
        ("", "/prices", True),
        ("User-agent: *\nDisallow: /", "/prices", False),
        ("User-agent: *\nDisallow: /private\n", "/prices", True),
        ("User-agent: *\nDisallow: /*.csv$\n", "/prices.csv", False),
        ("User-agent: *\nDisallow: /\nAllow: /open/\n", "/open/prices", True),
        ("User-agent: Proffer\nDisallow: /\n\nUser-agent: *\nAllow: /\n", "/x", False),
        ("User-agent: Other\nDisallow: /\n", "/prices", True),
    ],
)
def test_robots_rules_are_obeyed(
    shop: Shop, rules: str, path: str, *, may: bool
) -> None:
    shop.page("/robots.txt", rules)
    shop.page(path, "x")

    if may:
        assert get(shop, path).body == b"x"
    else:
        with pytest.raises(Unfetched, match="robots"):
            get(shop, path)
        assert path not in shop.paths


@pytest.mark.parametrize("status", [429, 500, 503])
def test_where_robots_rules_cannot_be_read_nothing_is_fetched(
    shop: Shop, status: int
) -> None:
    shop.pages["/robots.txt"] = (status, {}, b"")
    shop.page("/prices", "x")

    with pytest.raises(Unfetched, match="robots"):
        get(shop, "/prices")
    assert shop.paths == ["/robots.txt"]


def test_there_is_a_pause_between_two_requests_and_a_crawl_delay_is_kept(
    shop: Shop,
) -> None:
    shop.page("/robots.txt", "User-agent: *\nCrawl-delay: 0.4\n")
    shop.page("/a", "x")
    one = visitor(pause=0.2)
    for _ in range(2):
        one.get(f"{shop.url}/a", {})

    times = [at for _, _, at in shop.asked]
    assert shop.paths == ["/robots.txt", "/a", "/a"]
    assert times[1] - times[0] >= 0.19
    assert times[2] - times[1] >= 0.39


def test_what_is_too_long_or_compressed_is_refused(shop: Shop) -> None:
    shop.page("/long", b"x" * 2000)
    shop.page("/packed", gzip.compress(b"x" * 10), Content_Encoding="gzip")

    with pytest.raises(Unfetched, match="longer"):
        get(shop, "/long", most=1000)
    asked = Asked(
        url=f"{shop.url}/packed", options={}, token="", cached={}, visitor=visitor()
    )
    with pytest.raises(Unfetched, match="compressed"):
        adapters.HttpAdapter().fetch(asked)


def test_a_server_that_drips_is_cut_off(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "DEADLINE", 0.6)

    def slow(_: dict[str, str]) -> Page:
        time.sleep(2)
        return 200, {}, b"late"

    shop.pages["/slow"] = slow
    begun = time.monotonic()
    with pytest.raises(Unfetched):
        get(shop, "/slow")
    assert time.monotonic() - begun < 1.9


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://[::1]/x",
        "file:///etc/passwd",
        "https://user:pass@example.com/x",
    ],
)
def test_addresses_of_our_own_networks_are_not_asked(url: str) -> None:
    with pytest.raises(Unfetched):
        Visitor(agent="Proffer", pause=0.0).get(url, {})


def test_a_redirect_is_judged_like_the_first_address(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shop's name is public, the place it sends us to is not."""
    shop.page("/inside", "secret")
    shop.pages["/away"] = (302, {"Location": "https://10.0.0.1/inside"}, b"")
    judged = outward.fault

    def fault(url: str, *, private: bool) -> str | None:
        return None if url.startswith(shop.url) else judged(url, private=private)

    monkeypatch.setattr(outward, "fault", fault)
    monkeypatch.setattr(outward, "allowed", lambda ip: ip == "127.0.0.1")

    with pytest.raises(Unfetched, match="private network"):
        visitor(private=False).get(f"{shop.url}/away", {})


def test_redirects_are_followed_a_few_times_without_secrets_for_strangers(
    shop: Shop,
) -> None:
    other = f"http://localhost:{shop.server_port}"
    shop.pages["/a"] = (302, {"Location": "/b"}, b"")
    shop.pages["/b"] = (301, {"Location": f"{other}/c"}, b"")
    shop.page("/c", "here")
    shop.pages["/loop"] = (302, {"Location": "/loop"}, b"")

    answer = visitor().get(f"{shop.url}/a", {"Authorization": "Bearer x"})

    assert answer.body == b"here"
    sent = {path: headers.get("authorization") for path, headers, _ in shop.asked}
    assert (sent["/a"], sent["/b"], sent["/c"]) == ("Bearer x", "Bearer x", None)
    with pytest.raises(Unfetched, match="redirects"):
        get(shop, "/loop")
