from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from analytics import events, glances, store
from analytics.models import StoredEvent
from tests.analytics.conftest import NOW, kept, together, viewed
from tests.analytics.every import EVERY

UNGUARDED = "ALTER TABLE analytics_storedevent ENABLE TRIGGER append_only_truncate"


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def erasing() -> Iterator[None]:
    with transaction.atomic():
        run("SET LOCAL analytics.erasing = 'on'")
        yield


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE analytics_storedevent SET type = 'other'",
        "UPDATE analytics_storedevent SET customer = NULL",
        "DELETE FROM analytics_storedevent",
        "TRUNCATE analytics_storedevent",
    ],
)
def test_the_log_refuses_every_change(sql: str) -> None:
    store.append_new([viewed(customer=UUID(int=1))])
    run(UNGUARDED)

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        run(sql)

    [stored] = store.read(until=store.high_water())
    assert (stored.type, stored.customer) == ("product_viewed", UUID(int=1))


@pytest.mark.django_db
def test_the_orm_cannot_change_the_log_either() -> None:
    store.append_new([viewed()])
    row = StoredEvent.objects.get()

    row.type = "other"
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        row.save()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        row.delete()

    assert StoredEvent.objects.get().type == "product_viewed"


@pytest.mark.django_db
def test_erasure_may_change_and_delete() -> None:
    store.append_new([viewed(customer=UUID(int=1)), viewed("milk")])

    with erasing():
        run("UPDATE analytics_storedevent SET customer = NULL")
        run("DELETE FROM analytics_storedevent WHERE data ->> 'sku' = 'milk'")

    [stored] = store.read(until=store.high_water())
    assert stored.customer is None


@pytest.mark.django_db
def test_erasure_may_not_truncate() -> None:
    store.append_new([viewed()])
    run(UNGUARDED)

    with pytest.raises(IntegrityError, match="append-only"), erasing():
        run("TRUNCATE analytics_storedevent")

    assert len(kept()) == 1


@pytest.mark.django_db(transaction=True)
def test_the_permission_to_erase_ends_with_its_transaction() -> None:
    store.append_new([viewed()])
    with erasing():
        pass

    with pytest.raises(IntegrityError, match="append-only"):
        run("DELETE FROM analytics_storedevent")

    assert len(kept()) == 1


@pytest.mark.django_db
def test_an_id_is_unique() -> None:
    fact = viewed()
    store.append_new([fact])

    with pytest.raises(IntegrityError, match="unique"), transaction.atomic():
        StoredEvent.objects.create(
            id=fact.id, type="product_viewed", schema=1, data={}, occurred_at=NOW
        )

    assert kept() == [fact.id]


@pytest.mark.django_db
@pytest.mark.parametrize(("stream", "version"), [("s", None), (None, 1)])
def test_a_stream_and_a_version_come_together(
    stream: str | None, version: int | None
) -> None:
    with pytest.raises(IntegrityError, match="stream_has_version"):
        StoredEvent.objects.create(
            id=uuid4(),
            type="product_viewed",
            schema=1,
            data={},
            stream=stream,
            version=version,
            occurred_at=NOW,
        )


def decide(after: int, by: str = "olga") -> None:
    event = events.StrategyApproved(by=by)
    store.append([event], at=NOW, stream="strategy:1", after=after)


@pytest.mark.django_db
def test_a_stream_counts_its_versions() -> None:
    proposed, ended = EVERY["strategy_proposed"], EVERY["strategy_ended"]

    store.append([proposed, ended], at=NOW, stream="strategy:1", after=0)
    decide(after=2)
    store.append([proposed], at=NOW, stream="strategy:2", after=0)

    stored = glances.read_stream("strategy:1")
    assert [s.version for s in stored] == [1, 2, 3]
    assert [s.type for s in stored] == [
        "strategy_proposed",
        "strategy_ended",
        "strategy_approved",
    ]
    assert glances.version("strategy:1") == 3
    assert glances.version("strategy:3") == 0


@pytest.mark.django_db
def test_a_stale_writer_conflicts_and_writes_nothing() -> None:
    decide(after=0)

    with pytest.raises(store.Conflict, match="strategy:1 has moved on since version 0"):
        store.append(
            [EVERY["strategy_ended"], EVERY["strategy_ended"]],
            at=NOW,
            stream="strategy:1",
            after=0,
        )

    assert [s.type for s in glances.read_stream("strategy:1")] == ["strategy_approved"]


@pytest.mark.django_db
def test_a_stream_needs_the_version_it_was_read_at() -> None:
    with pytest.raises(TypeError, match="version"):
        store.append([EVERY["strategy_ended"]], at=NOW, stream="strategy:1")

    assert kept() == []


@pytest.mark.django_db(transaction=True)
def test_of_writers_at_once_exactly_one_wins() -> None:
    def attempt(number: int) -> Callable[[], str]:
        def act() -> str:
            try:
                with transaction.atomic():
                    decide(after=0, by=f"operator {number}")
            except store.Conflict:
                return ""
            return f"operator {number}"

        return act

    for _ in range(5):
        winners = [who for who in together(*map(attempt, range(4))) if who]

        [stored] = glances.read_stream("strategy:1")
        assert isinstance(stored.event, events.StrategyApproved)
        assert winners == [stored.event.by]
        with erasing():
            run("DELETE FROM analytics_storedevent")


@pytest.mark.django_db
@pytest.mark.parametrize("size", [3, store.BULK + 1])
def test_writing_again_writes_nothing(size: int) -> None:
    facts = [viewed(str(number)) for number in range(size)]

    first = store.append_new(facts)
    again = store.append_new(facts)

    assert first == {fact.id for fact in facts}
    assert again == set()
    assert kept() == [fact.id for fact in facts]


@pytest.mark.django_db
@pytest.mark.parametrize("size", [4, store.BULK * 2])
def test_of_a_batch_known_in_part_only_the_rest_is_written(size: int) -> None:
    facts = [viewed(str(number)) for number in range(size)]
    old, new = facts[::2], facts[1::2]
    store.append_new(old)

    written = store.append_new(facts)

    assert written == {fact.id for fact in new}
    assert kept() == [fact.id for fact in old + new]


@pytest.mark.django_db
@pytest.mark.parametrize("size", [3, store.BULK])
def test_a_fact_twice_in_a_batch_is_written_once(size: int) -> None:
    facts = [viewed(str(number)) for number in range(size)]

    written = store.append_new([*facts, *facts[:2]])

    assert written == {fact.id for fact in facts}
    assert kept() == [fact.id for fact in facts]


@pytest.mark.django_db
def test_nothing_is_written_for_nothing() -> None:
    assert store.append_new([]) == set()
    assert store.high_water() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("name", events.VOCABULARY)
def test_an_event_of_every_type_comes_back_whole(name: str) -> None:
    fact = store.Fact(event=EVERY[name], at=NOW, customer=UUID(int=7))

    store.append_new([fact])

    [stored] = store.read(until=store.high_water())
    assert stored.event == fact.event
    assert (stored.id, stored.type) == (fact.id, name)
    assert (stored.customer, stored.occurred_at) == (UUID(int=7), NOW)
