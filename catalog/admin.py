"""The catalogue in the back office: a mirror of the shop's feed, and stock rules."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from analytics import clock
from analytics.admin import ReadOnly
from catalog import levels, pricing, rulebook
from catalog.models import PricingRule, Product, StockRule


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
    """How goods are kept in stock; who changes a rule is in the log."""

    list_display = ["__str__", *levels.FIELDS]
    ordering = ["category"]
    actions = None

    def save_model(
        self,
        request: HttpRequest,
        obj: StockRule,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        levels.set_rule(obj, by=request.user.get_username(), at=clock.now())

    def delete_model(self, request: HttpRequest, obj: StockRule) -> None:
        levels.drop_rule(obj, by=request.user.get_username(), at=clock.now())


@admin.register(PricingRule)
class PricingRuleAdmin(ModelAdmin):
    """What prices may become; who changes a rule is in the log."""

    list_display = [
        *("__str__", "ending", "least_margin", "most_up", "most_down", "least_days"),
        *("families", "above_competitors"),
    ]
    ordering = ["category"]
    actions = None

    def save_model(
        self,
        request: HttpRequest,
        obj: PricingRule,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        rulebook.set_rule(obj, by=request.user.get_username(), at=clock.now())

    def delete_model(self, request: HttpRequest, obj: PricingRule) -> None:
        rulebook.drop_rule(obj, by=request.user.get_username(), at=clock.now())
