"""The catalogue in the back office: a mirror of the shop's feed, and stock rules."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from analytics.admin import ReadOnly
from catalog import pricing
from catalog.models import Product, StockRule


def money(field: str) -> Callable[[Any], str]:
    """A column of amounts with the decimals of the row's currency, not the table's."""

    @admin.display(description=gettext_lazy(field), ordering=field)
    def shown(row: Any) -> str:
        amount = getattr(row, field)
        return "" if amount is None else str(pricing.rounded(amount, row.currency))

    return shown


@admin.register(Product)
class ProductAdmin(ReadOnly):
    list_display = [
        *("sku", "name", "category", "brand"),
        *(money("price"), "currency", "stock", "updated_at"),
    ]
    list_filter = ["promotable", "department"]
    search_fields = ["sku", "name", "category"]
    ordering = ["sku"]
    show_full_result_count = False
    list_per_page = 50


@admin.register(StockRule)
class StockRuleAdmin(ModelAdmin):
    """How goods are kept in stock: for a category, or for all without a rule."""

    list_display = [
        *("__str__", "service_level", "target_days", "over_days", "review_days"),
        *("lead_days", "clear_days", "deepest", "steps", "holding"),
    ]
    ordering = ["category"]
