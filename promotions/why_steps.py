"""What must be so for a personal offer, step by step, each in a sentence.

Nothing here decides: a `Person` holds what a refresh or an arrival would go by
(promotions.why_not gathers it). When a used offer may be used again is looked up.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from analytics.languages import said
from catalog import pricing
from promotions import arms, feedback, supply, term_words
from promotions.models import Offer, Strategy
from promotions.why_known import Person, Step, would_draw

GO_ON = {"held_out", "holdout", "not_for_me", "budget_spent", "contact_rule"}
"""After these failures it makes sense to ask on: more than one thing may be so."""


def steps(strategy: Strategy, person: Person) -> Iterator[Step]:
    """Yield what must be so for an offer that somebody has not."""
    for ask in ASKED:
        for step in ask(strategy, person):
            yield step
            if not step.passed and step.name not in GO_ON:
                return
    yield _at_last(person)


def having(strategy: Strategy, offer: Offer, person: Person) -> Iterator[Step]:
    """Yield whether an offer that can be used is shown as well."""
    yield from _words(strategy, person)
    left = not strategy.exhausted
    yield Step(
        name="budget_spent",
        passed=left,
        text=_("There is money left for it.")
        if left
        else _("They have it, but it is not shown: its budget is nearly spent."),
    )
    best = feedback.ranked(person.offers.values(), person.said)
    if person.said.one_at_a_time and best and best[0].id != offer.id:
        yield Step(
            name="one_at_a_time",
            passed=False,
            text=_("They have it, but asked for fewer offers: another one is shown."),
        )
    terms = strategy.terms[offer.variant]
    told = {
        "what": said(term_words.words(terms, strategy.currency)),
        "day": f"{offer.expires_at:%Y-%m-%d %H:%M}",
    }
    yield Step(
        name="has_it",
        passed=True,
        text=_("They have this offer: %(what)s, until %(day)s (UTC).") % told,
    )


def _running(strategy: Strategy, person: Person) -> Iterator[Step]:
    """Yield whether it makes personal offers at all, now."""
    states = {
        Strategy.State.PROPOSED: _("It is only proposed: nobody has approved it yet."),
        Strategy.State.REJECTED: _("It was rejected: nobody ever gets it."),
        Strategy.State.ENDED: _("It has ended."),
    }
    campaign, at = strategy.campaign, person.at
    # The first reason that holds is told: each `wrong or` below keeps it.
    wrong = states.get(Strategy.State(strategy.state), "")
    if strategy.trigger == Strategy.Trigger.AUTOMATIC:
        wrong = wrong or _("It is no personal offer: it applies to every fitting cart.")
    elif strategy.trigger == Strategy.Trigger.CODE:
        wrong = wrong or _("It is no personal offer: a code must be entered.")
    day = "%Y-%m-%d %H:%M"
    if at < campaign.starts_at:
        wrong = wrong or _("Its campaign begins on %s (UTC).") % (
            f"{campaign.starts_at:{day}}"
        )
    if at >= campaign.ends_at:
        wrong = wrong or _("Its campaign was over on %s (UTC).") % (
            f"{campaign.ends_at:{day}}"
        )
    right = _("It is live, and its campaign is running.")
    yield Step(name="not_running", passed=not wrong, text=wrong or right)


def _consents(strategy: Strategy, person: Person) -> Iterator[Step]:
    if person.willing:
        right = _("The customer allows personal offers, or has not forbidden them.")
        yield Step(name="no_consent", passed=True, text=right)
    elif person.consent is False:
        text = _("The customer has forbidden personal offers.")
        yield Step(name="no_consent", passed=False, text=text)
    else:
        text = _("The customer has not allowed personal offers, and this shop asks.")
        yield Step(name="no_consent", passed=False, text=text)


def _again(strategy: Strategy, person: Person) -> str:
    """Say from when on a used offer can be used again."""
    mine = strategy.offers.filter(customer=person.key, redeemed_at__isnull=False)
    last = mine.values_list("redeemed_at", flat=True).first()
    if last is None:
        text = _("They have used it. Days after which it can be used again: %s.")
        return text % strategy.renews_days
    again = last + timedelta(days=strategy.renews_days or 0)
    text = _("They have used it. It can be used again from %s (UTC).")
    return text % f"{again:%Y-%m-%d %H:%M}"


def _unused(strategy: Strategy, person: Person) -> Iterator[Step]:
    held = person.held.get(strategy.id)
    if (person.key, strategy.id) in person.used:
        text = _("They have used it already; it is for one use.")
        if strategy.renews_days:
            text = _again(strategy, person)
        yield Step(name="used", passed=False, text=text)
        return
    if held:
        text = _("A cart of theirs holds it until %s (UTC).")
        day = f"{held.held_until:%Y-%m-%d %H:%M}"
        yield Step(name="held", passed=False, text=text % day)
        return
    yield Step(name="used", passed=True, text=_("They have not used it yet."))


def _lot(strategy: Strategy, person: Person) -> Iterator[Step]:
    """Yield whether a lot keeps it from them: one that was drawn, or would be."""
    drawn = person.assigned.get(strategy.id)
    # What was drawn holds: shares may have been others then.
    arm = drawn.arm if drawn else would_draw(strategy, person)
    if arm == arms.HELD_OUT:
        share = f"{100 * settings.HELD_OUT:.0f}"
        text = _(
            "They are held out of every personal offer: a lot draws %s %% of all "
            "customers, so that it can be measured what all promotions earn."
        )
        yield Step(name="held_out", passed=False, text=text % share)
    elif arm == arms.HOLDOUT:
        text = _(
            "A lot put them into the holdout of this strategy: %s %% get no offer of "
            "it, so that it can be measured what it earns."
        )
        share = f"{100 * strategy.holdout:.0f}"
        yield Step(name="holdout", passed=False, text=text % share)
    else:
        text = _("No lot keeps it from them.")
        yield Step(name="holdout", passed=True, text=text)


def _words(strategy: Strategy, person: Person) -> Iterator[Step]:
    refused = person.said.refuses(strategy.id, strategy.scope)
    wrong = _("They said that such offers are not for them, within the last 8 weeks.")
    right = _("They have not said that it is not for them.")
    yield Step(name="not_for_me", passed=not refused, text=wrong if refused else right)


def _money(strategy: Strategy, person: Person) -> Iterator[Step]:
    left = strategy.left > 0 and not strategy.exhausted
    amount = pricing.rounded(strategy.left, strategy.currency)
    told = {"left": f"{amount:,} {strategy.currency}"}
    wrong = _("Its budget, or its campaign's, is spent: %(left)s are left.") % told
    right = _("There is money left for it: %(left)s.") % told
    yield Step(name="budget_spent", passed=left, text=right if left else wrong)


def _scored(strategy: Strategy, person: Person) -> Iterator[Step]:
    """Yield whether it is known what the customer may buy of its goods."""
    weighing = person.weighing
    if strategy.id in weighing.places:
        text = _("It is known how likely they buy what it is about.")
        if not weighing.scored:
            text = _("The scores do not know them yet; their events were read instead.")
        yield Step(name="not_scored", passed=True, text=text)
    elif person.allocation is None:
        text = _("No offers were ever computed.")
        yield Step(name="never_computed", passed=False, text=text)
    elif not weighing.columns and not weighing.scored:
        text = _("Nothing is foretold of them yet: there is no model.")
        yield Step(name="not_scored", passed=False, text=text)
    else:
        text = _("They are not in its audience: nothing it is about was ever scored.")
        yield Step(name="not_scored", passed=False, text=text)


def _allowed(strategy: Strategy, person: Person) -> Iterator[Step]:
    """Yield whether stock and the contact rule allow it."""
    weighing = person.weighing
    place, asked = weighing.places.get(strategy.id), weighing.asked
    if place is None or asked is None or asked.audience is None:
        return
    if weighing.promised(place):
        text = _("They keep the place in its audience that they have.")
        yield Step(name="has_place", passed=True, text=text)
        return
    # Column 0: the instance is of this one person.
    there = bool(asked.audience[place, 0])
    if not there and supply.runs_short(strategy, person.short):
        text = _(
            "It is held back for stock: what it is about runs short, so no new offers "
            "of it are made."
        )
        yield Step(name="held_back_for_stock", passed=False, text=text)
        return
    wrong = _("Everything it is about, is out of stock.")
    right = _("What it is about is in stock.")
    yield Step(name="out_of_stock", passed=there, text=right if there else wrong)
    if asked.given is not None:
        room = asked.most - int(asked.given[0]) > 0
        wrong = _("The contact rule: they came into enough strategies in 28 days.")
        right = _("The contact rule allows one more offer.")
        text = right if room else wrong
        yield Step(name="contact_rule", passed=room, text=text)


def _worth(strategy: Strategy, person: Person) -> Iterator[Step]:
    """Yield whether it pays, and against what else the money could do."""
    weighing = person.weighing
    place, asked = weighing.places.get(strategy.id), weighing.asked
    if place is None or asked is None or weighing.weighed is None:
        return
    if weighing.promised(place):
        return
    value, cost = float(asked.value[place, 0]), float(asked.cost[place, 0])
    told = {
        "margin": f"{value:+.2f} {strategy.currency}",
        "cost": f"{cost:.2f} {strategy.currency}",
    }
    if strategy.allocation == Strategy.Allocation.TRIAL:
        yield _tried(value)
    else:
        pays = value > 0
        wrong = _("It would not pay with them: expected %(margin)s for %(cost)s.")
        right = _("It would pay with them: expected %(margin)s for %(cost)s.")
        text = (right if pays else wrong) % told
        yield Step(name="not_worth_it", passed=pays, text=text)
    # Bids are values less what limits cost at the last allocation's prices.
    enough = weighing.weighed.bids[place] > 0
    wrong = _("The money is short: other customers make more of the same budget.")
    right = _("The budget is not too short for them.")
    yield Step(name="budget_short", passed=enough, text=right if enough else wrong)


def _tried(value: float) -> Step:
    # drawing._by_lot values whom no lot drew so.
    drawn = value != float("-inf")
    wrong = _("It is a trial for a part of all customers, and no lot drew them.")
    right = _("It is a trial, and a lot drew them for it.")
    return Step(name="not_drawn", passed=drawn, text=right if drawn else wrong)


def _others(strategy: Strategy, person: Person) -> Iterator[Step]:
    """Yield whether other offers take its place: so many there are for each."""
    weighing = person.weighing
    place, found = weighing.places.get(strategy.id), weighing.weighed
    if place is None or found is None or weighing.given is None:
        return
    promised = weighing.given.promised[:, 0]
    taken = [i for i in range(len(promised)) if promised[i] or i in found.given]
    chosen = place in taken
    better = [weighing.columns[i].strategy.called for i in taken if i != place]
    told = {"most": settings.OFFERS_PER_CUSTOMER, "others": "; ".join(better)}
    wrong = _("Nothing is left for them of a limit that it shares.")
    if better:
        wrong = _(
            "Other offers are worth more to them, or they have these: %(others)s. "
            "Nobody has more than %(most)s at once, or than a campaign allows."
        )
    right = _("It is among the best offers for them.")
    text = right if chosen else wrong % told
    yield Step(name="others_are_better", passed=chosen, text=text)


def _at_last(person: Person) -> Step:
    text = _("It is theirs: offers are computed every quarter of an hour.")
    if person.allocation and person.allocation.refused:
        text = _("The last computation of offers found no plan: nobody got new ones.")
    return Step(name="not_computed_yet", passed=False, text=text)


ASKED: Sequence[Callable[[Strategy, Person], Iterator[Step]]] = (
    _running,
    _consents,
    _unused,
    _lot,
    _words,
    _money,
    _scored,
    _allowed,
    _worth,
    _others,
)
"""In the order in which they matter to somebody on the telephone."""
