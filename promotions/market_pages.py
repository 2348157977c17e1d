"""The market in the back office: competitors' prices beside ours, and one product's.

What is shown was counted by a worker (catalog.positions). Nothing here changes a price:
an answer is a strategy, and goes through approval.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from analytics import clock
from catalog import competitors, doubtful, episodes, history, price_index, pricing
from catalog.competitors import Doubt
from catalog.doubtful import NotDoubtful
from catalog.episodes import Step
from catalog.models import CompetitorProduct, Match, Product
from catalog.price_index import Index, Standing, Undercut
from promotions import charts
from promotions.charts import LINES, Mark
from promotions.feed_pages import allow
from promotions.report_tables import Card, Row, Section, drawn

SHOWN = 180
"""Days of a product's history in its chart."""
MOST_MARKS = 12
MOST_RIVALS = 4
MOST_DOUBTS = 25
JUDGES: dict[str, Callable[..., None]] = {
    "right": doubtful.confirm,
    "misread": doubtful.discard,
}


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


def product_page(request: HttpRequest, sku: str) -> HttpResponseBase:
    """Show what a product has cost here and elsewhere; take a word on a doubt."""
    allow(request, "catalog.view_position")
    if request.method == "POST":
        allow(request, "catalog.change_match")
        return _judged(request, sku)
    product = Product.objects.filter(sku=sku.replace("\0", "")).first()
    if product is None:
        raise Http404
    at = clock.now()
    since = at - timedelta(days=SHOWN)
    rows = Match.objects.filter(sku=product, state__in=competitors.MATCHED)
    matches = list(rows.select_related("product").order_by("product__competitor"))
    theirs = competitors.histories([one.product_id for one in matches], since=since)
    ours = history.steps_of({sku}, since=since).get(sku, [])
    named = [(_("Our price"), ours)]
    # Prices in another money have no place in one chart with ours: the table has them.
    named += [
        (one.product.competitor, theirs.get(one.product_id, []))
        for one in matches
        if one.product.currency == product.currency
    ]
    doubts = [one for one in competitors.doubts() if one.sku == product.sku]
    page = {
        "title": f"{product.name} {product.size}".strip(),
        "doubts": [_doubt(one, at) for one in doubts],
        "may_judge": request.user.has_perm("catalog.change_match"),
        "says": _("Ours: %(price)s. Sku %(sku)s.")
        % {"price": price(product.price, product.currency), "sku": sku},
        "sections": [
            _history(named, since, at),
            _matches(matches, {one.product for one in doubts}),
            _past_promotions(named[1:], at, product.currency),
        ],
    }
    return shown(request, "page", page)


def _doubt(one: Doubt, at: datetime) -> dict[str, Any]:
    return {
        "product": one.product,
        "seen_at": one.seen_at.isoformat(),
        "competitor": one.competitor,
        "price": price(one.theirs, one.currency),
        "ago": _ago(one.seen_at, at),
    }


def _judged(request: HttpRequest, sku: str) -> HttpResponseBase:
    """Take a person's word on a doubtful price; who comes second is told so."""
    judge = JUDGES.get(request.POST.get("word", ""))
    product, seen_at = request.POST.get("product", ""), request.POST.get("seen_at", "")
    try:
        if judge is None:
            raise NotDoubtful
        judge(
            int(product),
            datetime.fromisoformat(seen_at),
            by=request.user.get_username(),
            at=clock.now(),
        )
    except (NotDoubtful, ValueError):
        messages.error(request, _("Nobody doubts this price any more."))
    else:
        messages.success(
            request,
            _("Your word is in the log. The market is counted anew within the hour."),
        )
    return redirect("market_product", sku)


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


def _ago(moment: datetime, at: datetime) -> str:
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
        name=_("Newest price"), value=_ago(newest, at) if newest else _("none yet")
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
                    _("%s ago") % _ago(one.seen_at, at),
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
                    *(_ago(one.since, at), f"{one.units:,.1f}"),
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
                        *(price(one.theirs, one.currency), _ago(one.seen_at, at)),
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


Named = tuple[str, Sequence[Step]]


def _history(named: Sequence[Named], since: datetime, at: datetime) -> Section:
    lines = [
        # The price that was in force at the chart's start began before it.
        [(_days(max(step.at, since), since), float(step.price)) for step in steps]
        for _name, steps in named[: MOST_RIVALS + 1]
    ]
    changes = sorted(
        ((step.at, name, step) for name, steps in named for step in steps),
        # Of one moment by name: steps themselves have no order.
        key=lambda one: one[:2],
        reverse=True,
    )
    title = _("Prices of the last %s days") % SHOWN
    chart = charts.steps(
        lines, (f"{since:%Y-%m-%d}", f"{at:%Y-%m-%d}"), last=SHOWN, title=title
    )
    return Section(
        title=title,
        says=_("Each price holds until the next one."),
        chart=drawn(chart),
        legend=[
            (LINES[n], name) for n, (name, _steps) in enumerate(named[: len(LINES)])
        ],
        columns=[_("From"), _("Whose"), _("Price"), _("Struck through"), _("In stock")],
        rows=[
            Row(
                cells=[
                    *(f"{moment:%Y-%m-%d %H:%M}", name, f"{step.price:.2f}"),
                    "" if step.shelf is None else f"{step.shelf:.2f}",
                    _("yes") if step.available else _("no"),
                ]
            )
            for moment, name, step in changes
        ],
        folded=True,
    )


def _days(moment: datetime, since: datetime) -> float:
    return (moment - since) / timedelta(days=1)


def _matches(matches: Sequence[Match], doubted: Collection[int]) -> Section:
    return Section(
        title=_("Theirs"),
        says=_("A wrong match is undone in the list of matches."),
        columns=[
            *(_("Competitor"), _("Their name"), _("Size"), _("Price")),
            *(_("Last seen"), _("Match")),
        ],
        rows=[
            Row(
                cells=[
                    *(one.product.competitor, one.product.name, one.product.size),
                    _asked(one.product, doubted=one.product_id in doubted),
                    f"{one.product.seen_at:%Y-%m-%d}",
                    f"{one.get_state_display()} ({one.get_how_display()})",
                ],
                link=reverse("admin:catalog_match_change", args=[one.pk]),
            )
            for one in matches
        ],
    )


def _asked(one: CompetitorProduct, *, doubted: bool) -> str:
    told = price(one.price, one.currency)
    return _("%s (doubtful)") % told if doubted else told


def _past_promotions(named: Sequence[Named], at: datetime, currency: str) -> Section:
    found = [
        (name, one)
        for name, steps in named
        for one in episodes.promotions(steps, at=at)
    ]
    return Section(
        title=_("Their promotions"),
        columns=[
            *(_("Competitor"), _("From"), _("Until"), _("Usual"), _("Lowest"), _("Off"))
        ],
        rows=[
            Row(
                cells=[
                    *(name, _day(one.start), _day(one.end)),
                    *(price(one.usual, currency), price(one.price, currency)),
                    f"{100 * one.depth:.0f} %",
                ]
            )
            for name, one in sorted(found, key=lambda pair: pair[1].start, reverse=True)
        ],
    )


def _day(moment: datetime | date | None) -> str:
    return _("it runs") if moment is None else f"{moment:%Y-%m-%d}"
