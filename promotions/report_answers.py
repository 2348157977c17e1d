"""Reports as the API answers them (promotions.report_bodies says in which shape).

Money is a string: what it is for each customer to a hundredth of the smallest coin,
totals to the coin. What is not estimable is null, and `why` beside it says what is
missing: no number stands where none can be known.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from analytics.experiments import Effect, total
from catalog import pricing
from promotions import funnels, missing, programme, reports
from promotions.measurement import Result
from promotions.models import Campaign, Strategy
from promotions.programme import Kept, Line, Month, Programme
from promotions.reports import Day, Part, Report

Body = dict[str, Any]
COUNTS = ("orders", "refusals")
"""Metrics that are no money: numbers for each customer."""
TOTALS = ("revenue", "margin", "profit")


def strategy(row: Strategy, report: Report) -> Body:
    """Fill StrategyReportSerializer."""
    currency, reached = row.currency, funnels.funnel(row, report)
    promised = programme.promise(row)
    return {
        "strategy": str(row.id),
        "title": row.title,
        **_report(report),
        "variants": {
            "by_lot": reports.by_lot(row),
            "variants": _parts(report.variants, currency),
        },
        "funnel": vars(reached) | {"given": whole(reached.given, currency)},
        "promised": each(promised.each, currency) if promised else None,
    }


def campaign(row: Campaign, report: Report, lines: Sequence[Line]) -> Body:
    """Fill CampaignReportSerializer."""
    told = {"campaign": str(row.id), "name": row.name, **_report(report)}
    return told | {"strategies": [line(one) for one in lines]}


def of_programme(told: Programme) -> Body:
    """Fill ProgrammeReportSerializer."""
    missing = None if told.added else "not_measured"
    return {
        "currency": told.currency,
        "months": [_month(month, told.currency) for month in told.months],
        "all_months": {
            "months": told.added,
            "left_out": len(told.months) - told.added,
            "total": amount(told.total, told.currency, missing, whole),
        },
        "kept": _kept(told.kept, told.currency),
        "strategies": [line(one) for one in told.lines],
    }


def line(one: Line) -> Body:
    """Fill ReportLineSerializer."""
    row, result, currency = one.strategy, one.result, one.strategy.currency
    return {
        "strategy": str(row.id),
        "campaign": str(row.campaign_id),
        "title": row.title,
        "state": row.state,
        "currency": currency,
        "until": row.measured.get("until"),
        "promised": each(one.promise.each, currency) if one.promise else None,
        **_result(result, currency),
    }


def each(value: float, currency: str) -> str:
    """Write what it is for each customer: two decimals more than the currency's."""
    # A gain for each customer is often less than a coin.
    return str(Decimal(value).quantize(pricing.minor_unit(currency) / 100))


def whole(value: float | Decimal, currency: str) -> str:
    """Write an amount to the coin."""
    return str(pricing.rounded(Decimal(value), currency))


def amount(
    effect: Effect | None,
    currency: str,
    why: str | None,
    write: Callable[[float, str], str] = each,
) -> Body:
    """Write an effect in money; all null where it is not estimable."""
    plain = ratio(effect, why)
    told = {
        name: None if plain[name] is None else write(plain[name], currency)
        for name in ("value", "low", "high")
    }
    return plain | told


def ratio(effect: Effect | None, why: str | None) -> Body:
    """Write an effect in numbers; all null where it is not estimable."""
    if effect is None or why is not None:
        return dict.fromkeys(("value", "low", "high", "p")) | {"why": why}
    return {
        "value": effect.value,
        "low": effect.low,
        "high": effect.high,
        "p": effect.p,
        "why": None,
    }


def _report(told: Report) -> Body:
    result, currency = told.result, told.currency
    return {
        "currency": currency,
        "through": told.through and told.through.isoformat(),
        **_result(result, currency),
        "effects": {name: _metric(name, result, currency) for name in result.effects},
        "lift": ratio(told.lift, missing.why_lift(told)),
        "washout": {
            "at_end": _known(told.washout.at_end, told),
            "after": _known(told.washout.after, told),
        },
        "days": [_day(day, currency) for day in told.days],
        "slices": {
            "segments": _parts(told.segments, currency),
            "weeks": _parts(told.weeks, currency),
        },
        "shown": _shown(told),
    }


def _result(result: Result, currency: str) -> Body:
    """Write what a report, a line and a month have in common."""
    return {
        "arms": {
            "treatment": result.treatment,
            "control": result.control,
            "crossed": result.crossed,
            "p": result.mismatch,
            "as_drawn": result.as_drawn,
        },
        "profit": _metric("profit", result, currency),
        "always": amount(result.always, currency, _why(result.always, result)),
        "chance": result.chance,
        "totals": {name: _total(name, result, currency) for name in TOTALS},
        "return_on_discount": {
            "value": result.returned.value,
            "low": result.returned.low,
            "high": result.returned.high,
            "why": missing.why_return(result),
        },
    }


def _metric(name: str, result: Result, currency: str) -> Body:
    effect = result.effects[name]
    why = _why(effect, result)
    return ratio(effect, why) if name in COUNTS else amount(effect, currency, why)


def _total(name: str, result: Result, currency: str) -> Body:
    effect = result.effects[name]
    of_all = total(effect, result.treatment)
    return amount(of_all, currency, _why(effect, result), whole)


def _known(effect: Effect | None, told: Report) -> Body:
    """Write what was known at some time, if that time has come."""
    if effect is None:
        return amount(None, told.currency, told.washout.why)
    return amount(effect, told.currency, _why(effect, told.result))


def _day(day: Day, currency: str) -> Body:
    why = missing.why(day.profit, day.treatment, day.control)
    return {
        "day": day.day.isoformat(),
        "treatment": day.treatment,
        "control": day.control,
        "profit": amount(day.profit, currency, why),
        "always": amount(day.always, currency, why),
    }


def _parts(parts: Sequence[Part], currency: str) -> list[Body]:
    return [
        {
            "name": part.name,
            "treatment": part.treatment,
            "control": part.control,
            "profit": amount(
                part.profit,
                currency,
                missing.why(part.profit, part.treatment, part.control),
            ),
        }
        for part in parts
    ]


def _shown(told: Report) -> Body:
    one, why = told.shown.result, missing.why_shown(told.shown)
    return {
        "treatment": one.treatment,
        "control": one.control,
        "share": told.shown.share,
        "p": one.mismatch,
        "as_drawn": one.as_drawn,
        "profit": amount(one.effects["profit"], told.currency, why),
    }


def _month(month: Month, currency: str) -> Body:
    plain = {"month": f"{month.first:%Y-%m}", "whole": month.whole}
    return plain | _result(month.result, currency)


def _kept(told: Kept, currency: str) -> Body:
    why = None if told.strategies else "not_measured"
    return {
        "strategies": told.strategies,
        "promised": whole(told.promised, currency),
        "measured": amount(told.measured, currency, why, whole),
    }


def _why(effect: Effect, result: Result) -> str | None:
    return missing.why(effect, result.treatment, result.control)
