"""When sources are fetched: due, one after the other by host, given up."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from catalog import adapters, sources
from catalog.adapters import Asked, Fetched
from catalog.fetching import Unfetched
from catalog.models import Feed
from tests.catalog.elsewhere import (
    AT,
    PRICES,
    Page,
    Shop,
    fetched,
    paged,
    shop,
    source,
    visitor,
)

__all__ = ["shop"]


@pytest.mark.django_db
def test_a_source_is_fetched_when_it_is_due_and_not_while_it_is_off(shop: Shop) -> None:
    shop.page("/prices.csv", PRICES)
    row = source(shop, active=False)
    assert sources.run(wall=lambda: AT) == 0

    sources.fetch_soon(row.pk, at=AT + timedelta(hours=1))
    assert sources.run(wall=lambda: AT) == 0
    assert sources.run(wall=lambda: AT + timedelta(hours=1)) == 1
    assert sources.run(wall=lambda: AT + timedelta(hours=2)) == 0


class Killed(BaseException):
    pass


class Dies:
    times: ClassVar[int] = 0

    def fetch(self, asked: Asked) -> Fetched | None:
        Dies.times += 1
        if Dies.times == 1:
            raise Killed
        assert asked.token == "Bearer s3cret"
        return Fetched(name="own", body=PRICES.encode())


@pytest.mark.django_db
def test_a_killed_fetch_is_done_again_by_an_adapter_of_ones_own(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MARKET_ADAPTERS = {"own": f"{__name__}.Dies"}
    monkeypatch.setenv("MARKET_TOKEN_RIVAL", "Bearer s3cret")
    monkeypatch.setenv("MARKET_HOST_RIVAL", f"127.0.0.1:{shop.server_port}")
    row = source(shop, adapter="own", token="MARKET_TOKEN_RIVAL")
    with pytest.raises(Killed):
        sources.run(wall=lambda: AT)
    row.refresh_from_db()
    assert row.state == "fetching"
    assert sources.run(wall=lambda: AT) == 0

    row = fetched(row, AT + sources.CLAIM)

    assert (row.state, Feed.objects.get().taken) == ("taken", 2)


@pytest.fixture
def second(shop: Shop) -> Iterator[Shop]:
    server = Shop()
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}
    )
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.django_db
def test_a_slow_source_holds_up_none_of_another_host(shop: Shop, second: Shop) -> None:
    given = threading.Event()
    slow_saw: list[bool] = []

    def slow(_: dict[str, str]) -> Page:
        # It answers only once the other was fetched: in turn, it never would.
        slow_saw.append(given.wait(8))
        return 200, {}, PRICES.encode()

    def quick(_: dict[str, str]) -> Page:
        given.set()
        return 200, {}, PRICES.encode()

    shop.pages["/slow.csv"], second.pages["/quick.csv"] = slow, quick
    first = source(shop, "/slow.csv", next_at=AT - timedelta(hours=1))
    other = source(second, "/quick.csv")

    assert sources.run(wall=lambda: AT) == 2

    assert slow_saw == [True]
    for row in (first, other):
        row.refresh_from_db()
        assert row.state == "taken"


@pytest.mark.django_db
def test_sources_of_one_host_are_fetched_one_after_the_other(shop: Shop) -> None:
    at_once, most = [0], [0]

    def page(_: dict[str, str]) -> Page:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        time.sleep(0.1)
        at_once[0] -= 1
        return 200, {}, PRICES.encode()

    for n in range(3):
        shop.pages[f"/{n}.csv"] = page
        source(shop, f"/{n}.csv")

    assert sources.run(wall=lambda: AT) == 3
    assert most == [1]


class Hangs:
    over: ClassVar[threading.Event] = threading.Event()

    def fetch(self, asked: Asked) -> Fetched | None:
        Hangs.over.wait(30)
        return None


@pytest.mark.django_db
def test_an_adapter_that_does_not_end_is_given_up(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MARKET_ADAPTERS = {"hangs": f"{__name__}.Hangs"}
    monkeypatch.setattr(sources, "EVERY", 0.01)
    row = source(shop, adapter="hangs")
    begun, times = time.monotonic(), iter([AT] * 3)

    sources.run(wall=lambda: next(times, AT + sources.CLAIM))
    Hangs.over.set()

    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "its adapter did not end")
    assert time.monotonic() - begun < 20


def test_all_pages_of_a_source_have_one_time_limit(shop: Shop) -> None:
    def page(_: dict[str, str]) -> Page:
        time.sleep(0.2)
        kind = {"Content-Type": "application/json"}
        return 200, kind, paged([{"id": "1"}], "/p").encode()

    shop.pages["/p"] = page
    asked = Asked(
        url=f"{shop.url}/p",
        options={"items": "items", "next": "next"},
        token="",
        cached={},
        visitor=visitor(until=time.monotonic() + 1),
    )
    with pytest.raises(Unfetched, match="too long"):
        adapters.HttpAdapter().fetch(asked)
    assert shop.paths.count("/p") <= 6
