from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import events, store
from analytics.models import StoredEvent
from analytics.shapes import MOST
from tests.analytics.conftest import NOW
from tests.analytics.every import EVERY

AMOUNTS = st.decimals(0, 10**9, places=4, allow_nan=False).filter(
    lambda amount: amount < MOST
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
LINES = st.builds(
    events.OrderLine,
    sku=TEXTS.filter(bool),
    category=TEXTS,
    quantity=st.integers(0, 1_000_000),
    paid=AMOUNTS,
    shelf_discount=AMOUNTS,
    coupon_discount=AMOUNTS,
)


def test_there_is_an_example_of_every_type() -> None:
    assert EVERY.keys() == events.VOCABULARY.keys()
    assert all(type(EVERY[name]) is kind for name, kind in events.VOCABULARY.items())


def test_names_and_classes_are_one_to_one() -> None:
    assert len(set(events.VOCABULARY.values())) == len(events.VOCABULARY)
    assert {kind: name for name, kind in events.VOCABULARY.items()} == events.NAMES


def test_every_concrete_type_has_a_name() -> None:
    def below(kind: type[events.Event]) -> set[type[events.Event]]:
        named = kind in events.NAMES or not kind.__subclasses__()
        kinds = {kind} if named else set()
        return kinds.union(*map(below, kind.__subclasses__()))

    ours = {
        kind for kind in below(events.Event) if kind.__module__.startswith("analytics.")
    }

    assert ours == set(events.VOCABULARY.values())


@pytest.mark.parametrize("name", events.VOCABULARY)
def test_every_type_says_which_of_its_fields_are_personal(name: str) -> None:
    kind = events.VOCABULARY[name]

    assert kind.personal.keys() <= set(kind.__struct_fields__)
    blanked = msgspec.to_builtins(EVERY[name], str_keys=True) | kind.personal
    events.decode(name, msgspec.json.encode(blanked))


@pytest.mark.parametrize("name", events.VOCABULARY)
def test_every_type_says_what_it_is(name: str) -> None:
    kind = events.VOCABULARY[name]

    assert kind.__doc__
    assert name.islower()
    assert name.replace("_", "").isalpha()


@pytest.mark.parametrize("name", events.VOCABULARY)
def test_every_type_is_read_as_it_was_written(name: str) -> None:
    event = EVERY[name]

    assert events.decode(name, events.encode(event)) == event


@given(st.lists(LINES, min_size=1, max_size=5))
def test_an_order_is_read_as_it_was_written(lines: list[events.OrderLine]) -> None:
    order = events.OrderCompleted(order_id="o", currency="USD", lines=tuple(lines))

    again = events.decode("order_completed", events.encode(order))

    assert again == order
    assert order.fault() is None


@given(st.lists(LINES, min_size=1, max_size=5), st.data())
def test_an_order_with_one_bad_amount_names_it(
    lines: list[events.OrderLine], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(lines) - 1))
    field = data.draw(st.sampled_from(["paid", "shelf_discount", "coupon_discount"]))
    bad = data.draw(st.sampled_from(["-0.01", "1e9", "0.00001", "NaN", "sNaN", "-Inf"]))
    lines[number] = msgspec.structs.replace(lines[number], **{field: Decimal(bad)})
    order = events.OrderCompleted(order_id="o", currency="USD", lines=tuple(lines))

    assert str(order.fault()).endswith(f"- at `$.lines[{number}].{field}`")


def test_shops_report_only_what_they_can_know() -> None:
    assert events.VOCABULARY.keys() > events.FROM_SHOPS
    assert not {"price_changed", "offer_assigned", "strategy_approved"} & (
        events.FROM_SHOPS
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("{}", "missing required field `sku`"),
        ('{"sku": "tea", "colour": "red"}', "unknown field `colour`"),
        ('{"sku": 7}', "Expected `str`, got `int` - at `$.sku`"),
        ('{"sku": ""}', "length >= 1 - at `$.sku`"),
        (b'{"sku": "\xff"}', "utf-8"),
        (b'{"\xff": 1}', "utf-8"),
        ('{"sku": ' + "[" * 5000, "recursion|got `array`"),
    ],
)
def test_what_does_not_fit_is_unreadable(data: str | bytes, reason: str) -> None:
    with pytest.raises(events.Unreadable, match=reason.replace("$", r"\$")):
        events.decode("product_viewed", data)


class Opened(events.Event, frozen=True, kw_only=True):
    """A type of the tests that has changed its shape twice."""

    schema: ClassVar[int] = 3
    shop: UUID
    float_: Decimal


def _split(data: dict[str, Any]) -> dict[str, Any]:
    return {"shop": data["place"], "cents": data["cents"]}


def _in_money(data: dict[str, Any]) -> dict[str, Any]:
    return {"shop": data["shop"], "float_": str(Decimal(data["cents"]) / 100)}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(events.VOCABULARY, "opened", Opened)
    upcasts = {("opened", 1): _split, ("opened", 2): _in_money}
    monkeypatch.setattr(events, "UPCASTS", upcasts)


@pytest.mark.usefixtures("opened", "db")
@pytest.mark.parametrize(
    ("schema", "data"),
    [
        (1, {"place": str(UUID(int=9)), "cents": 1250}),
        (2, {"shop": str(UUID(int=9)), "cents": 1250}),
    ],
)
def test_an_old_event_is_upcast_when_read_and_stays_as_stored(
    schema: int, data: dict[str, Any]
) -> None:
    row = StoredEvent.objects.create(
        id=UUID(int=1), type="opened", schema=schema, data=data, occurred_at=NOW
    )

    [stored] = store.read(until=store.high_water())

    assert stored.event == Opened(shop=UUID(int=9), float_=Decimal("12.50"))
    row.refresh_from_db()
    assert (row.schema, row.data) == (schema, data)


@pytest.mark.usefixtures("opened")
def test_an_old_event_that_does_not_fit_is_unreadable() -> None:
    with pytest.raises(events.Unreadable, match="shop"):
        events.decode("opened", '{"shop": 3, "cents": 1}', schema=2)
