"""A person is one unit of a strategy's sums, by however many keys; in two arms none."""

import numpy as np
import pytest

from analytics.models import Customer
from promotions import sums
from promotions.models import Strategy
from tests.promotions.summing import assign, day, mean, order, summed, tried

__all__ = ["tried"]


def test_a_person_in_two_arms_counts_in_none_and_is_counted(tried: Strategy) -> None:
    ana = Customer.objects.create(external_id="ana")
    phone = Customer.objects.create(anonymous_id="phone")
    assign(tried, phone.key, "holdout", day(0))
    assign(tried, ana.key, "treatment", day(1))
    Customer.objects.filter(key=ana.key).update(person=phone.key)

    grams = summed(tried)

    assert ("all", "treatment") not in grams
    assert ("all", "holdout") not in grams
    assert grams["all", sums.CROSSED][0, 0] == 1


def test_who_was_assigned_by_two_keys_is_dropped_whatever_they_drew(
    tried: Strategy,
) -> None:
    ana = Customer.objects.create(external_id="ana")
    phone = Customer.objects.create(anonymous_id="phone")
    assign(tried, phone.key, "treatment", day(0))
    assign(tried, ana.key, "treatment", day(1))
    Customer.objects.filter(key=ana.key).update(person=phone.key)

    grams = summed(tried)

    assert ("all", "treatment") not in grams
    assert grams["all", sums.CROSSED][0, 0] == 1


def test_people_of_two_keys_who_spend_more_are_no_effect(tried: Strategy) -> None:
    rng = np.random.default_rng(1)

    def drawn() -> str:
        return "holdout" if rng.random() < 0.05 else "treatment"

    for n in range(1500):
        both = rng.random() < 0.2
        phone = Customer.objects.create(anonymous_id=f"phone {n}")
        assign(tried, phone.key, drawn(), day(0))
        if both:
            known = Customer.objects.create(external_id=f"c{n}")
            assign(tried, known.key, drawn(), day(0))
            Customer.objects.filter(key=known.key).update(person=phone.key)
        order(phone.key, str(n), "98.00" if both else "8.00", day(1))

    grams = summed(tried)

    revenue = [mean(grams["all", arm], "revenue") for arm in ("treatment", "holdout")]
    assert revenue == pytest.approx([10, 10])


def test_a_person_of_several_keys_is_one_unit(tried: Strategy) -> None:
    ana = Customer.objects.create(external_id="ana")
    phone = Customer.objects.create(anonymous_id="phone")
    assign(tried, phone.key, "treatment", day(0))
    Customer.objects.filter(key=ana.key).update(person=phone.key)
    order(ana.key, "1", "8.00", day(1))

    gram = summed(tried)["all", "treatment"]

    assert gram[0, 0] == 1
    assert mean(gram, "revenue") == pytest.approx(10)
