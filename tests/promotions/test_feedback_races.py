"""Words at once, beside erasure and a strategy's end."""

from functools import partial
from itertools import pairwise
from threading import Thread

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import privacy
from analytics.models import Customer, StoredEvent
from promotions import approval, feedback
from promotions.models import Feedback, Offer
from tests.conftest import Give, Make
from tests.promotions.racing import at_once
from tests.promotions.words import say, told


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_while_he_speaks_leaves_no_word(
    transactional_db: None, live: Make, give: Give
) -> None:
    strategy = live()
    for number in range(8):
        cleo = Customer.objects.create(external_id=f"cleo-{number}")
        offer = give(strategy, cleo)

        def speak(offer: Offer = offer) -> None:
            for word in ("useful", "not_for_me", "too_many") * 3:
                try:
                    feedback.say(offer.id, word, at=timezone.now())
                except feedback.NoOffer:
                    break
            connection.close()

        threads = [Thread(target=speak) for _ in range(3)]
        for one in threads:
            one.start()
        privacy.erase(cleo.external_id or "", by="shop", at=timezone.now())
        for one in threads:
            one.join()

    assert not Feedback.objects.exists()
    rows = StoredEvent.objects.filter(type="offer_feedback")
    assert set(rows.values_list("customer", flat=True)) <= {None}


@pytest.mark.django_db(transaction=True)
def test_of_words_at_once_the_last_in_the_log_is_the_one_that_counts(
    transactional_db: None, api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)
    words = ["useful", "not_for_me", "too_many"] * 20

    answers = at_once([partial(say, api, offer.id, word) for word in words], 16)

    assert {answer.status_code for answer in answers} == {200}
    said = [event.feedback for event in told()]
    assert Feedback.objects.get().word == said[-1]
    assert all(one != other for one, other in pairwise(said))


@pytest.mark.django_db(transaction=True)
def test_one_word_many_times_at_once_is_one_event(
    transactional_db: None, api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)

    answers = at_once([partial(say, api, offer.id, "useful")] * 40, 16)

    assert {answer.status_code for answer in answers} == {200}
    assert len(told()) == Feedback.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_strategy_can_end_while_its_customers_speak(
    transactional_db: None, api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    for _ in range(6):
        strategy = live()
        offer = give(strategy, ana)
        words = [
            partial(say, api, offer.id, word)
            for word in ("useful", "too_many", "not_for_me") * 3
        ]
        end = partial(
            approval.end, strategy.id, by="olga", comment="So.", at=timezone.now()
        )

        answers = at_once([*words[:4], end, *words[4:]], 10)

        codes = {one.status_code for one in answers if one is not None}
        assert codes <= {200, 404}
        strategy.refresh_from_db()
        assert strategy.state == "ended"
