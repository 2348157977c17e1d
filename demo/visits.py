"""One browser's visit to the demo shop, in Django's session: who it is, its cart.

A real shop has all this already. What is kept is what the shop itself needs; what was
done goes to the log by events.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

from django.http import HttpRequest

from demo import shoppers

MOST_LINES, MOST_UNITS, MOST_CODES, MOST_ORDERS = 60, 99, 5, 20
KEPT = "storefront"


@dataclass
class Visit:
    """Who shops, and what for; `orders` are what was ordered here, the newest first.

    `chat` is the conversation with the assistant.
    `carts` are what the others have in theirs, by slug: lines, codes and orders.
    """

    slug: str = shoppers.GUEST
    customer: str = ""
    visitor: str = field(default_factory=shoppers.new_visitor)
    lines: dict[str, int] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    chat: str = field(default_factory=lambda: str(uuid4()))
    carts: dict[str, Any] = field(default_factory=dict)

    @property
    def person(self) -> str:
        """The id by which the platform is asked: a customer's, else a visitor's."""
        return self.customer or self.visitor

    @property
    def units(self) -> int:
        return sum(self.lines.values())

    def put(self, sku: str, quantity: int) -> None:
        """Have so many units of a product in the cart; none takes it out."""
        if quantity <= 0:
            self.lines.pop(sku, None)
        elif sku in self.lines or len(self.lines) < MOST_LINES:
            self.lines[sku] = min(quantity, MOST_UNITS)

    def enter(self, code: str) -> None:
        """Add a code, as it was typed."""
        if code and code not in self.codes:
            # The oldest go: who tries many codes sees the last ones.
            self.codes = [*self.codes, code[:64]][-MOST_CODES:]

    def place(self, receipt: dict[str, Any]) -> None:
        """Keep an order's receipt, and begin a new cart."""
        self.orders = [receipt, *self.orders][:MOST_ORDERS]
        self.lines, self.codes = {}, []

    def ordered(self, id_: str) -> dict[str, Any] | None:
        """Return the receipt of an order that was placed here."""
        return next((one for one in self.orders if one["id"] == id_), None)

    def cart(self, sold: Collection[str]) -> dict[str, Any]:
        """Return the cart as the API takes it, of what is still sold.

        A guest is known by a hash alone.
        """
        lines = [
            {"sku": sku, "quantity": number}
            for sku, number in self.lines.items()
            if sku in sold
        ]
        person = {"customer": self.customer} if self.customer else {}
        return {
            "lines": lines,
            "codes": self.codes,
            "visitor": self.hashed,
            **person,
        }

    @property
    def hashed(self) -> str:
        """The visitor as a hash."""
        return sha256(self.visitor.encode()).hexdigest()[:32]

    def named(self) -> dict[str, str]:
        """Return whose an event is, as the envelope says it."""
        if self.customer:
            return {"customer": self.customer, "anonymous": self.visitor}
        return {"anonymous": self.visitor}


NAMES = frozenset(one.name for one in fields(Visit))
MINE = ("lines", "codes", "orders")


def read(request: HttpRequest) -> Visit:
    """Return the browser's visit; a new one begins as a guest's."""
    kept = request.session.get(KEPT)
    if kept is None:
        visit = Visit()
        keep(request, visit)
        return visit
    # A session may be older than this version of the shop.
    return Visit(**{name: kept[name] for name in kept.keys() & NAMES})


def keep(request: HttpRequest, visit: Visit) -> None:
    """Remember the visit."""
    request.session[KEPT] = asdict(visit)


def switched(slug: str, before: Visit) -> Visit:
    """Go on as somebody else, with their own cart, in a browser that nobody knows.

    Only who signs up keeps the guest's browser and cart: its past becomes the
    newcomer's, who is somebody new each time.
    """
    shopper = shoppers.named(slug)
    mine = {name: getattr(before, name) for name in MINE}
    carts = before.carts | {before.slug: mine}
    signs_up = shopper.slug == shoppers.NEWCOMER
    if signs_up and not before.customer:
        carts.pop(before.slug)
        return replace(
            before,
            slug=shopper.slug,
            customer=shoppers.new_customer(),
            carts=carts,
            chat=str(uuid4()),
        )
    # Whoever plays the newcomer is somebody new each time: no cart is theirs.
    carts.pop(shoppers.NEWCOMER, None)
    return Visit(
        slug=shopper.slug,
        customer=shoppers.new_customer() if signs_up else shopper.customer,
        **carts.pop(shopper.slug, {}),
        carts=carts,
    )
