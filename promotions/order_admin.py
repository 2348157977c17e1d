"""What carts hold, and what orders have used, in the back office."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from analytics import clock, identity
from analytics.back_office import Acting, ReadOnly
from analytics.models import Customer
from promotions import holds
from promotions.markup import anchor, link, once, table
from promotions.models import Redemption, Reservation
from promotions.order_cells import by, money, on, product_names, shortly, strategy

STATES = {"held": "warning", "redeemed": "success"}


class OfCustomers(ReadOnly):
    """A table whose rows are of customers: their names, and a search by them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read the names with the rows."""
        people = Customer.objects.filter(key=OuterRef("customer"))
        name = people.values_list(Coalesce("external_id", "anonymous_id"))
        rows = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(name=Subquery(name[:1]))
        return named

    @admin.display(description=_("Customer"), ordering="name")
    def who(self, row: Any) -> str:
        if row.customer is None:
            return str(_("a guest, or erased"))
        if row.name is None:
            return str(row.customer)
        return link("analytics_customer_change", row.customer, row.name)


@admin.register(Reservation)
class ReservationAdmin(OfCustomers, Acting):
    """What carts hold; those who may change reservations can give it back."""

    list_display = ["pill", "who", "titles", "amount", "reserved_at", "expires_at"]
    list_filter = ["state"]
    list_filter_submit = False
    ordering = ["-reserved_at"]
    # Only for the search box to be there: get_search_results looks by itself.
    search_fields = ["id"]
    search_help_text = _("A whole order id, a customer's id or key, a reservation's id")
    # Django would count the whole table for it, with each search.
    show_full_result_count = False
    actions = ["release"]
    fields = ["became", "who", "amount", "reserved_at", "expires_at", "order", "held"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reservation]:
        return super().get_queryset(request).prefetch_related("holds__strategy")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reservation], search_term: str
    ) -> tuple[QuerySet[Reservation], bool]:
        """Find what an order redeemed, what a customer holds, or one by its id."""
        if not search_term:
            return queryset, False
        ids = [*uuid(search_term), *holds.of_order(search_term)]
        wanted = Q(id__in=ids) | Q(customer__in=people(search_term))
        return queryset.filter(wanted), False

    @display(  # type: ignore[untyped-decorator]
        description=_("State"), label=STATES, ordering="state"
    )
    def pill(self, reservation: Reservation) -> tuple[str, str]:
        return reservation.state, reservation.get_state_display()

    @admin.display(description=_("State"))
    def became(self, reservation: Reservation) -> str:
        return reservation.get_state_display()

    @admin.display(description=_("Strategies"))
    def titles(self, reservation: Reservation) -> str:
        """Tell the first: on a phone a row of the list is two lines high."""
        titles = [hold.strategy.called for hold in reservation.holds.all()]
        more = f" + {len(titles) - 1}" if len(titles) > 1 else ""
        return shortly(titles[0]) + more if titles else ""

    @admin.display(description=_("Amount"))
    def amount(self, reservation: Reservation) -> str:
        held = sum((hold.discount for hold in reservation.holds.all()), Decimal(0))
        return money(held, reservation.currency)

    @admin.display(description=_("Order"))
    @once
    def order(self, reservation: Reservation) -> str:
        found = holds.order(reservation)
        if not found:
            return str(_("none"))
        page = reverse("admin:promotions_redemption_changelist")
        return anchor(f"{page}?{urlencode({'q': found})}", found)

    @admin.display(description=_("What it holds"))
    @once
    def held(self, reservation: Reservation) -> SafeString:
        held = list(reservation.holds.all())
        names = product_names(row["sku"] for hold in held for row in hold.adjustments)
        head = [_("Strategy"), _("Amount"), _("By"), _("Gives"), _("On")]
        rows = [
            (
                strategy(hold.strategy),
                money(hold.discount, reservation.currency),
                by(hold),
                hold.strategy.words(hold.variant),
                ", ".join(on(row, names) for row in hold.adjustments),
            )
            for hold in held
        ]
        return table(head, rows)

    @admin.action(
        description=_("Release: give back what they hold"), permissions=["change"]
    )
    def release(self, request: HttpRequest, rows: QuerySet[Reservation]) -> None:
        gone = 0
        for row in rows:
            try:
                holds.release(row.id, at=clock.now())
            except holds.ReservationGone:
                gone += 1
        if gone:
            told = _("Redeemed, so not released: %s.")
            messages.warning(request, told % gone)
        messages.success(request, _("Released: %s.") % (len(rows) - gone))


@admin.register(Redemption)
class RedemptionAdmin(OfCustomers):
    """What orders have used, with names, and what was taken back."""

    list_display = [
        *("order_id", "who", "title", "given", "taken_back", "redeemed_at"),
    ]
    ordering = ["-redeemed_at"]
    list_select_related = ["strategy__campaign"]
    # Only for the search box to be there: get_search_results looks by itself.
    search_fields = ["order_id"]
    search_help_text = _("A whole order id, a customer's id or key, a redemption's id")
    show_full_result_count = False
    fields = [
        *("order_id", "who", "strategy_link", "campaign", "used_by", "gives"),
        *("given", "taken_back", "redeemed_at", "rows", "returns", "api_id"),
    ]
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Redemption], search_term: str
    ) -> tuple[QuerySet[Redemption], bool]:
        """Find an order by its id, as it is; a customer's orders; or one by its id."""
        if not search_term:
            return queryset, False
        wanted = Q(order_id=search_term) | Q(customer__in=people(search_term))
        return queryset.filter(wanted | Q(id__in=uuid(search_term))), False

    @admin.display(description=_("Strategy"), ordering="strategy__title")
    def title(self, redemption: Redemption) -> str:
        return shortly(redemption.strategy.called)

    @admin.display(description=_("Given"), ordering="discount")
    def given(self, redemption: Redemption) -> str:
        return money(redemption.discount, redemption.strategy.currency)

    @admin.display(description=_("Taken back"), ordering="returned")
    def taken_back(self, redemption: Redemption) -> str:
        return money(redemption.returned, redemption.strategy.currency)

    @admin.display(description=_("Strategy"))
    def strategy_link(self, redemption: Redemption) -> str:
        return strategy(redemption.strategy)

    @admin.display(description=_("Campaign"))
    def campaign(self, redemption: Redemption) -> str:
        found = redemption.strategy.campaign
        return link("promotions_campaign_change", found.pk, found.name)

    @admin.display(description=_("By"))
    @once
    def used_by(self, redemption: Redemption) -> str:
        return by(redemption)

    @admin.display(description=_("Gives"))
    def gives(self, redemption: Redemption) -> str:
        return redemption.strategy.words(redemption.variant)

    @admin.display(description=_("Adjustments"))
    @once
    def rows(self, redemption: Redemption) -> SafeString:
        names = product_names(row["sku"] for row in redemption.adjustments)
        head = [_("On"), _("Sku"), _("Units"), _("Amount")]
        rows = [
            (
                on(row, names),
                row["sku"],
                row["quantity"] if row["sku"] else "",
                money(Decimal(row["amount"]), redemption.strategy.currency),
            )
            for row in redemption.adjustments
        ]
        return table(head, rows)

    @admin.display(description=_("Returns"))
    @once
    def returns(self, redemption: Redemption) -> SafeString:
        skus = {row["line"]: row["sku"] for row in redemption.adjustments}
        head = [_("At"), _("Of"), _("Amount"), _("Why")]
        rows = [
            (
                f"{one.rolled_back_at:%Y-%m-%d %H:%M}",
                _units(one.lines, skus) or _("all that was left"),
                money(one.amount, redemption.strategy.currency),
                one.reason,
            )
            for one in redemption.rollbacks.order_by("rolled_back_at")
        ]
        return table(head, rows)

    @admin.display(description=_("Its id in the API"))
    def api_id(self, redemption: Redemption) -> str:
        return str(redemption.pk)


def people(name: str) -> set[UUID]:
    """Return all the keys of whom a search names: by the shop's id, or by a key."""
    found = {identity.find(name), *uuid(name)} - {None}
    return {key for one in found if one for key in identity.keys(one)}


def uuid(text: str) -> list[UUID]:
    """Return a text as a UUID, if it is one."""
    try:
        return [UUID(text)]
    except ValueError:
        return []


def _units(lines: Sequence[Mapping[str, Any]], skus: Mapping[int, str]) -> str:
    return ", ".join(f"{one['quantity']} × {skus[one['line']]}" for one in lines)
