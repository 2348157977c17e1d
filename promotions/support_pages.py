"""The support desk's pages: find a customer, what happened, why not, a past decision.

Who may view customers may read them; the decision and the answers need a view of
strategies as well. Nothing is changed here: consent, export and erasure are on the
customer's own page (analytics.admin).
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from analytics import clock, identity
from analytics.languages import said
from analytics.models import Assignment, Customer
from ml.customers import Segment
from ml.traits import TRAITS
from promotions import arms, decided, finding, people, timeline, why_not
from promotions.decided import Decision
from promotions.models import Strategy
from promotions.report_tables import Card, Row, Section

VIEWS = ("analytics.view_customer", "analytics.view_storedevent")


def find_customer(request: HttpRequest) -> HttpResponseBase:
    """Find a person by any id; a single hit leads to their page at once."""
    _allow(request, *VIEWS)
    asked = request.GET.get("id", "").strip()
    hits = finding.people(asked)
    if len(hits) == 1:
        return redirect("admin:analytics_customer_change", hits[0].customer.key)
    page = {
        "title": gettext("Find a customer"),
        "asked": asked,
        "hits": hits,
        "short": len(asked) < finding.SHORTEST,
    }
    return _shown(request, "find", page)


def customer_timeline(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Show what happened to a person, newest first."""
    _allow(request, *VIEWS)
    customer = get_object_or_404(Customer, key=key)
    kind = request.GET.get("kind", "")
    asked = request.GET.get("page", "1")
    # `isdigit` alone takes ², which int() refuses, as it does thousands of digits.
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    found = timeline.page(identity.keys(key), kind=kind, number=number)
    kinds = {"": gettext("Everything")}
    kinds |= {name: str(one.name) for name, one in timeline.KINDS.items()}
    page = {
        "title": gettext("What happened: %s") % customer,
        "customer": customer,
        "kind": kind if kind in kinds else "",
        "kinds": list(kinds.items()),
        "shown": kinds.get(kind, kinds[""]),
        "page": found,
        "before": found.number - 1,
        "after": found.number + 1,
    }
    return _shown(request, "timeline", page)


def customer_told(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Show what the shop is told of a person now; their page takes it in."""
    _allow(request, *VIEWS)
    customer = get_object_or_404(Customer, key=key)
    page = {
        "title": gettext("Told now: %s") % customer,
        "customer": customer,
        "seen": people.seen(customer, at=clock.now()),
        "days": settings.HORIZON_DAYS,
    }
    return _shown(request, "told_page", page)


def customer_why(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Say why a person has no offer of a strategy, and of each live one in short."""
    _allow(request, *VIEWS, "promotions.view_strategy")
    customer = get_object_or_404(Customer, key=key)
    at = clock.now()
    choices, others = why_not.choices(at=at)
    asked = request.GET.get("strategy", "")
    chosen = next((one for one in choices if str(one.pk) == asked), None)
    # An ended or rejected one can be asked for by its address.
    if asked and chosen is None:
        chosen = _named(asked)
        choices.append(chosen)
    found = why_not.ask(customer, choices, at=at)
    mine = {one.strategy.pk: one for one in found.answers}
    page = {
        "title": gettext("Why no offer: %s") % customer,
        "customer": customer,
        "choices": choices,
        "others": others,
        "chosen": chosen,
        "answer": mine.get(chosen.pk) if chosen else None,
        "answers": [one for one in found.answers if arms.runs(one.strategy, at)],
        "computed": found.computed_at,
    }
    return _shown(request, "why", page)


def _named(key: str) -> Strategy:
    try:
        return Strategy.objects.select_related("campaign").get(id=UUID(key))
    except (ValueError, Strategy.DoesNotExist):
        raise Http404 from None


def decision(request: HttpRequest, offer: UUID) -> HttpResponseBase:
    """Show a past decision, what it went by, and what it comes to when made again."""
    _allow(request, *VIEWS, "promotions.view_strategy")
    row = Assignment.objects.filter(offer=offer).order_by("position").first()
    if row is None:
        raise Http404
    page: dict[str, Any] = {
        "title": gettext("How an offer was decided"),
        "customer": Customer.objects.filter(key=row.customer).first(),
    }
    try:
        found = decided.replay(offer)
    except decided.NotReplayable as refusal:
        page |= {"refused": said(refusal.args[0])}
        page |= {"strategy": Strategy.objects.filter(id=row.strategy).first()}
        return _shown(request, "decision", page)
    page |= {
        "strategy": found.strategy,
        "same": found.same,
        "says": list(_says(found)),
        "cards": list(_cards(found)),
        "sections": list(_sections(found)),
    }
    return _shown(request, "decision", page)


def _says(found: Decision) -> Iterator[str]:
    told = found.said
    if told.arm == arms.TREATMENT:
        yield gettext("They got “%s”.") % _variant(found, told.variant)
    elif told.arm == arms.HOLDOUT:
        yield gettext("They got nothing: a lot put them into the strategy's holdout.")
    else:
        yield gettext("They got nothing: they are held out of every personal offer.")
    if told.counterfactual:
        what = _variant(found, told.counterfactual)
        yield gettext("Else they would have got “%s”.") % what
    yield gettext("The chance of this very choice was %s %%.") % (
        f"{100 * told.probability:.1f}"
    )
    best = max(found.variants, key=lambda label: found.variants[label].best)
    yield gettext("Most likely the best for them was “%s”.") % _variant(found, best)


def _variant(found: Decision, label: str | None) -> str:
    return found.strategy.words(label) if label else ""


def _cards(found: Decision) -> Iterator[Card]:
    told, currency = found.said, found.strategy.currency
    yield Card(name=gettext("Decided"), value=f"{found.at:%Y-%m-%d %H:%M}")
    yield Card(
        name=gettext("Version of the strategy"), value=str(found.strategy.version)
    )
    left = (
        gettext("not kept") if found.left is None else f"{found.left:,.2f} {currency}"
    )
    yield Card(name=gettext("Budget that was left"), value=left)
    yield Card(
        name=gettext("Chance to buy without an offer"),
        value=f"{100 * (told.p0 or 0):.1f} %",
        detail=gettext("for %s then") % f"{told.spend or 0:,.2f} {currency}",
    )
    yield Card(
        name=gettext("Model of the scores"),
        value=str(found.model or "–")[:8],
        detail=str(found.model or gettext("from events, with no scores yet")),
    )
    yield Card(
        name=gettext("What was believed of answers"),
        value=found.learnt.pk[:8],
        detail=_basis(found.learnt.basis),
    )


def _basis(name: str) -> str:
    words = {
        "assumed": gettext("assumed"),
        "observational": gettext("from past campaigns and prices"),
        "randomised": gettext("learnt from lots"),
    }
    return words.get(name, name)


def _sections(found: Decision) -> Iterator[Section]:
    currency = found.strategy.currency
    yield Section(
        title=gettext("What each variant was worth"),
        columns=[
            gettext("Variant"),
            gettext("Margin gained"),
            gettext("Discounts given"),
            gettext("Chance to be the best"),
        ],
        rows=[
            Row(
                cells=[
                    _variant(found, label),
                    f"{one.margin:+.3f} {currency}",
                    f"{one.cost:.3f} {currency}",
                    f"{100 * one.best:.1f} %",
                ]
            )
            for label, one in found.variants.items()
        ],
    )
    yield Section(
        title=gettext("Then, and made again"),
        columns=[gettext("What"), gettext("Then"), gettext("Made again")],
        rows=list(_both(found)),
    )
    segment = dict(Segment.choices).get(found.said.segment, found.said.segment)
    yield Section(
        title=gettext("What was known of the customer"),
        says=gettext("How and how much are measures in which 0 is usual."),
        columns=[gettext("What"), gettext("Value")],
        rows=[
            Row(cells=[gettext("Segment"), str(segment) or "–"]),
            Row(
                cells=[gettext("Margin rate"), f"{100 * (found.said.rate or 0):.1f} %"]
            ),
            *(
                Row(cells=[str(_traits()[name]), f"{value:.3f}"])
                for name, value in zip(TRAITS, found.said.traits, strict=False)
            ),
        ],
    )


def _traits() -> dict[str, str]:
    """Say the traits by which answers may differ; numbers near 0, 0 is usual."""
    return {
        "chance": gettext("How likely they buy anyway"),
        "lately": gettext("How lately they bought"),
        "often": gettext("How often they buy"),
        "deals": gettext("How much on discount"),
        "coupons": gettext("How much with coupons"),
    }


def _both(found: Decision) -> Iterator[Row]:
    then, again = found.said, found.again
    said_of = {
        arms.TREATMENT: gettext("treated"),
        arms.HOLDOUT: gettext("held back"),
        arms.HELD_OUT: gettext("held out of everything"),
    }
    arm = said_of.get(then.arm, then.arm), said_of.get(again.arm, again.arm)
    yield Row(cells=[gettext("Arm"), *arm])
    variants = (_variant(found, one.variant) or "–" for one in (then, again))
    yield Row(cells=[gettext("Variant"), *variants])
    chances = f"{then.probability:.6f}", f"{again.probability:.6f}"
    yield Row(cells=[gettext("Chance of the choice"), *chances])
    place = "–" if then.bucket is None else f"{then.bucket:.6f}"
    yield Row(cells=[gettext("Place that the lot drew"), place, f"{again.bucket:.6f}"])


def _allow(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _shown(request: HttpRequest, name: str, page: dict[str, Any]) -> TemplateResponse:
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, f"admin/support/{name}.html", context)
