"""A price change as operators see it: what each product would cost, and why.

Striking products out of a proposal returns it and proposes the rest as its next
version, in one step; so the log says who left what out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics.languages import said
from analytics.wording import Wording, revived
from catalog import pricing
from catalog.models import Product
from promotions import approval, charts, pages, price_lines, price_outcomes
from promotions.figures import money
from promotions.models import PriceLine, Strategy
from promotions.plots import Mark
from promotions.price_lines import Change, NoLines
from promotions.price_outcomes import Came
from promotions.report_tables import Row, Section, drawn

MOST = 200
"""Lines on a page."""
RESTATED = {"down", "up", "margin", "low", "high", "units", "before"}
"""The figures of a proposal's sentence (price_proposals) that depend on its lines."""


def strike(
    key: UUID, skus: Collection[str], *, by: str, comment: str, at: datetime
) -> Strategy:
    """Propose a price change again without some products, in the proposal's place.

    :raises decision_rules.NotProposed: it does not wait for a decision any more.
    :raises NoLines: nothing would be left, nothing was named, or what is not in it.
    """
    with transaction.atomic():
        old = Strategy.objects.select_related("campaign").get(id=key)
        rows = list(old.price_lines.order_by("sku", "starts_at"))
        struck = set(skus)
        if strange := struck - {row.sku for row in rows}:
            raise NoLines(Wording("%(sku)s is not in it.", sku=min(strange)))
        left = [row for row in rows if row.sku not in struck]
        if len(left) == len(rows) or not left:
            raise NoLines(Wording("Choose some of the products, and not all."))
        named = ", ".join(sorted(struck))
        words = f"{comment} (struck out: {named})"[:2000]
        approval.request_changes(key, by=by, comment=words, at=at)
        # It was returned through a row of approval's own, read under its lock.
        old.refresh_from_db()
        change = _again(old, left, _part(left, rows))
        return price_lines.propose(change, by=by, at=at, replaces=old)


def _again(old: Strategy, rows: Sequence[PriceLine], share: float) -> Change:
    each = [row.expects for row in rows if row.expects]
    left = {row.sku for row in rows}
    all_plans = old.forecast.get("clearance", {})
    plans = {sku: plan for sku, plan in all_plans.items() if sku in left}
    # A clearance's gain is its plans': lines only share it, each rounded.
    gains = [plan["gain"][0] for plan in plans.values()]
    margin = sum(gains) if gains else sum(one["margin"] for one in each)
    whole = old.forecast["margin"]
    low, high = (
        margin + (old.forecast[end] - whole) * share for end in ("low", "high")
    )
    return Change(
        title=_kept(old, "title", old.title),
        reason=_restated(_kept(old, "reason", old.reason), rows, margin, low, high),
        scope=old.scope,
        lines=[price_lines.line_of(row) for row in rows],
        margin=margin,
        low=low,
        high=high,
        units=sum(one["units"] - one["units_before"] for one in each),
        revenue=sum(one.get("revenue", 0.0) for one in each),
        more={"clearance": plans} if plans else {},
    )


def _restated(
    reason: str, rows: Sequence[PriceLine], margin: float, low: float, high: float
) -> str:
    """Say a proposal's sentence again, with the figures of what is left."""
    # A clearance's sentence, or an older one, has other figures and stays as it is.
    if not isinstance(reason, Wording) or not reason.values.keys() >= RESTATED:
        return reason
    each = [row.expects for row in rows if row.expects]
    anew = {
        "down": sum(row.price < row.was for row in rows),
        "up": sum(row.price > row.was for row in rows),
        "margin": f"{margin:,.0f}",
        "low": f"{low:,.0f}",
        "high": f"{high:,.0f}",
        "units": f"{sum(one['units'] for one in each):,.0f}",
        "before": f"{sum(one['units_before'] for one in each):,.0f}",
    }
    return Wording(reason.pattern, **reason.values | anew)


def _part(left: Iterable[PriceLine], rows: Iterable[PriceLine]) -> float:
    """Return the share of the interval that is left: it shrinks as the lines' do."""
    part, whole = (
        sum(row.expects["high"] - row.expects["low"] for row in some if row.expects)
        for some in (left, rows)
    )
    return float(part / (whole or 1.0))


def _kept(old: Strategy, name: str, text: str) -> str:
    return revived(old.forecast.get("said", {}).get(name, text))


def page(strategy: Strategy, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the decision page of a price change shows beside the decision.

    It is asked for the lines of a page, `page`, of those whose product `q` names.
    """
    found = pages.cut(_found(strategy, pages.words(asked)), asked, most=MOST)
    rows = found.rows
    names = dict(
        Product.objects.filter(sku__in=[row.sku for row in rows]).values_list(
            "sku", "name"
        )
    )
    waits = strategy.state == Strategy.State.PROPOSED
    return {
        "lines": [_told(row, names, strategy.currency) for row in rows],
        "pages": found,
        "strikes": waits and strategy.forecast.get("low") is not None,
        "strike": reverse("admin:promotions_strategy_strike", args=[strategy.pk]),
        "sections": [one for one in (_curve(strategy), _weeks(strategy)) if one],
        "came": _came(price_outcomes.kept(strategy), strategy.currency),
    }


def _found(strategy: Strategy, words: str) -> QuerySet[PriceLine]:
    rows = strategy.price_lines.order_by("sku", "starts_at")
    if not words:
        return rows
    named = Product.objects.filter(name__icontains=words)
    return rows.filter(Q(sku__istartswith=words) | Q(sku__in=named.values("sku")))


def chosen(ticked: Iterable[str], written: str) -> list[str]:
    """Return the products that are to be struck: ticked, or written one a line."""
    lines = (line.strip() for line in written.replace("\0", "").splitlines())
    return [*ticked, *(line for line in lines if line)]


def _told(row: PriceLine, names: Mapping[str, str], currency: str) -> dict[str, Any]:
    known: dict[str, Any] = row.expects
    moved = (row.price / row.was - 1) * 100 if row.was else Decimal(0)
    return {
        "sku": row.sku,
        "name": names.get(row.sku, ""),
        "was": pricing.rounded(row.was, currency),
        "now": pricing.rounded(row.price, currency),
        "moved": f"{moved:+.1f} %",
        "starts": row.starts_at,
        "ends": row.ends_at,
        "state": row.get_state_display(),
        "units": _units(known),
        "margin": money(known["margin"], currency) if known else "",
        "between": f"{known['low']:,.2f} – {known['high']:,.2f}" if known else "",
        "why": said(revived(known.get("why", ""))) if known else "",
    }


def _units(known: Mapping[str, Any]) -> str:
    return f"{known['units_before']:,.0f} → {known['units']:,.0f}" if known else ""


def _curve(strategy: Strategy) -> Section | None:
    points = strategy.forecast.get("curve")
    if not points:
        return None
    marks = [
        Mark(label=f"{depth:+.0%}" if depth else "0%", value=value, low=low, high=high)
        for depth, value, low, high in points
    ]
    title = _("Margin gained in four weeks, were all these prices moved alike")
    return Section(
        title=_("Margin by depth"),
        says=_(
            "Were all these prices moved by the same share. The proposal moves each "
            "by itself, within its rules."
        ),
        chart=drawn(charts.by_day(marks, title=title)),
        legend=[("line", _("expected")), ("band", "80 %")],
        columns=[_("Moved by"), _("Margin gained"), "80 %"],
        rows=[
            Row(
                cells=[
                    one.label,
                    money(one.value, strategy.currency, whole=True),
                    f"{one.low:,.0f} – {one.high:,.0f}",
                ]
            )
            for one in marks
        ],
        folded=True,
    )


def _weeks(strategy: Strategy) -> Section | None:
    weeks = strategy.forecast.get("weeks")
    if not weeks:
        return None
    currency, last = strategy.currency, len(weeks)
    rows = [
        Row(
            cells=[
                _("%(number)s weeks ago") % {"number": last - place},
                *(money(one, currency).lstrip("+") for one in (was, now)),
                money(now - was, currency),
            ]
        )
        for place, (was, now) in enumerate(weeks)
    ]
    return Section(
        title=_("Simulated on past weeks"),
        says=_(
            "What these products sold in the past weeks, at today's prices and costs, "
            "and at the proposed prices by the same demand model."
        ),
        columns=[
            *(_("Week"), _("Margin at today's prices"), _("At the proposed ones")),
            _("Difference"),
        ],
        rows=rows,
    )


def _came(came: Came | None, currency: str) -> list[str]:
    if came is None:
        return []
    ends = {"low": f"{came.low:,.2f}", "high": f"{came.high:,.2f}"}
    return [
        _("%(units)s units sold; %(before)s were forecast at the old prices.")
        % {"units": f"{came.units:,.0f}", "before": f"{came.units_before:,.0f}"},
        _(
            "Margin gained: %(gain)s (80 %%: %(low)s to %(high)s); "
            "promised: %(promised)s."
        )
        % {
            "gain": money(came.gain, currency),
            "promised": money(came.promised, currency),
            **ends,
        },
        _(
            "Observational: everybody gets these prices, so nobody was held back. It "
            "is what came beside what was forecast at the old prices, before returns."
        ),
    ]
