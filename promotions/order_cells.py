"""How uses of promotions are written in the back office's lists of carts and orders."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from catalog import pricing
from catalog.models import Product
from promotions.markup import anchor, link
from promotions.models import Code, Hold, Offer, Redemption, Strategy

KINDS = {"line": "", "shipping": _("Shipping"), "gift": _("Gift")}


def by(use: Hold | Redemption) -> str:
    """Say by what a strategy was used: a code, a personal offer, or itself."""
    if use.code:
        text = Code.objects.filter(id=use.code).values_list("text", flat=True).first()
        page = reverse("admin:promotions_code_changelist")
        return (
            anchor(f"{page}?{urlencode({'q': text})}", _("the code %s") % text)
            if text
            else str(_("a code that is gone"))
        )
    if use.offer:
        said = _("a personal offer")
        # Offers are computed again: a redemption may outlive its offer's row.
        there = Offer.objects.filter(id=use.offer).exists()
        return link("promotions_offer_change", use.offer, said) if there else str(said)
    return str(_("itself: it is automatic"))


def strategy(of: Strategy) -> SafeString:
    """Link a strategy's page."""
    said = f"{of.called}, {_('version')} {of.version}" if of.version > 1 else of.called
    return link("promotions_strategy_change", of.pk, said)


def money(amount: Decimal, currency: str) -> str:
    """Return an amount with its currency, in its coins; it is never broken."""
    return f"{pricing.rounded(amount, currency)}\N{NO-BREAK SPACE}{currency}"


def shortly(title: str) -> str:
    """Cut a long title for a list."""
    return Truncator(title).chars(40)


def product_names(skus: Iterable[str]) -> dict[str, str]:
    """Return what the catalogue calls products."""
    listed = Product.objects.filter(sku__in=set(skus) - {""})
    return dict(listed.values_list("sku", "name"))


def on(row: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Say what an adjustment is on: a product, shipping, a gift."""
    name = names.get(row["sku"], row["sku"])
    return ": ".join(str(one) for one in (KINDS[row["of"]], name) if one)
