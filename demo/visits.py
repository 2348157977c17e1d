"""One browser's visit to the demo shop, in Django's session: who it is, its cart.

A real shop has all this already. What is kept is what the shop itself needs; what was
done goes to the log by events.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

from django.http import HttpRequest

from demo import shoppers

MOST_LINES, MOST_UNITS, MOST_CODES = 60, 99, 5
KEPT = "storefront"


@dataclass
class Visit:
    """Who shops, and what for; `order` is the last one, as the thanks page shows it.

    `chat` is the conversation with the assistant.
    `carts` are what the others have in theirs, by slug: lines and codes.
    """

    slug: str = shoppers.GUEST
    customer: str = ""
    visitor: str = field(default_factory=shoppers.new_visitor)
    lines: dict[str, int] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)
    order: dict[str, Any] | None = None
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


def read(request: HttpRequest) -> Visit:
    """Return the browser's visit; a new one begins as a guest's."""
    kept = request.session.get(KEPT)
    if kept is None:
        visit = Visit()
        keep(request, visit)
        return visit
    return Visit(**kept)


def keep(request: HttpRequest, visit: Visit) -> None:
    """Remember the visit."""
    request.session[KEPT] = asdict(visit)


def switched(slug: str, before: Visit) -> Visit:
    """Go on as somebody else, with their own cart, in a browser that nobody knows.

    Only who signs up keeps the guest's browser and cart: its past becomes the
    newcomer's, who is somebody new each time.
    """
    shopper = shoppers.named(slug)
    carts = before.carts | {before.slug: {"lines": before.lines, "codes": before.codes}}
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
