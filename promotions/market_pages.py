"""The market in the back office: competitors' prices beside ours.

What is shown was counted by a worker (catalog.positions). Nothing here changes a price:
an answer is a strategy, and goes through approval.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from analytics import clock
from catalog import competitors, price_index, pricing
from catalog.price_index import Index, Standing, Undercut
from promotions import charts
from promotions.feed_pages import allow
from promotions.plots import Mark
from promotions.report_tables import Card, Row, Section, drawn

MOST_MARKS = 12
MOST_DOUBTS = 25


def market_page(request: HttpRequest) -> HttpResponseBase:
    """Show how our prices stand beside competitors'."""
    allow(request, "catalog.view_position")
    at = clock.now()
    standings = price_index.standings(at)
    indexes, undercut = price_index.by_category(), price_index.undercuts()
    page = {
        "title": _("Market"),
        "cards": list(_cards(standings, at)),
        "sections": [
            _competitors(standings, at),
            _by_category(indexes),
            _undercuts(undercut, at),
            _promotions(at),
            *_doubts(at),
        ],
        "waiting": sum(one.waiting for one in standings),
        "may_review": request.user.has_perm("catalog.change_match"),
    }
    return shown(request, "page", page)


def shown(request: HttpRequest, name: str, page: dict[str, Any]) -> TemplateResponse:
    """Answer with one of the market's pages."""
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, f"admin/market/{name}.html", context)


def percent(share: float) -> str:
    """Write a share above or below, as +5.0 %."""
    return f"{100 * share:+.1f} %".replace("-", "−")


def price(amount: Decimal | None, currency: str) -> str:
    """Write what something costs, with the decimals of its currency."""
    if amount is None:
        return "–"
    return f"{pricing.rounded(amount, currency):,} {currency}"


def ago(moment: datetime, at: datetime) -> str:
    return timesince(moment, at, depth=1)


def _cards(standings: Sequence[Standing], at: datetime) -> Iterator[Card]:
    products = sum(one.products for one in standings)
    matched = sum(one.matched for one in standings)
    yield Card(
        name=_("Competitors"),
        value=f"{len(standings):,}",
        detail=_("products: %s") % f"{products:,}",
    )
    share = f"{100 * matched / products:.0f} %" if products else "–"
    yield Card(name=_("Matched to ours"), value=f"{matched:,}", detail=share)
    yield Card(
        name=_("We are undercut"), value=f"{sum(one.undercuts for one in standings):,}"
    )
    newest = max((one.seen_at for one in standings), default=None)
    yield Card(
        name=_("Newest price"), value=ago(newest, at) if newest else _("none yet")
    )


def _competitors(standings: Sequence[Standing], at: datetime) -> Section:
    return Section(
        title=_("Competitors"),
        says=_(
            "The index is our prices over theirs, weighted by what we take for each "
            "product: +5 %% means that we are dearer. Only what was seen within seven "
            "days and can be had counts."
        )
        # Formatted with nothing, so that %% is read as in every other message.
        % (),
        columns=[
            *(_("Competitor"), _("Products"), _("Matched"), _("Waiting")),
            *(_("Last seen"), _("Older than a week"), _("Index")),
            *(_("They are cheaper"), _("Promotions")),
        ],
        rows=[
            Row(
                cells=[
                    one.competitor,
                    f"{one.products:,}",
                    f"{one.matched:,}",
                    f"{one.waiting:,}",
                    _("%s ago") % ago(one.seen_at, at),
                    f"{one.stale:,}",
                    "–" if one.index is None else percent(one.index - 1),
                    f"{one.undercuts:,}",
                    f"{one.promotions:,}",
                ]
            )
            for one in standings
        ],
    )


def _by_category(indexes: Sequence[Index]) -> Section:
    title = _("Where we are dearer or cheaper, in per cent")
    marks = [
        Mark(label=f"{one.category} · {one.competitor}", value=100 * (one.index - 1))
        for one in indexes[:MOST_MARKS]
        if one.index is not None
    ]
    return Section(
        title=_("Price index by category"),
        says=_(
            "Right of zero we are dearer. The categories that sell most come first."
        ),
        chart=drawn(charts.forest(marks, title=title)),
        columns=[
            *(_("Category"), _("Competitor"), _("Products"), _("Index")),
            *(_("Each alike"), _("They are cheaper"), _("Promotions")),
        ],
        rows=[
            Row(
                cells=[
                    one.category or _("none"),
                    one.competitor,
                    f"{one.products:,}",
                    "–" if one.index is None else percent(one.index - 1),
                    "–" if one.plain is None else percent(one.plain - 1),
                    f"{one.undercuts:,}",
                    f"{one.promotions:,}",
                ]
            )
            for one in indexes
        ],
        folded=True,
    )


def _undercuts(rows: Sequence[Undercut], at: datetime) -> Section:
    return Section(
        title=_("Who undercuts us"),
        says=_(
            "The largest margin at stake first: what the product's sales of the last "
            "four weeks bring in a week. Meeting the price would cost the last column "
            "if it sold nothing more. A price changes only by an approved strategy."
        ),
        columns=[
            *(_("Product"), _("Competitor"), _("Ours"), _("Theirs"), _("Gap")),
            *(_("For"), _("Units a week"), _("Margin at stake"), _("Meeting it")),
        ],
        rows=[
            Row(
                cells=[
                    *(one.name, one.competitor, price(one.ours, one.currency)),
                    *(price(one.theirs, one.currency), percent(one.gap)),
                    *(ago(one.since, at), f"{one.units:,.1f}"),
                    *(
                        price(one.stake, one.currency),
                        price(one.matching, one.currency),
                    ),
                ],
                link=reverse("market_product", args=[one.sku]),
            )
            for one in rows
        ],
    )


def _doubts(at: datetime) -> Iterator[Section]:
    if rows := competitors.doubts()[:MOST_DOUBTS]:
        yield Section(
            title=_("Doubtful prices"),
            says=_(
                "They fell below a fifth of our price or of their last one, and were "
                "seen once: they may be misread. They are in the history, and count "
                "in no index, bound or alert until they are seen again, or somebody "
                "says on the product's page that they are right."
            ),
            columns=[
                *(_("Product"), _("Competitor"), _("Ours"), _("Theirs")),
                _("Last seen"),
            ],
            rows=[
                Row(
                    cells=[
                        *(one.name, one.competitor, price(one.ours, one.currency)),
                        *(price(one.theirs, one.currency), ago(one.seen_at, at)),
                    ],
                    link=reverse("market_product", args=[one.sku]),
                )
                for one in rows
            ],
        )


def _promotions(at: datetime) -> Section:
    return Section(
        title=_("Their promotions at the moment"),
        says=_("A price that dropped by 5 % or more, for no longer than six weeks."),
        columns=[
            *(_("Product"), _("Competitor"), _("Usual"), _("Now"), _("Off")),
            *(_("Since"), _("Ours")),
        ],
        rows=[
            Row(
                cells=[
                    *(one.name, one.competitor, price(one.usual, one.currency)),
                    *(price(one.theirs, one.currency), f"{100 * one.depth:.0f} %"),
                    *(f"{one.since:%Y-%m-%d}", price(one.ours, one.currency)),
                ],
                link=reverse("market_product", args=[one.sku]),
            )
            for one in price_index.promotions()
        ],
    )
