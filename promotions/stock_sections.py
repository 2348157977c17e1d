"""The sections of the page of stock: what runs short, expires, is too much, to order.

They read what promotions.supply has counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from promotions import charts
from promotions.figures import money
from promotions.models import Strategy, Supply
from promotions.report_tables import Row, Section, drawn

State = Supply.State

MOST = 50
"""Products of a section; the files have all."""
BUCKETS = (7, 14, 28, 56, 182)
"""Days of cover, for the chart."""
OPEN = ["proposed", "returned", "live", "paused"]


def sections(rows: QuerySet[Supply], asked: str) -> Iterator[Section]:
    if asked:
        named = Q(product__name__icontains=asked) | Q(product__sku__istartswith=asked)
        found = list(rows.filter(named).order_by("product__name")[:MOST])
        yield _list(_("Found"), _("What matches, at most %s.") % MOST, found)
        return
    short = rows.filter(state__in=[State.OUT, State.SHORT])
    yield _list(
        _("Runs short"),
        _("The chance of running out before an order of today arrives."),
        list(short.order_by("-weekly", "product_id")[:MOST]),
    )
    yield _expiring(rows)
    yield _over(rows)
    yield _orders(rows)
    yield _clearances()
    yield _covers(rows)


def link(sku: str) -> str:
    """Return the address of a product's page of stock."""
    return reverse("product_stock", args=[sku])


def _row(one: Supply, *cells: Any) -> Row:
    return Row(cells=[one.product.name, *cells], link=link(one.product_id))


def _list(title: str, says: str, rows: Sequence[Supply]) -> Section:
    return Section(
        title=title,
        says=says if rows else _("Nothing."),
        columns=[
            *(_("Product"), _("State"), _("Units"), _("Under way"), _("Sells a week")),
            *(_("Days of cover"), _("Chance to run out"), _("Order")),
        ]
        if rows
        else (),
        rows=[
            _row(
                one,
                one.get_state_display(),
                f"{one.units:,}",
                f"{one.incoming:,}",
                f"{one.weekly:,.1f}",
                days(one.cover),
                f"{one.chance_out:.0%}",
                f"{one.order:,}" if one.order else "",
            )
            for one in rows
        ],
    )


def days(cover: float | None) -> str:
    """Write days of cover; nothing sells, so it lasts for ever."""
    if cover is None:
        return _("none sells")
    return _("over a year") if cover >= 365 else f"{cover:,.0f}"


def _unless_empty(section: Section, nothing: str) -> Section:
    """Say so in place of a table without rows."""
    return section if section.rows else replace(section, says=nothing, columns=())


def _expiring(rows: QuerySet[Supply]) -> Section:
    some = rows.filter(state=State.EXPIRING).order_by("product__expires_on")[:MOST]
    found = list(some)
    section = Section(
        title=_("Will expire unsold"),
        says=_("The oldest are sold first."),
        columns=[
            *(_("Product"), _("Expires"), _("Units"), _("Sells a week")),
            *(_("Left unsold"), _("Chance")),
        ],
        rows=[
            _row(
                one,
                str(one.product.expires_on),
                f"{one.units:,}",
                f"{one.weekly:,.1f}",
                f"{one.unsold:,.0f}",
                f"{one.chance_unsold:.0%}",
            )
            for one in found
        ],
    )
    return _unless_empty(section, _("Nothing."))


def _over(rows: QuerySet[Supply]) -> Section:
    found = list(rows.filter(state=State.OVER).order_by("-over", "product_id")[:MOST])
    section = Section(
        title=_("Too much"),
        says=_("Units beyond what lasts long enough; the chance that some are left."),
        columns=[
            *(_("Product"), _("Units"), _("Sells a week"), _("Days of cover")),
            *(_("Too much"), _("Chance"), _("Worth")),
        ],
        rows=[
            _row(
                one,
                f"{one.units:,}",
                f"{one.weekly:,.1f}",
                days(one.cover),
                f"{one.over:,}",
                f"{one.chance_over:.0%}",
                _worth(one),
            )
            for one in found
        ],
    )
    return _unless_empty(section, _("Nothing."))


def _worth(one: Supply) -> str:
    product = one.product
    if product.price is None:
        return ""
    return f"{one.over * product.price:,.0f} {product.currency}"


def _orders(rows: QuerySet[Supply]) -> Section:
    found = list(rows.filter(order__gt=0).order_by("-chance_out", "product_id")[:MOST])
    section = Section(
        title=_("Order suggestions"),
        says=_(
            "Whole packs that bring what is there and under way up to the target, once "
            "it is at the reorder point: what is expected until an order could arrive, "
            "and a safety stock at the service level that you chose. Units of "
            "promotions are in it. A lead time with * is assumed: no product says it."
        ),
        columns=[
            *(_("Product"), _("Order"), _("Pack"), _("Units"), _("Under way")),
            *(_("Reorder point"), _("Safety stock"), _("Lead time"), _("Promotions")),
        ],
        rows=[
            _row(
                one,
                f"{one.order:,}",
                f"{one.product.pack:,}",
                f"{one.units:,}",
                f"{one.incoming:,}",
                f"{one.reorder_point:,}",
                f"{one.safety:,}",
                f"{one.lead_days}{'*' if one.lead_assumed else ''}",
                f"{one.promoted:,.0f}" if one.promoted else "",
            )
            for one in found
        ],
    )
    return _unless_empty(section, _("Nothing needs to be ordered."))


def _clearances() -> Section:
    rows = Strategy.objects.filter(
        state__in=OPEN, kind="prices", forecast__has_key="clearance"
    ).order_by("-proposed_at")[:MOST]
    found = list(rows)
    section = Section(
        title=_("Clearances"),
        says=_("Paths of falling prices, planned anew each week from what was sold."),
        columns=[
            *(_("Clearance"), _("State"), _("Products"), _("Recovers more"), "80 %"),
            *(_("Left"), _("Left at today's prices")),
        ],
        rows=[_clearance(one) for one in found],
    )
    return _unless_empty(
        section,
        _("None waits or runs; each Monday is looked for what should be cleared."),
    )


def _clearance(one: Strategy) -> Row:
    told, plans = one.forecast, one.forecast["clearance"].values()
    ends = [money(told[name], one.currency, whole=True) for name in ("low", "high")]
    return Row(
        cells=[
            one.called,
            str(one.get_state_display()),
            f"{len(plans):,}",
            money(told["margin"], one.currency, whole=True),
            f"{ends[0]} – {ends[1]}",
            f"{sum(plan['left'][0] for plan in plans):,.0f}",
            f"{sum(plan['left_beside'] for plan in plans):,.0f}",
        ],
        link=reverse("admin:promotions_strategy_change", args=[one.pk]),
    )


def _covers(rows: QuerySet[Supply]) -> Section:
    """Count products by their days of cover."""
    # Half-open; what never sells (cover null) is in none of them.
    edges = [0, *BUCKETS]
    pairs = zip(edges, [*BUCKETS, None], strict=True)
    counted = rows.aggregate(
        **{
            f"n{low}": Count(
                "pk",
                filter=Q(cover__gte=low) & (Q(cover__lt=high) if high else Q()),
            )
            for low, high in pairs
        }
    )
    labels = [f"< {BUCKETS[0]}", *(f"≥ {low}" for low in BUCKETS)]
    values = [
        (label, counted[f"n{low}"]) for label, low in zip(labels, edges, strict=True)
    ]
    title = _("Products by days of cover")
    return Section(
        title=title,
        chart=drawn(charts.bars([(k, float(v)) for k, v in values], title=title)),
        columns=[_("Days of cover"), _("Products")],
        rows=[Row(cells=[label, f"{value:,}"]) for label, value in values],
        folded=True,
    )
