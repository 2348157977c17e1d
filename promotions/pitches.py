"""What a proposal is, and why, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from django.conf import settings

from analytics.wording import LISTED, OR, Wording, joined
from promotions import opportunities, trials
from promotions.beliefs import Response
from promotions.forecasts import Forecast
from promotions.opportunities import Part, Stock
from promotions.rules import Terms
from promotions.term_words import words


@dataclass(frozen=True, kw_only=True)
class Draft(Forecast):
    """A strategy that could be proposed, priced on all customers.

    `parts` say where the gain comes from; `worth` what a test may teach (None: it is
    no test), see promotions.trials.
    """

    kind: str
    category: str
    menu: Mapping[str, Terms]
    parts: Sequence[Part] = ()
    worth: float | None = None


def title(draft: Draft) -> str:
    said = [words(terms, settings.CURRENCY) for terms in draft.menu.values()]
    menu = said[0]
    if len(said) > 1:
        menu = joined(OR, [joined(LISTED, said[:-1]), said[-1]])
    pattern = Wording("%(category)s: %(menu)s")
    if draft.worth is not None:
        pattern = Wording("%(category)s: test of %(menu)s")
    return Wording(pattern, category=draft.category, menu=menu)


def stored(draft: Draft) -> dict[str, object]:
    """Write into a forecast where the gain comes from, or what a test is worth."""
    told: dict[str, object] = {"parts": [asdict(part) for part in draft.parts]}
    if draft.worth is not None:
        told["trial"] = {"price": round(draft.price, 2), "worth": round(draft.worth, 2)}
    return told


GROUNDS = {
    "assumed": Wording(
        "How customers answer offers is assumed: nothing was tried yet."
    ),
    "observational": Wording(
        "How customers answer is taken from the shop's own past campaigns and prices, "
        "which were no experiment."
    ),
    "randomised": Wording(
        "How customers answer was learnt from %(seen)s customers of earlier "
        "strategies, drawn by lot."
    ),
}


SOURCES = {
    opportunities.LAPSING: Wording(
        "%(share)s from %(reach)s who bought there and are slipping away"
    ),
    opportunities.UNWON: Wording(
        "%(share)s from %(reach)s who never bought there but may"
    ),
    opportunities.REGULAR: Wording("%(share)s from %(reach)s who buy there"),
    opportunities.CROSS_SELL: Wording(
        "%(share)s from %(reach)s who never bought there but buy %(partner)s, which "
        "goes with it (%(times)s times as often as by chance)"
    ),
}


def _sources(parts: Sequence[Part]) -> str:
    whole = sum(part.margin for part in parts)
    if whole <= 0:
        return ""
    said = [
        Wording(
            SOURCES[part.kind],
            share=f"{part.margin / whole:.0%}",
            reach=f"{part.reach:,}",
            partner=part.partner,
            times=f"{part.times:.1f}",
        )
        for part in parts
    ]
    return Wording("Of the gain comes %(parts)s. ", parts=joined(LISTED, said))


def _shelf(stock: Stock | None) -> str:
    if stock is None or stock.weeks is None:
        return ""
    pattern = Wording("The stock lasts %(weeks)s weeks at the usual pace. ")
    if stock.too_much:
        pattern = Wording(
            "The stock lasts %(weeks)s weeks at the usual pace, too much. "
        )
    return Wording(pattern, weeks=f"{stock.weeks:.0f}")


def reason(draft: Draft, believed: Response, stock: Stock | None) -> str:
    known = believed.posterior
    grounds = Wording(GROUNDS[known.basis], seen=f"{known.seen:,}")
    said = _promise(draft, stock) if draft.worth is None else _test(draft)
    return Wording(
        "%(said)s%(grounds)s The goods' margin is %(rate)s; where the feed names no "
        "cost, %(assumed)s is assumed.",
        said=said,
        grounds=grounds,
        rate=f"{draft.rate:.0%}",
        assumed=f"{settings.ASSUMED_MARGIN:.0%}",
    )


def _promise(draft: Draft, stock: Stock | None) -> str:
    return Wording(
        "%(reach)s customers would buy in %(category)s with a probability of "
        "%(audience)s within %(days)s days without an offer. Offers are expected to "
        "bring %(margin)s %(currency)s more margin than they cost (80 %%: %(low)s to "
        "%(high)s). %(sources)s%(shelf)s",
        **_figures(draft),
        margin=f"{draft.margin:.0f}",
        audience=f"{draft.audience:.0%}",
        days=settings.HORIZON_DAYS,
        sources=_sources(draft.parts),
        shelf=_shelf(stock),
    )


def _test(draft: Draft) -> str:
    return Wording(
        "A test: %(reach)s customers, drawn by lot, get one of the variants by lot; "
        "%(held)s of all who are in the test get none. It is expected to bring "
        "%(margin)s %(currency)s (80 %%: %(low)s to %(high)s), so no gain is promised. "
        "But to know how customers answer offers in %(category)s would be worth up to "
        "%(worth)s %(currency)s in half a year, and this is the way to learn it. ",
        **_figures(draft),
        held=f"{trials.HOLDOUT:.0%}",
        margin=f"{draft.margin:+.0f}",
        worth=f"{draft.worth:.0f}",
    )


def _figures(draft: Draft) -> dict[str, str]:
    return {
        "reach": f"{draft.reach:,}",
        "category": draft.category,
        "low": f"{draft.low:.0f}",
        "high": f"{draft.high:.0f}",
        "currency": settings.CURRENCY,
    }
