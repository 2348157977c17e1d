"""The catalogue in the back office: a mirror of the shop's feed, read only."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy

from analytics.admin import ReadOnly
from catalog import pricing
from catalog.models import Product


def money(field: str) -> Callable[[Any], str]:
    """A column of amounts with their currency, and its decimals, not the table's."""

    @admin.display(description=gettext_lazy(field), ordering=field)
    def shown(row: Any) -> str:
        amount = getattr(row, field)
        if amount is None:
            return ""
        rounded = pricing.rounded(amount, row.currency)
        return f"{rounded}\N{NO-BREAK SPACE}{row.currency}"

    return shown


@admin.register(Product)
class ProductAdmin(ReadOnly):
    list_display = [
        *("sku", "name", "category", "brand"),
        *(money("price"), "stock", "updated_at"),
    ]
    list_filter = ["promotable", "department"]
    search_fields = ["sku", "name", "category"]
    ordering = ["sku"]
    show_full_result_count = False
    list_per_page = 50
