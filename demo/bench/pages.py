"""Every page of the back office on the loaded data: p95, beside a bare view's.

The server runs as always, with one address more: a view that does nothing behind the
same middleware. `pages` finds the addresses, for the tests too.
"""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import (
    NoReverseMatch,
    URLPattern,
    URLResolver,
    get_resolver,
    include,
    path,
    reverse,
)

from analytics.models import Assignment, Customer
from catalog.models import Feed, Product
from config import processes
from config.sessions import SessionStore
from demo.bench.table import Row, limit, show, shown
from promotions.models import HelpText, Question, Strategy

TIMES, WARM, SLOWEST = 20, 2, 12
MOST_MS = 300.0
BARE = "/bare"
NOT_PAGES = {
    *("logout", "jsi18n", "autocomplete", "view_on_site", "search", "set_language"),
    *("promotions_strategy_names", "promotions_strategy_decide"),
    *("promotions_strategy_backtest", "promotions_codebatch_export"),
    "ml_trainingrun_retrain",
    *("analytics_customer_export", "analytics_customer_erase"),
    *("calendar_ics", "feed_ics", "subscribe", "unsubscribe"),
    *("connect_newest", "feed_errors", "replay_alike", "export_table"),
}
"""Addresses that answer no page of their own: posts, files, parts of pages."""


def bare(request: HttpRequest) -> HttpResponse:
    """Do nothing, behind all the middleware."""
    return HttpResponse("ok")


urlpatterns = [path(BARE[1:], bare), path("", include("config.urls"))]


def run() -> None:
    """Measure every page as an operator who may see all of them."""
    with _operator() as (user, cookie), _server() as port:
        request = HttpRequest()
        request.user = user
        found = dict(pages(request))
        asked = _asker(port, cookie)
        least = _p95(asked, BARE)
        measured = {name: _p95(asked, address) for name, address in found.items()}
    show("Pages of the back office", list(_rows(measured, least)))


def _rows(measured: dict[str, float | None], least: float | None) -> Iterator[Row]:
    yield shown("a bare view, p95", f"{least or 0:.1f} ms")
    told = {name: ms for name, ms in measured.items() if ms is not None}
    yield shown("pages measured", str(len(told)))
    for name, ms in sorted(told.items(), key=lambda one: -one[1])[:SLOWEST]:
        yield limit(f"{name.removeprefix('admin:')}, p95 in ms", ms, MOST_MS)


def _p95(asked: Callable[[str], float | None], address: str) -> float | None:
    """Return the 95th percentile in ms; None for what answers no page."""
    taken = [asked(address) for _ in range(WARM + TIMES)]
    known = sorted(ms for ms in taken[WARM:] if ms is not None)
    # Of twenty the nineteenth.
    return known[int(0.95 * len(known)) - 1] if known else None


def _asker(port: int, cookie: str) -> Callable[[str], float | None]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def asked(address: str) -> float | None:
        started = time.perf_counter()
        connection.request("GET", address, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        return 1000 * (time.perf_counter() - started) if answer.status == 200 else None

    return asked


@contextmanager
def _operator() -> Iterator[tuple[User, str]]:
    """Sign an operator in who goes when all is measured."""
    user = User.objects.create_superuser(f"bench-{secrets.token_hex(4)}")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    try:
        yield user, f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
    finally:
        session.delete()
        user.delete()


@contextmanager
def _server() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = subprocess.Popen(  # noqa: S603
        processes.commands("127.0.0.1", port)["web"],
        # The operator of the bench has no telephone.
        env=os.environ | {"ROOT_URLCONF": __name__, "SECOND_FACTOR": "optional"},
        start_new_session=True,
    )
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError("the web server does not start")


def pages(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """Yield every page that the request's user may open, as (name, address)."""
    yield from _own()
    for model, of in admin.site._registry.items():
        here = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield f"{here}_changelist", reverse(f"{here}_changelist")
        if of.has_add_permission(request):
            yield f"{here}_add", reverse(f"{here}_add")
        row = model._default_manager.order_by("pk").first()
        if row and of.has_view_or_change_permission(request, row):
            key = [quote(row.pk)]
            yield f"{here}_change", reverse(f"{here}_change", args=key)
            yield f"{here}_history", reverse(f"{here}_history", args=key)
            if of.has_delete_permission(request, row):
                yield f"{here}_delete", reverse(f"{here}_delete", args=key)


def _own() -> Iterator[tuple[str, str]]:
    """Yield the pages that are of no table, or of one row of their own making."""
    for name in sorted(set(_names()) - _of_tables() - NOT_PAGES):
        if (at := address(name)) is not None:
            yield name, at
    for state in Strategy.State.values:
        if row := Strategy.objects.filter(state=state).first():
            here = "admin:promotions_strategy_change"
            yield f"{here} {state}", reverse(here, args=[row.pk])
    yield "docs", reverse("docs")


def address(name: str) -> str | None:
    """Return a page's address, of some row if it needs one; None if there is no row.

    :raises NoReverseMatch: nothing is known that it could be of; add it to KEYS.
    """
    keys = [key() for begins, key in KEYS.items() if name.startswith(begins)]
    for space in ("", "admin:"):
        for args in ([], *([key] for key in keys or _of_strategies(name))):
            with suppress(NoReverseMatch):
                return reverse(f"{space}{name}", args=args)
    if None in keys:
        return None
    raise NoReverseMatch(f"demo/bench/pages.py knows no row for the page {name}")


def _first(rows: QuerySet[Any], field: str = "pk") -> Any:
    return rows.order_by("pk").values_list(field, flat=True).first()


KEYS: dict[str, Callable[[], object]] = {
    "analytics_customer": lambda: _first(Customer.objects.all()),
    "customer_": lambda: _first(Customer.objects.all()),
    "decision_page": lambda: _first(
        Assignment.objects.exclude(offer=None), field="offer"
    ),
    "question": lambda: _first(Question.objects.all()),
    "promotions_helptext": lambda: _first(HelpText.objects.all()),
    "feed": lambda: _first(Feed.objects.all()),
    "app_list": lambda: "promotions",
    "market_product": lambda: _first(Product.objects.all()),
    "product_stock": lambda: _first(Product.objects.all()),
    "auth_user": lambda: _first(User.objects.all()),
}
"""By how a page's name begins: whose key it takes; all others are of strategies."""


def _of_strategies(name: str) -> Iterator[object]:
    if strategy := Strategy.objects.exclude(state="proposed").first():
        yield strategy.campaign_id if "campaign" in name else strategy.pk


def _of_tables() -> set[str]:
    kinds = ("changelist", "add", "change", "history", "delete")
    tables = [model._meta for model in admin.site._registry]
    return {f"{t.app_label}_{t.model_name}_{k}" for t in tables for k in kinds}


def _names() -> Iterator[str]:
    """Yield the names of all addresses under /admin/."""
    for pattern in get_resolver().url_patterns:
        if str(pattern.pattern).startswith("admin/"):
            yield from _named(pattern)


def _named(pattern: URLPattern | URLResolver) -> Iterator[str]:
    if isinstance(pattern, URLResolver):
        for inner in pattern.url_patterns:
            yield from _named(inner)
    elif pattern.name:
        yield pattern.name
