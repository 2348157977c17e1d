import numpy as np

from ml import bags
from tests.ml.planted import CUSTOMERS, ITEMS, purchases


def test_a_bag_holds_the_heaviest_first_and_weights_of_length_1() -> None:
    past = purchases(signal=True)
    filled = bags.bags(past, past.product, day=17_084, customers=CUSTOMERS + 1)

    length = np.linalg.norm(filled.weight, axis=1)
    assert (np.diff(filled.weight[..., -1], axis=1) <= 0).all()
    np.testing.assert_allclose(length[:-1], 1, rtol=1e-5)
    assert (filled.item[-1] == -1).all()
    assert not filled.weight[-1].any()


def test_what_happens_later_changes_no_bag() -> None:
    past = purchases(signal=True)
    day = 17_050.0
    now = past.before(day)

    seen = bags.examples(past, past.product, days=[day], customers=CUSTOMERS).bags
    alone = bags.bags(now, now.product, day=day, customers=CUSTOMERS)
    bought = np.unique(past.customer[(past.day >= day) & (past.day < day + 7)])
    alone = alone.where(bought)

    assert (seen.item == alone.item).all()
    assert (seen.weight == alone.weight).all()


def test_examples_tell_the_week_after() -> None:
    past = purchases(signal=True)
    told = bags.examples(past, past.product, days=[17_007, 17_070], customers=CUSTOMERS)
    later = past.where((past.day >= 17_070) & (past.day < 17_077))

    assert len(told.bags) == 2 * CUSTOMERS
    mine = told.bought[told.first[CUSTOMERS + 9] : told.first[CUSTOMERS + 10]]
    assert set(mine) == set(later.product[later.customer == 9])


def test_log_q_is_the_chance_of_being_in_the_batch() -> None:
    past = purchases(signal=False)
    told = bags.examples(past, past.product, days=[17_070], customers=CUSTOMERS)
    share = np.bincount(told.bought, minlength=ITEMS) / len(told.bought)
    seen, chance = np.zeros(ITEMS), np.zeros(ITEMS)

    for seed in range(100):
        random = np.random.default_rng(seed)
        *_, items, log_q, target = next(bags.batches(told, share, 8, random))
        seen[items] += 1
        chance[items] += np.exp(log_q)
        np.testing.assert_allclose(target.sum(axis=1), 1, rtol=1e-6)

    often = seen > 20
    np.testing.assert_allclose(chance[often] / seen[often], seen[often] / 100, atol=0.2)
