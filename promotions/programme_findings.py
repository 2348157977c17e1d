"""The programme's report in sentences: what it came to, what was kept of promises."""

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from promotions import missing
from promotions.figures import between, money
from promotions.findings import BAD, DOUBT, GOOD, Finding, sizes
from promotions.programme import MOST_LINES, Kept, Month, Programme


def of_programme(told: Programme) -> Iterator[Finding]:
    """Say what all months came to, and how much of what was promised was kept."""
    yield from _sizes_by_month(told.months)
    if not told.added:
        text = _("What the programme earned is not estimable yet: %s.")
        yield Finding(text=text % missing.WHY["not_measured"], tone=DOUBT)
        return
    yield _months(told)
    if left := len(told.months) - told.added:
        text = ngettext(
            "%(n)s month is left out: not estimable, or its arms are not as drawn.",
            "%(n)s months are left out: not estimable, or their arms are not as drawn.",
            left,
        )
        yield Finding(text=text % {"n": left}, tone=DOUBT)
    if told.kept.strategies:
        yield _kept(told.kept, told.currency)


def _sizes_by_month(months: Sequence[Month]) -> Iterator[Finding]:
    """Name the months whose arms are not as drawn: only their figures are in doubt."""
    filtered = [f"{one.first:%Y-%m}" for one in months if not one.result.as_drawn]
    if not filtered:
        for month in months[-1:]:
            yield from sizes(month.result)
        return
    text = ngettext(
        "In %(n)s month the arms do not have the sizes that were drawn (p < 0.001): "
        "%(months)s. Something filters one of them: believe none of its figures.",
        "In %(n)s months the arms do not have the sizes that were drawn (p < 0.001): "
        "%(months)s. Something filters one of them: believe none of their figures.",
        len(filtered),
    )
    said = {"n": len(filtered), "months": ", ".join(filtered)}
    yield Finding(text=text % said, tone=BAD)


def doubts_of_programme() -> Iterator[str]:
    """Say what may not be concluded from the programme's page."""
    yield _(
        "The same people are held out in every month, so months are not independent. "
        "Where they are added up, so are their errors: that interval is the widest."
    )
    yield _(
        "A strategy's profit is against its own holdout, who may have other offers "
        "instead. So strategies do not add up to the programme."
    )
    yield _(
        "What a month's customers only bought sooner is missing in the next one: a "
        "single month tells little."
    )


def _months(told: Programme) -> Finding:
    total = told.total
    text = ngettext(
        "In %(n)s month all strategies together earned %(all)s (95 %%: %(between)s).",
        "In %(n)s months all strategies together earned %(all)s (95 %%: %(between)s).",
        told.added,
    )
    if told.added < len(told.months):
        text = _of_some(told.added)
    said = {
        "n": told.added,
        "all": money(total.value, told.currency, whole=True),
        "between": between(total, told.currency, whole=True),
    }
    tone = DOUBT
    if total.low is not None and total.low > 0:
        tone = GOOD
    elif total.high is not None and total.high < 0:
        tone = BAD
    else:
        text += " " + _("Whether that is more than nothing is open.")
    return Finding(text=text % said, tone=tone)


def _of_some(months: int) -> str:
    """Say what the months came to of which something is known, where not all are."""
    return ngettext(
        "In the %(n)s month that can be believed, all strategies together earned "
        "%(all)s (95 %%: %(between)s).",
        "In the %(n)s months that can be believed, all strategies together earned "
        "%(all)s (95 %%: %(between)s).",
        months,
    )


def _kept(kept: Kept, currency: str) -> Finding:
    text = ngettext(
        "%(n)s of the newest %(most)s strategies promised %(promised)s in all; "
        "measured were %(measured)s (95 %%: %(between)s).",
        "%(n)s of the newest %(most)s strategies promised %(promised)s in all; "
        "measured were %(measured)s (95 %%: %(between)s).",
        kept.strategies,
    )
    said = {
        "most": MOST_LINES,
        "n": kept.strategies,
        "promised": money(kept.promised, currency, whole=True),
        "measured": money(kept.measured.value, currency, whole=True),
        "between": between(kept.measured, currency, whole=True),
    }
    rest = _(
        "Strategies that promised nothing, or of which nothing is known yet, are not "
        "in this sum; what all together earned counts them too."
    )
    return Finding(text=f"{text % said} {rest}")
