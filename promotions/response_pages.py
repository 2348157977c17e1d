"""The back office's page of what is believed of customers' answers to offers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import numpy as np
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from analytics import clock
from ml import traits
from ml.customers import Segment, segments
from ml.lifts import WEEKS, Posterior, What, Who, weekly
from promotions import charts, response
from promotions.beliefs import Response
from promotions.models import Calibration, Strategy
from promotions.plots import Mark
from promotions.report_tables import Card, Row, Section, drawn

DEPTHS = (0.05, 0.10, 0.15, 0.20)
USUAL = 0.20
"""The chance of buying without an offer that the page takes for its examples."""
DRAWS, CROWD, FEW = 300, 400, 120
"""Draws of the posterior; customers for all segments together, and for any other row.

A row costs DRAWS × customers: hundreds of categories would take a second.
"""
LOW, HIGH = 0.025, 0.975
Z95 = 1.96


def response_page(request: HttpRequest) -> HttpResponseBase:
    """Show what offers are believed to do, by segment, category and discount."""
    if not request.user.has_perms(["promotions.view_strategy"]):
        raise PermissionDenied
    found = response.believed(draws=DRAWS)
    page = {
        "title": _("How customers answer offers"),
        "says": _says(found.posterior),
        "findings": [],
        "cards": list(_cards(found)),
        "sections": list(_sections(found.posterior, clock.now())),
        "no_file": True,
    }
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, "admin/promotions/report/page.html", context)


def _says(found: Posterior) -> str:
    if found.basis == "randomised":
        return _(
            "Learnt from {seen} customers of strategies: lots gave an offer or none."
        ).format(seen=f"{found.seen:,}")
    if found.basis == "observational":
        return _(
            "Nothing was drawn by lot yet: this is from past campaigns and prices, "
            "which were no experiment."
        )
    return _("Nothing was tried yet: this is assumed, and widely doubted.")


def _cards(found: Response) -> Iterator[Card]:
    yield Card(
        name=_("Use of offers"),
        value=f"{found.usual.use:.0%}",
        detail=_("of the buyers in scope who have one"),
    )
    elsewhere = np.expm1(found.posterior.address)
    yield Card(
        name=_("Other purchases of whom offers address"),
        value=f"{elsewhere:+.1%}",
        detail=_("of what they would buy out of scope without"),
    )
    row = Calibration.objects.filter(pk=1).first()
    part, error = found.later_by
    low, high = (row.low, row.high) if row else (part - Z95 * error, part + Z95 * error)
    yield Card(
        name=_("Missing later of what offers sell"),
        value=f"{part:.0%}",
        detail=_("over all goods and weeks; 95 %: {low} to {high}").format(
            low=f"{low:.0%}", high=f"{high:.0%}"
        ),
    )


def _sections(found: Posterior, at: datetime) -> Iterator[Section]:
    kind, scope = (found.design.kinds or ("percentage",))[0], found.design.scopes[:1]
    usual, everybody = What(kind=kind, scope=scope, depth=0.1), _crowd(at)
    few = everybody[list(range(0, len(everybody.p0), max(CROWD // FEW, 1)))]
    offer = f"{_kind(kind)} {_scope(scope)}".strip()
    yield _section(
        found,
        _("By segment"),
        [
            (str(one.label), mine, usual)
            for one in Segment
            if (mine := _of(everybody, one.value)) is not None
        ],
        offer,
        nothing=_(
            "No customer has a segment yet. Segments come with the first scoring: send "
            "or import orders, then train on the page Models."
        ),
    )
    yield _section(
        found,
        _("By discount"),
        [(f"{d:.0%}", few, replace(usual, depth=d)) for d in DEPTHS],
        offer,
    )
    if len(found.types.share) > 1:
        yield _section(
            found,
            _("By type of customer"),
            [(name, who, usual) for name, who in _types(found, few)],
            offer,
        )
    yield _section(
        found,
        _("By category"),
        [(name, few, replace(usual, scope=[name])) for name in found.design.scopes],
        _kind(kind),
        nothing=_(
            "No category has had offers yet. Approve a proposal: once its customers "
            "were watched for four weeks, its categories stand here."
        ),
    )


def _section(
    found: Posterior,
    title: str,
    rows: Sequence[tuple[str, Who, What]],
    offer: str,
    *,
    nothing: str = "",
) -> Section:
    """Draw what an offer makes of a chance of 20 %, with intervals; `offer` names it.

    Kinds and categories differ, so which one was taken is said.
    """
    thetas = found.sample(DRAWS, seed=response.SEED)
    marks, lines = [], []
    for name, who, what in rows:
        w = found.moved(weekly(who.p0), who, what, thetas)
        # w is a week's chance, [draws, customers];
        # back to a horizon's, less what it is without.
        gains = 100 * (1 - (1 - w) ** WEEKS - USUAL)
        # The mean over customers first: the interval
        # is of the doubt, not of how they differ.
        mean, (low, high) = gains.mean(), np.quantile(gains.mean(axis=1), [LOW, HIGH])
        marks.append(Mark(label=name, value=float(mean), low=low, high=high))
        lines.append(Row(cells=[name, f"{mean:+.1f}", _to(low, high)]))
    says = (
        ""
        if not rows
        else _(
            "If all had a chance of 20 % without an offer: so many more of 100 buy "
            "with 10 % off, or what is named. Of a sample of customers."
        )
    )
    return Section(
        title=title,
        says=f"{says} {offer}" if rows else "",
        chart=drawn(charts.forest(marks, title=title)),
        columns=[title, _("More buyers of 100"), "95 %"],
        rows=lines,
        folded=True,
        nothing=nothing,
    )


def _kind(kind: str) -> str:
    return _("Kind of offer: {kind}.").format(kind=Strategy.Kind(kind).label)


def _scope(scope: Sequence[str]) -> str:
    """Return nothing where no category is known: then the offer has none either."""
    return _("On: {categories}.").format(categories=", ".join(scope)) if scope else ""


def _to(low: float, high: float) -> str:
    return _("{low} to {high}").format(low=f"{low:+.1f}", high=f"{high:+.1f}")


def _crowd(at: datetime) -> Who:
    """Return a sample of customers as they are, but all with the same chance."""
    known, named = traits.profiles(at=at, most=CROWD), segments(most=CROWD)
    # At least one, of whom nothing is known: a mean of nobody is no number.
    people = list(known) or [UUID(int=0)]
    p0 = np.full(len(people), USUAL)
    return Who(
        p0=p0,
        segment=[named.get(one, "") for one in people],
        traits=traits.of(people, p0, known),
    )


def _types(found: Posterior, everybody: Who) -> Iterator[tuple[str, Who]]:
    """Yield each type that shows in answers alone, as if all were of it."""
    # By what they do at the usual discount, where level and slope count alike.
    order = np.argsort(-(found.types.level + found.types.slope), kind="stable")
    for rank, place in enumerate(order.tolist(), start=1):
        only = np.tile(np.eye(len(order))[place], (len(everybody.p0), 1))
        name = _("type {rank}, {share} of customers").format(
            rank=rank, share=f"{found.types.share[place]:.0%}"
        )
        yield name, replace(everybody, types=only)


def _of(everybody: Who, segment: str) -> Who | None:
    rows = [i for i, one in enumerate(everybody.segment) if one == segment]
    return everybody[rows] if rows else None
