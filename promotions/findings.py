"""A report in sentences: what it earned, how sure that is, what may not be concluded.

Each says no more than its numbers do, and nothing of them when the arms' sizes are not
as drawn. Sentences are translated; `tone` colours them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from promotions import missing
from promotions.figures import between, money, number, p_value, percent
from promotions.measurement import Result
from promotions.programme import Promise
from promotions.reports import Report

GOOD, BAD, DOUBT, PLAIN = "good", "bad", "doubt", "plain"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A sentence, and whether it is good news."""

    text: str
    tone: str = PLAIN


def of_report(report: Report, promise: Promise | None = None) -> Iterator[Finding]:
    """Say what a strategy or a campaign came to, the most important first."""
    result, currency = report.result, report.currency
    yield from sizes(result)
    yield from _crossed(result)
    if not result.as_drawn:
        return
    yield earned(result, currency)
    if result.empty:
        return
    if result.chance is not None:
        told = _("The chance that it earns more than it costs is %(chance)s.")
        told += " " + _("Nothing was believed of it before.")
        yield Finding(text=told % {"chance": percent(result.chance)})
    yield _returned(result, currency)
    if promise:
        yield _promised(promise, result, currency)
    yield from _pulled_forward(report)


def sizes(result: Result) -> Iterator[Finding]:
    """Say whether the arms' sizes are as drawn, if anybody is in them."""
    if result.empty:
        return
    if not result.as_drawn:
        text = _(
            "The arms do not have the sizes that were drawn (p < 0.001): something "
            "filters one of them. Believe none of these figures before it is found."
        )
        yield Finding(text=text, tone=BAD)
        return
    text = _("The arms have the sizes that were drawn (p = %(p)s).")
    yield Finding(text=text % {"p": p_value(result.mismatch)})


def earned(result: Result, currency: str) -> Finding:
    """Say what was earned for each treated customer and in all, and how surely."""
    profit, total = result.effects["profit"], result.total
    why = missing.why(profit, result.treatment, result.control)
    if why:
        text = _("What it earned is not estimable yet: %s.") % missing.WHY[why]
        return Finding(text=text, tone=DOUBT)
    said = {
        "each": money(profit.value, currency),
        "size": money(abs(profit.value), currency).lstrip("+"),
        "between": between(profit, currency),
        "all": money(total.value, currency, whole=True),
        "n": f"{result.treatment:,}",
    }
    # The interval that holds at every look goes first: whoever looks 20 times at the
    # other one finds something in 26 % of equal arms (docs/benchmarks.md, Experiments).
    for sure, effect in ((True, result.always), (False, profit)):
        if effect.low is not None and effect.low > 0:
            return Finding(text=_WON[sure] % said, tone=GOOD)
        if effect.high is not None and effect.high < 0:
            return Finding(text=_LOST[sure] % said, tone=BAD)
    return Finding(text=_OPEN % said, tone=DOUBT)


_WON = {
    True: gettext_lazy(
        "It earned: %(size)s more profit for each of %(n)s customers (95 %%: "
        "%(between)s), %(all)s in all. That is sure at whatever moment you look."
    ),
    False: gettext_lazy(
        "It seems to earn: %(size)s more profit for each of %(n)s customers (95 %%: "
        "%(between)s), %(all)s in all. That is sure only if you look once, on a day "
        "fixed before: whoever looks every day finds such a thing by chance."
    ),
}
_LOST = {
    True: gettext_lazy(
        "It loses: %(size)s profit for each of %(n)s customers (95 %%: %(between)s), "
        "%(all)s in all. That is sure at whatever moment you look."
    ),
    False: gettext_lazy(
        "It seems to lose: %(size)s profit for each of %(n)s customers (95 %%: "
        "%(between)s), %(all)s in all. That is sure only if you look once, on a day "
        "fixed before: whoever looks every day finds such a thing by chance."
    ),
}
_OPEN = gettext_lazy(
    "Whether it earns is open: %(each)s profit for each of %(n)s customers, but it may "
    "be anything of %(between)s (95 %%)."
)


def _returned(result: Result, currency: str) -> Finding:
    why, found = missing.why_return(result), result.returned
    if why:
        text = _("What a unit of discount brings back is not estimable: %s.")
        return Finding(text=text % missing.WHY[why], tone=DOUBT)
    text = _(
        "For each 1.00 %(currency)s of discount came %(value)s %(currency)s of margin "
        "(95 %%: %(low)s to %(high)s); below 1.00 it costs more than it brings."
    )
    names = ("value", "low", "high")
    said = {name: number(getattr(found, name), ".2f") for name in names}
    return Finding(text=text % {**said, "currency": currency})


def _promised(promise: Promise, result: Result, currency: str) -> Finding:
    profit = result.effects["profit"]
    said = {
        "promised": money(promise.each, currency),
    }
    if profit.low is None or profit.high is None:
        text = _("Promised was %(promised)s for each customer.")
        return Finding(text=text % said)
    if promise.each > profit.high:
        text = _("It keeps less than was promised: %(promised)s for each customer.")
        return Finding(text=text % said, tone=BAD)
    if promise.each < profit.low:
        text = _("It brings more than was promised: %(promised)s for each customer.")
        return Finding(text=text % said, tone=GOOD)
    text = _(
        "Promised was %(promised)s for each customer, which agrees with what is "
        "measured so far."
    )
    return Finding(text=text % said)


def _pulled_forward(report: Report) -> Iterator[Finding]:
    found, currency = report.washout, report.currency
    if found.why == "washout_runs":
        text = _(
            "What was only bought sooner still counts as gain: four weeks after the "
            "campaign's end are not over."
        )
        yield Finding(text=text, tone=DOUBT)
    if found.at_end is None or found.after is None or not found.after.estimable:
        return
    text = _(
        "When the campaign ended it stood at %(end)s for each customer, four weeks "
        "later at %(after)s."
    )
    if found.after.value < found.at_end.value:
        text += " " + _("What lies between was, as it seems, only bought sooner.")
    said = {
        "end": money(found.at_end.value, currency),
        "after": money(found.after.value, currency),
    }
    yield Finding(text=text % said)


def _crossed(result: Result) -> Iterator[Finding]:
    if result.crossed:
        text = ngettext(
            "%(n)s customer was in both arms, by two ids, and is left out.",
            "%(n)s customers were in both arms, by two ids, and are left out.",
            result.crossed,
        )
        yield Finding(text=text % {"n": f"{result.crossed:,}"}, tone=DOUBT)


def doubts(report: Report) -> Iterator[str]:
    """Say what may not be concluded."""
    yield _(
        "That who redeemed bought more than others proves nothing: they would have "
        "bought more anyway. Compare only who was assigned with who was held back."
    )
    if missing.why_shown(report.shown) == "nobody_shown" and not report.result.empty:
        yield _(
            "Who saw the offer cannot be compared with who would have seen it: that "
            "needs the shop to report withheld offers too (GET offers?withheld=true)."
        )


def of_variants(report: Report, by_lot: float) -> str:
    """Say how to read the table of variants; `by_lot` of the treated drew theirs."""
    text = _(
        "Each against all who were held back; intervals allow for there being "
        "several (Holm)."
    )
    if len(report.variants) > 1 and by_lot < 1:
        more = _(
            "Only %(share)s of the treated got their variant by lot, the others the "
            "one that suits them best. So variants differ by their customers too: none "
            "is shown to be better than another."
        )
        text += " " + more % {"share": percent(by_lot)}
    return text
