"""What a proposal is, and why, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from django.conf import settings

from promotions import opportunities, trials
from promotions.forecasts import Forecast
from promotions.opportunities import Part, Stock
from promotions.rules import Terms, words
from promotions.value import Response


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
    menu = said[0] if len(said) == 1 else f"{said[0]} to {said[-1]}"
    test = "" if draft.worth is None else "test of "
    return f"{draft.category}: {test}{menu}"


def stored(draft: Draft) -> dict[str, object]:
    """Write into a forecast where the gain comes from, or what a test is worth."""
    told: dict[str, object] = {"parts": [asdict(part) for part in draft.parts]}
    if draft.worth is not None:
        told["trial"] = {"price": round(draft.price, 2), "worth": round(draft.worth, 2)}
    return told


GROUNDS = {
    "assumed": "How customers answer offers is assumed: nothing was tried yet.",
    "observational": "How customers answer is taken from the shop's own past campaigns "
    "and prices, which were no experiment.",
    "randomised": "How customers answer was learnt from {seen:,} customers of earlier "
    "strategies, drawn by lot.",
}


SOURCES = {
    opportunities.LAPSING: "{share:.0%} from {reach:,} who bought there and are "
    "slipping away",
    opportunities.UNWON: "{share:.0%} from {reach:,} who never bought there but may",
    opportunities.REGULAR: "{share:.0%} from {reach:,} who buy there",
    opportunities.CROSS_SELL: "{share:.0%} from {reach:,} who never bought there but "
    "buy {partner}, which goes with it ({times:.1f} times as often as by chance)",
}


def _sources(parts: Sequence[Part]) -> str:
    whole = sum(part.margin for part in parts)
    said = [
        SOURCES[part.kind].format(share=part.margin / whole, **vars(part))
        for part in parts
        if whole > 0
    ]
    return f"Of the gain comes {', '.join(said)}. " if said else ""


def _shelf(stock: Stock | None) -> str:
    if stock is None or stock.weeks is None:
        return ""
    much = ", too much" if stock.too_much else ""
    return f"The stock lasts {stock.weeks:.0f} weeks at the usual pace{much}. "


def reason(draft: Draft, believed: Response, stock: Stock | None) -> str:
    known = believed.posterior
    grounds = GROUNDS[known.basis].format(seen=known.seen)
    said = _promise(draft, stock) if draft.worth is None else _test(draft)
    return (
        f"{said}{grounds} The goods' margin is {draft.rate:.0%}; where the feed names "
        f"no cost, {settings.ASSUMED_MARGIN:.0%} is assumed."
    )


def _promise(draft: Draft, stock: Stock | None) -> str:
    return (
        f"{draft.reach:,} customers would buy in {draft.category} with a probability "
        f"of {draft.audience:.0%} within {settings.HORIZON_DAYS} days without an "
        f"offer. Offers are expected to bring {draft.margin:.0f} {settings.CURRENCY} "
        f"more margin than they cost (80 %: {draft.low:.0f} to {draft.high:.0f}). "
        f"{_sources(draft.parts)}{_shelf(stock)}"
    )


def _test(draft: Draft) -> str:
    return (
        f"A test: {draft.reach:,} customers, drawn by lot, get one of the variants by "
        f"lot; {trials.HOLDOUT:.0%} of all who are in the test get none. It is "
        f"expected to bring {draft.margin:+.0f} {settings.CURRENCY} (80 %: "
        f"{draft.low:.0f} to {draft.high:.0f}), so no gain is promised. But to know "
        f"how customers answer offers in {draft.category} would be worth up to "
        f"{draft.worth:.0f} {settings.CURRENCY} in half a year, and this is the way "
        f"to learn it. "
    )
