"""Who is who: links, their undoing, and consent across log-in."""

import itertools
import json
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import identity, ingestion, links
from analytics.models import Customer
from analytics.persons import Member, nobody, settle
from tests.analytics.conftest import NOW, sent, together
from tests.folding import people, people_again

numbers = itertools.count()


def tell(type_: str, data: dict[str, Any] | None = None, **who: Any) -> None:
    at = NOW + timedelta(seconds=next(numbers))
    raw = sent(type=type_, data=data or {}, occurred_at=at.isoformat(), **who)

    [result] = ingestion.ingest([json.dumps(raw).encode()], source="test", at=at)
    assert result.status == "accepted", result


def login(customer: str, visitor: str) -> None:
    tell("customer_identified", customer=customer, anonymous=visitor)


def key(name: str) -> UUID:
    found = Customer.objects.filter(external_id=name).first()
    return (found or Customer.objects.get(anonymous_id=name)).key


@pytest.mark.django_db
def test_a_visitor_becomes_the_customer_who_logs_in() -> None:
    tell("product_viewed", {"sku": "tea"}, customer=None, anonymous="v-1")
    login("ana", "v-1")

    assert identity.find("v-1") == identity.find("ana") == key("ana")
    assert identity.keys(key("ana")) == sorted([key("ana"), key("v-1")])
    assert people() == people_again()


@pytest.mark.django_db
def test_a_wrong_link_is_undone_and_not_made_again() -> None:
    login("ana", "v-1")

    links.unlink(key("v-1"), by="olga", at=NOW + timedelta(days=1))
    login("ana", "v-1")

    assert identity.find("v-1") == key("v-1")
    assert identity.keys(key("ana")) == [key("ana")]
    assert people() == people_again()
    with pytest.raises(links.NotLinked):
        links.unlink(key("v-1"), by="olga", at=NOW)


@pytest.mark.django_db
def test_the_second_customer_of_a_device_does_not_take_the_first_ones_past() -> None:
    login("ana", "v-1")
    login("ben", "v-1")

    assert identity.find("v-1") == key("ana")
    assert identity.keys(key("ben")) == [key("ben")]
    assert people() == people_again()


@pytest.mark.django_db
def test_an_alias_joins_a_visitor_or_a_customer() -> None:
    tell("product_viewed", {"sku": "tea"}, customer="old-ana")
    tell("customer_aliased", customer="ana", previous="old-ana")
    tell("customer_aliased", customer="ana", previous="v-9")

    assert identity.find("old-ana") == identity.find("v-9") == key("ana")
    assert Customer.objects.get(anonymous_id="v-9").external_id is None
    assert people() == people_again()


@pytest.mark.django_db
def test_links_in_a_circle_are_one_person() -> None:
    for new, old in (("b", "a"), ("c", "b"), ("a", "c")):
        tell("product_viewed", {"sku": "tea"}, customer=old)
        tell("customer_aliased", customer=new, previous=old)

    assert len({identity.find(name) for name in "abc"}) == 1
    assert people() == people_again()


@pytest.mark.django_db
def test_consent_survives_the_log_in_and_the_last_word_counts() -> None:
    tell("consent_changed", {"personalised": False}, customer=None, anonymous="v-1")
    login("ana", "v-1")

    assert Customer.objects.get(external_id="ana").consent is False
    assert identity.willing(key("ana")) == []

    tell("consent_changed", {"personalised": True}, customer="ana")
    assert {c.consent for c in Customer.objects.all()} == {True}
    assert people() == people_again()


@pytest.mark.django_db
def test_an_old_word_that_comes_late_changes_nothing() -> None:
    tell("consent_changed", {"personalised": False}, customer="ana")

    old = sent(
        type="consent_changed",
        data={"personalised": True},
        occurred_at=(NOW - timedelta(days=1)).isoformat(),
    )
    late = NOW + timedelta(days=1)
    ingestion.ingest([json.dumps(old).encode()], source="test", at=late)

    assert Customer.objects.get(external_id="ana").consent is False


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(4))
def test_batches_at_once_are_applied_in_the_order_of_the_log(seed: int) -> None:
    """And none of them fails for having locked people in another order."""

    def report(server: int) -> None:
        choices = random.Random(f"{seed} {server}")
        for _ in range(40):
            words = [word_about_people(choices) for _ in range(choices.randint(1, 5))]
            ingestion.ingest(words, source="test", at=NOW)

    together(*(lambda n=n: report(n) for n in range(4)))

    assert people() == people_again()


def word_about_people(choices: random.Random) -> bytes:
    """Few people and many links: everybody is soon somebody else's."""
    ana, ben = (f"customer-{choices.randint(1, 40)}" for _ in range(2))
    at = NOW - timedelta(seconds=choices.uniform(0, 1000))
    kind, who, data = choices.choice(
        (
            (
                "customer_identified",
                {"anonymous": f"visitor-{choices.randint(1, 60)}"},
                {},
            ),
            ("customer_aliased", {"previous": ben}, {}),
            ("consent_changed", {}, {"personalised": choices.random() < 0.5}),
        )
    )
    raw = sent(type=kind, customer=ana, occurred_at=at.isoformat(), data=data, **who)
    return json.dumps(raw).encode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("required", "said", "allowed"),
    [
        (False, None, True),
        (True, None, False),
        (False, False, False),
        (True, True, True),
    ],
)
def test_whether_silence_is_consent_is_a_setting(
    settings: Any, *, required: bool, said: bool | None, allowed: bool
) -> None:
    settings.CONSENT_REQUIRED = required
    tell("product_viewed", {"sku": "tea"}, customer="ana")
    if said is not None:
        tell("consent_changed", {"personalised": said}, customer="ana")

    assert bool(identity.willing(key("ana"))) is allowed


@pytest.mark.parametrize(
    "id_",
    ["null", "undefined", "[object Object]", "NaN", "None", "0", " NULL ", "anonymous"],
)
def test_nobodys_ids_are_known(id_: str) -> None:
    assert nobody(id_)


@pytest.mark.parametrize(
    "id_", ["ana", "hh-12", "00", "nullo", "10", "fc5174f5-2939-4684-bd13-d02e18bf8533"]
)
def test_ids_of_somebody_are_not(id_: str) -> None:
    assert not nobody(id_)


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["customer", "anonymous", "previous"])
def test_nobodys_id_is_refused_and_makes_no_customer(field: str) -> None:

    raw = sent(**{"customer": None, field: "undefined"})

    [result] = ingestion.ingest([json.dumps(raw).encode()], source="test", at=NOW)

    assert (result.status, result.path) == ("rejected", f"$.{field}")
    assert not Customer.objects.exists()


KEYS = [UUID(int=n) for n in range(1, 7)]


@given(
    links=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(KEYS)),
    said=st.dictionaries(st.sampled_from(KEYS), st.booleans()),
)
def test_everyone_has_one_person_and_one_consent(
    links: dict[UUID, UUID], said: dict[UUID, bool]
) -> None:
    members = [
        Member(
            key=k,
            linked_to=links.get(k),
            said=said.get(k),
            said_at=NOW + timedelta(seconds=k.int) if k in said else None,
        )
        for k in KEYS
    ]

    settled = settle(members)

    for k, target in links.items():
        mine, other = settled[k], settled[target]
        assert (mine.person or k) == (other.person or target)
        assert mine.consent == other.consent
    assert settled == settle(reversed(members))
