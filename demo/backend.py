"""The demo shop's server as a client of the public API: what needs a secret key.

Browsers may report events and read offers by the publishable key in the page. To price
a cart, to redeem and to ask what a person may want takes a secret one, which stays
here. Both are made of SECRET_KEY, so that all web processes have the same without a
file; an operator may revoke them like any other, and then the shop is closed.
"""

import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import translation

from analytics import access
from demo.clients import Refused, Within
from demo.visits import Visit

SECRET = ("events", "offers", "recommendations", "carts")
NAME = "demo storefront"
CHAT = ("demo storefront, chat", ("questions",))


def publishable_key() -> str:
    """Return the key that stands in the pages."""
    return _key(NAME + ", page", sorted(access.PUBLIC), publishable=True)


def recommended(visit: Visit, *, most: int) -> list[dict[str, Any]]:
    """Return products for a person, best first, with reasons."""
    query = [("limit", most), *(("cart", sku) for sku in visit.lines)]
    path = f"customers/{quote(visit.person, safe='')}/recommendations"
    return list(_call("GET", f"{path}?{urlencode(query)}")["products"])


def together(skus: Sequence[str], *, most: int) -> list[str]:
    """Return skus that are bought in the same orders."""
    query = urlencode([("limit", most), *(("sku", sku) for sku in skus)])
    return _skus(_call("GET", f"products/together?{query}"))


def similar(sku: str, *, most: int) -> list[str]:
    """Return skus that could stand in for one."""
    return _skus(
        _call("GET", f"products/similar?{urlencode({'sku': sku, 'limit': most})}")
    )


def search(words: str, *, most: int) -> tuple[list[str], dict[str, str]]:
    """Return skus that words find, and how misspelt ones were read.

    Asked by the browser's key, which may.
    """
    path = f"search?{urlencode({'q': words, 'limit': most})}"
    with translation.override(translation.get_language()):
        answer = _client(publishable_key()).call("GET", path, None)
    return _skus(answer), dict(answer["spelt"])


def offers(visit: Visit) -> list[dict[str, Any]]:
    """Return a person's offers; the cart's page says by them what is missing."""
    path = f"customers/{quote(visit.person, safe='')}/offers"
    return list(_call("GET", path)["offers"])


def promotions() -> list[dict[str, Any]]:
    """Return what applies by itself."""
    return list(_call("GET", "promotions")["promotions"])


def qualify(cart: dict[str, Any]) -> dict[str, Any]:
    """Price a cart; nothing is recorded."""
    return dict(_call("POST", "qualifications", cart))


def redeem(order: dict[str, Any]) -> dict[str, Any]:
    """Use what applies to an order; sent again, it is used once.

    :raises demo.clients.Refused: not at this price, or not any more.
    """
    key = {"Idempotency-Key": str(order["order_id"])}
    return dict(_call("POST", "redemptions", order, headers=key))


def roll_back(redemption: str) -> None:
    """Take a redemption back, whole; sent again, or taken back before, it is done."""
    key = {"Idempotency-Key": f"cancelled-{redemption}"}
    try:
        _call("POST", f"redemptions/{redemption}/rollback", {}, headers=key)
    except Refused as refused:
        if refused.code != "already_rolled_back":
            raise


def ask(visit: Visit, text: str, cart: dict[str, Any] | None) -> dict[str, Any]:
    """Ask the assistant for a person, who is signed in here or a guest.

    :raises demo.clients.Refused: too much was asked, or too long a text.
    """
    body = {"conversation": visit.chat, "text": text, "visitor": visit.hashed}
    person = {"customer": visit.customer} if visit.customer else {}
    # A question says itself whose it is: its cart with a customer is refused.
    cart = cart and {k: v for k, v in cart.items() if k not in ("customer", "visitor")}
    return dict(_call("POST", "questions", body | person | {"cart": cart}, of=CHAT))


def conversation(visit: Visit) -> list[dict[str, Any]]:
    """Return what was asked and answered so far; a person's answers too."""
    query = urlencode({"customer": visit.customer} if visit.customer else {})
    path = f"conversations/{visit.chat}?{query}"
    try:
        return list(_call("GET", path, of=CHAT)["questions"])
    except Refused as refused:
        if refused.status != 404:
            raise
        return []


def report(visit: Visit, kind: str, data: dict[str, Any], *, message: str) -> None:
    """Report what only a server should: orders and who signed up."""
    event = {"id": message, "type": kind, "data": data, **visit.named()}
    _call("POST", "events", {"events": [event]})


def _skus(answer: dict[str, Any]) -> list[str]:
    return [one["sku"] for one in answer["products"]]


def _call(
    method: str,
    path: str,
    body: object = None,
    *,
    of: tuple[str, Sequence[str]] = (NAME, SECRET),
    headers: Mapping[str, str] | None = None,
) -> Any:
    key = _key(*of, publishable=False)
    # The API answers in English, and would leave that behind for our page.
    with translation.override(translation.get_language()):
        return _client(key).call(method, path, body, **(headers or {}))


@cache
def _client(key: str) -> Within:
    return Within(key)


def _key(name: str, scopes: Sequence[str], *, publishable: bool) -> str:
    """Return the key of a name, made when it is first asked for."""
    secret = hmac.digest(settings.SECRET_KEY.encode(), name.encode(), "sha256").hex()
    key = f"{'pk' if publishable else 'sk'}_{secret}"
    if access.find(key) is None:
        # Another process made it meanwhile, or an operator has revoked it.
        with suppress(IntegrityError), transaction.atomic():
            access.create_key(name, scopes, publishable=publishable, secret=secret)
    return key
