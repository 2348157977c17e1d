"""The catalogue in the back office: a mirror of the shop's feed, read only.

Rules of prices and of stock are set here. Of the market, matches can be taken back, and
sources are made and switched.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from analytics import clock, outward
from analytics.back_office import Acting, ReadOnly
from catalog import levels, match_reviews, pricing, review_admin, rulebook
from catalog.models import (
    CompetitorProduct,
    Match,
    Position,
    PricingRule,
    Product,
    Source,
    StockRule,
)

__all__ = ["review_admin"]
"""Registered elsewhere."""


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

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Lead to the page of a product's stock, for those who may see it."""
        if not request.user.has_perm("promotions.view_supply"):
            return self.list_display
        return [self.stands if c == "stock" else c for c in self.list_display]

    @admin.display(description=gettext_lazy("stock"), ordering="stock")
    def stands(self, product: Product) -> str:
        if product.stock is None:
            return "-"
        address = reverse("product_stock", args=[product.sku])
        return format_html('<a href="{}">{}</a>', address, product.stock)


@admin.register(StockRule)
class StockRuleAdmin(ModelAdmin):
    """How goods are kept in stock; who changes a rule is in the log."""

    list_display = ["__str__", *levels.FIELDS]
    ordering = ["category"]
    # Django's own deletion of many calls no delete_model: the log would not hear of it.
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


@admin.register(CompetitorProduct)
class CompetitorProductAdmin(ReadOnly):
    list_display = [
        *("name", "competitor", "brand", "size", money("price"), "currency"),
        *("available", "since", "seen_at"),
    ]
    list_filter = ["competitor", "available"]
    search_fields = ["name", "product", "gtin", "mpn"]
    ordering = ["competitor", "name"]
    show_full_result_count = False


@admin.register(Match)
class MatchAdmin(Acting):
    """Which of our products a competitor's is; a wrong one is taken back here."""

    list_display = ["product", "sku", "pill", "how", "chance", "by", "at"]
    list_filter = ["state", "how", "product__competitor"]
    search_fields = ["product__name", "product__product", "sku__sku", "sku__name"]
    list_select_related = ["product", "sku"]
    ordering = ["-at", "product"]
    show_full_result_count = False
    actions = ["none_of_ours", "look_again"]

    @display(  # type: ignore[untyped-decorator]
        description=_("State"),
        label={
            "automatic": "success",
            "confirmed": "success",
            "waiting": "warning",
            "rejected": "danger",
        },
        ordering="state",
    )
    def pill(self, match: Match) -> tuple[str, str]:
        return match.state, match.get_state_display()

    @admin.display(description=_("Likelihood"), ordering="likelihood")
    def chance(self, match: Match) -> str:
        return f"{100 * match.likelihood:.0f} %"

    @admin.action(description=_("The selected are none of ours"))
    def none_of_ours(self, request: HttpRequest, rows: QuerySet[Match]) -> None:
        for key in rows.values_list("product", flat=True):
            match_reviews.reject(key, by=request.user.get_username(), at=clock.now())

    @admin.action(description=_("Let a person look at the selected again"))
    def look_again(self, request: HttpRequest, rows: QuerySet[Match]) -> None:
        for key in rows.values_list("product", flat=True):
            match_reviews.reopen(key, by=request.user.get_username(), at=clock.now())


@admin.register(Position)
class PositionAdmin(ReadOnly):
    """All matched products with both prices; the page of the market has the top."""

    list_display = [
        *("product", "sku", "category", money("ours"), money("theirs"), "currency"),
        *("fresh", "undercut_since", "promotion_since"),
    ]
    list_filter = ["fresh", "product__competitor"]
    search_fields = ["sku__sku", "sku__name", "category"]
    list_select_related = ["product", "sku"]
    ordering = ["-undercut_since", "product"]
    show_full_result_count = False


class SourceForm(forms.ModelForm):
    """Where market data come from; an address of our own networks is refused."""

    adapter = forms.ChoiceField(label=_("Adapter"), widget=UnfoldAdminSelectWidget)
    token = forms.RegexField(
        "^MARKET_TOKEN_[A-Z0-9_]{1,40}$",
        label=_("Token"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "The environment variable that holds it: MARKET_TOKEN_…; MARKET_HOST_… "
            "names the hosts that it is for."
        ),
    )

    class Meta:
        model = Source
        fields = [
            *("name", "what", "adapter", "url", "options", "token"),
            *("every_minutes", "active"),
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = ["http", *settings.MARKET_ADAPTERS]
        chosen = self.fields["adapter"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101 - it is, above
        chosen.choices = [(name, name) for name in known]

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        if wrong := outward.fault(url, private=settings.MARKET_FROM_PRIVATE):
            raise ValidationError(gettext(wrong))
        return url

    def clean_options(self) -> dict[str, Any]:
        options = self.cleaned_data["options"] or {}
        if not isinstance(options, dict):
            raise ValidationError(_("An object, as in {}."))
        return options


STATES = {"taken": "success", "same": "success", "new": "info"}
STATES |= dict.fromkeys(("failed", "unusable"), "danger")


@admin.register(Source)
class SourceAdmin(Acting):
    """Market data that are pulled by schedule, and how that went last."""

    form = SourceForm
    list_display = [
        *("name", "what", "pill", "active", "fetched_at", "next_at", "failures"),
        "last",
    ]
    list_filter = ["state", "active", "what"]
    ordering = ["name"]
    actions = ["fetch_now", "switch_on", "switch_off", "forget"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("catalog.add_source"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("catalog.change_source"))

    @display(  # type: ignore[untyped-decorator]
        description=_("State"), label=STATES, ordering="state"
    )
    def pill(self, source: Source) -> tuple[str, str]:
        return source.state, source.get_state_display()

    @admin.display(description=_("Last error"))
    def last(self, source: Source) -> str:
        return source.error[:80]

    @admin.action(description=_("Fetch the selected with the next run"))
    def fetch_now(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        # By the wall's clock, as sources.run looks for what is due.
        rows.update(next_at=clock.wall(), active=True)
        messages.success(request, _("They are fetched within five minutes."))

    @admin.action(description=_("Switch on"))
    def switch_on(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        rows.update(active=True, failures=0, next_at=clock.wall())

    @admin.action(description=_("Switch off"))
    def switch_off(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        rows.update(active=False)

    @admin.action(description=_("Forget the source; what it brought stays"))
    def forget(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        if not request.user.has_perm("catalog.delete_source"):
            messages.error(request, _("You may not do this."))
            return
        rows.delete()


@admin.register(PricingRule)
class PricingRuleAdmin(ModelAdmin):
    """What prices may become; who changes a rule is in the log."""

    list_display = [
        *("__str__", "ending", "least_margin", "most_up", "most_down", "least_days"),
        *("families", "above_competitors"),
    ]
    ordering = ["category"]
    # As for rules of stock.
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
