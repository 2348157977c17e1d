"""Who is who: links, their undoing, and consent across log-in."""

import itertools
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import events, identity, ingestion, store
from analytics.models import Customer
from analytics.persons import Member, Settled, nobody, settle
from tests.analytics.conftest import NOW, sent

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


def replayed() -> dict[UUID, tuple[UUID | None, bool | None]]:
    """Fold the log's words about people again, in memory."""
    told = Told()
    for stored in store.read(until=store.high_water()):
        if stored.customer is not None:
            told.add(stored.customer, stored)
    return {k: (s.person, s.consent) for k, s in told.settled().items()}


class Told:
    """The links and words that the log speaks of."""

    def __init__(self) -> None:
        self.links: dict[UUID, UUID] = {}
        self.split: dict[UUID, UUID] = {}
        self.said: dict[UUID, tuple[bool, datetime]] = {}
        self.keys = list(Customer.objects.values_list("key", flat=True))

    def add(self, who: UUID, stored: store.Stored) -> None:
        match stored.event:
            case events.CustomerIdentified(anonymous=other) if other:
                self.link(other, who)
            case events.CustomerAliased(previous=other) if other:
                self.link(other, who)
            case events.IdentityUnlinked():
                self.split[who] = self.links.pop(who)
            case events.ConsentChanged(personalised=word):
                if who not in self.said or self.said[who][1] < stored.occurred_at:
                    self.said[who] = word, stored.occurred_at
            case _:
                pass

    def link(self, key: UUID, target: UUID) -> None:
        people = self.settled()
        same = (people[key].person or key) == (people[target].person or target)
        if key not in self.links and self.split.get(key) != target and not same:
            self.links[key] = target

    def settled(self) -> dict[UUID, Settled]:
        nothing = (None, None)
        return settle(
            Member(
                key=key,
                linked_to=self.links.get(key),
                said=self.said.get(key, nothing)[0],
                said_at=self.said.get(key, nothing)[1],
            )
            for key in self.keys
        )


def live() -> dict[UUID, tuple[UUID | None, bool | None]]:
    rows = Customer.objects.values_list("key", "person", "consent")
    return {key: (person, consent) for key, person, consent in rows}


@pytest.mark.django_db
def test_a_visitor_becomes_the_customer_who_logs_in() -> None:
    tell("product_viewed", {"sku": "tea"}, customer=None, anonymous="v-1")
    login("ana", "v-1")

    assert identity.find("v-1") == identity.find("ana") == key("ana")
    assert identity.keys(key("ana")) == sorted([key("ana"), key("v-1")])
    assert live() == replayed()


@pytest.mark.django_db
def test_a_wrong_link_is_undone_and_not_made_again() -> None:
    login("ana", "v-1")

    identity.unlink(key("v-1"), by="olga", at=NOW + timedelta(days=1))
    login("ana", "v-1")

    assert identity.find("v-1") == key("v-1")
    assert identity.keys(key("ana")) == [key("ana")]
    assert live() == replayed()
    with pytest.raises(identity.NotLinked):
        identity.unlink(key("v-1"), by="olga", at=NOW)


@pytest.mark.django_db
def test_the_second_customer_of_a_device_does_not_take_the_first_ones_past() -> None:
    login("ana", "v-1")
    login("ben", "v-1")

    assert identity.find("v-1") == key("ana")
    assert identity.keys(key("ben")) == [key("ben")]
    assert live() == replayed()


@pytest.mark.django_db
def test_an_alias_joins_a_visitor_or_a_customer() -> None:
    tell("product_viewed", {"sku": "tea"}, customer="old-ana")
    tell("customer_aliased", customer="ana", previous="old-ana")
    tell("customer_aliased", customer="ana", previous="v-9")

    assert identity.find("old-ana") == identity.find("v-9") == key("ana")
    assert Customer.objects.get(anonymous_id="v-9").external_id is None
    assert live() == replayed()


@pytest.mark.django_db
def test_links_in_a_circle_are_one_person() -> None:
    for new, old in (("b", "a"), ("c", "b"), ("a", "c")):
        tell("product_viewed", {"sku": "tea"}, customer=old)
        tell("customer_aliased", customer=new, previous=old)

    assert len({identity.find(name) for name in "abc"}) == 1
    assert live() == replayed()


@pytest.mark.django_db
def test_consent_survives_the_log_in_and_the_last_word_counts() -> None:
    tell("consent_changed", {"personalised": False}, customer=None, anonymous="v-1")
    login("ana", "v-1")

    assert Customer.objects.get(external_id="ana").consent is False
    assert identity.willing(key("ana")) == []

    tell("consent_changed", {"personalised": True}, customer="ana")
    assert {c.consent for c in Customer.objects.all()} == {True}
    assert live() == replayed()


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


@pytest.mark.parametrize("id_", ["ana", "hh-12", "00", "nullo", "10", str(uuid4())])
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
