"""What an event costs on its way in, against the usual ways to take and keep one.

CPU counts, since a rate on two cores is also the rate of the clients beside them: the
microseconds of the web processes and of PostgreSQL, whichever waits for which.
"""

import base64
import gc
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from random import Random
from threading import Thread
from uuid import uuid4

import msgspec
from django.db import connection
from django.utils import timezone
from eventsourcing.persistence import StoredEvent as Recorded
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from analytics import access, events, privacy, projections, rebuilds, store, tracking
from analytics.models import Customer
from analytics.wire_bodies import messages
from analytics.wires import reader
from demo.bench.peers import UsualCustomer, UsualEvent
from demo.bench.served import Call, children, cpu, hammer, postgres, web
from demo.bench.table import Row, against, least, limit, show

BATCH, BATCHES, SINGLES = 100, 2000, 8000
USUAL_BATCHES = 400
random = Random(7)  # noqa: S311
numbers = count()


def run() -> None:
    """Measure on a database that holds the loop's data already."""
    rows = [_parsing(), *_served(), *_stored(), *_erased(), *_rebuilt()]
    show("Ingestion", rows)


def _message() -> dict[str, object]:
    number = next(numbers)
    return {
        "type": "track",
        "messageId": str(uuid4()),
        "userId": f"bench-{random.randrange(5000)}",
        "event": "Product Viewed",
        "properties": {
            "product_id": f"sku-{number % 1000}",
            "sku": f"sku-{number % 1000}",
            "category": "Games",
            "name": "Monopoly",
            "brand": "Hasbro",
            "price": 19.99,
            "currency": "USD",
            "url": "https://shop.example/products/monopoly",
            "position": 3,
        },
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
        "timestamp": datetime.now(UTC).isoformat(),
        "integrations": {},
    }


def batch(size: int = BATCH) -> bytes:
    """Return the body of a batch of messages."""
    sent_at = datetime.now(UTC).isoformat()
    messages = [_message() for _ in range(size)]
    return msgspec.json.encode({"batch": messages, "sentAt": sent_at})


def _parsing() -> Row:
    """Body to checked events to answer, in this process: all but the database."""
    bodies, read, at = [batch() for _ in range(200)], reader("batch"), timezone.now()
    gc.collect()
    started = time.process_time()
    for body in bodies:
        raws, _ = messages(body)
        _ = [read(raw, at) for raw in raws or []]
        tracking._success()
    micros = (time.process_time() - started) / (len(bodies) * BATCH) * 1e6
    return limit("parse, validate, answer, CPU µs an event", micros, 10)


def _served() -> Iterator[Row]:
    """The tracking API against DRF's nested serializers with `bulk_create`."""
    _usual_table()
    key = access.create_key("bench", ["events"])
    basic = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    batches = [Call(path="/v1/batch", body=batch()) for _ in range(BATCHES)]
    ours, rate, latencies = hammered({}, batches, headers, BATCH, 8)
    yield limit("whole path at batch 100, CPU µs an event", ours, 70)
    yield least("batches of 100", rate, 20_000, "events/s")
    p99 = latencies[int(len(latencies) * 0.99)] * 1000
    yield limit("their p99, ms", p99, 250)
    batches = [Call(path="/v1/batch", body=batch()) for _ in range(USUAL_BATCHES)]
    peers = {"ROOT_URLCONF": "demo.bench.peers"}
    usual, _, _ = hammered(peers, batches, headers, BATCH, 8)
    yield against(
        "the same, CPU", ours, usual, 1 / 3, "serializers + bulk_create", "µs"
    )
    singles = [
        Call(path="/v1/track", body=msgspec.json.encode(_message()))
        for _ in range(SINGLES)
    ]
    _, rate, _ = hammered({}, singles, headers, 1, 16)
    yield least("single events", rate, 700, "requests/s")
    yield _followed(headers)


def hammered(
    changes: dict[str, str],
    calls: list[Call],
    headers: dict[str, str],
    size: int,
    connections: int,
) -> tuple[float, float, list[float]]:
    """Return the CPU microseconds an event, events a second, and latencies."""
    with web(8934, changes) as server:
        # They warm the server up, and count for nothing.
        hammer(8934, calls[:50], headers, connections=connections)
        measured = [p for p in (server, postgres()) if p]
        # The server's and PostgreSQL's, but not that of the clients beside them.
        before = sum(map(cpu, measured))
        latencies, seconds = hammer(8934, calls[50:], headers, connections=connections)
        used = sum(map(cpu, measured)) - before
    total = len(latencies) * size
    return used / total * 1e6, total / seconds, latencies


def _followed(headers: dict[str, str]) -> Row:
    """How old the oldest event is that a projection has not read, at worst."""
    calls = [Call(path="/v1/batch", body=batch()) for _ in range(BATCHES)]
    ages: list[float] = []
    with children("projector", "beat"), web(8934):
        load = Thread(
            target=hammer, args=(8934, calls, headers), kwargs={"connections": 8}
        )
        load.start()
        while load.is_alive():
            ages.append(_age())
            time.sleep(0.1)
    return limit("projections behind under that load, at worst, s", max(ages), 2)


def _age() -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp() - recorded_at) "
            "FROM analytics_storedevent WHERE position > "
            "(SELECT min(position) FROM analytics_checkpoint WHERE projection = ANY(%s)"
            ") ORDER BY position LIMIT 1",
            [list(projections.ALL)],
        )
        found = cursor.fetchone()
    return float(found[0]) if found else 0.0


def _usual_table() -> None:
    with connection.schema_editor() as editor:
        editor.execute("DROP TABLE IF EXISTS bench_usual_event, bench_usual_customer")
        editor.create_model(UsualCustomer)
        editor.create_model(UsualEvent)


def _stored() -> Iterator[Row]:
    """Only the keeping: append_new against a library's recorder, and against COPY."""
    keys = [uuid4() for _ in range(5000)]
    facts = [
        store.Fact(
            event=events.ProductViewed(sku=f"sku-{n % 1000}", category="Games"),
            at=timezone.now(),
            customer=random.choice(keys),
            source="bench",
        )
        for n in range(50_000)
    ]
    chunks = [facts[n : n + BATCH] for n in range(0, len(facts), BATCH)]
    ours = _timed(lambda: [store.append_new(chunk) for chunk in chunks])
    recorder = _recorder()
    recorded = [
        [Recorded(uuid4(), 1, "bench:ProductViewed", _state(f)) for f in chunk]
        for chunk in chunks
    ]
    library = _timed(lambda: [recorder.insert_events(chunk) for chunk in recorded])
    per = 1e6 / len(facts)
    name = "append 50,000 events by hundreds, an event"
    yield against(name, ours * per, library * per, None, "pip's eventsourcing", "µs")
    yield against(name, ours * per, _bare(facts) * per, None, "one bare COPY", "µs")
    # Under new ids: else all are duplicates.
    bulk = _timed(lambda: store.append_new(_again(facts)))
    yield against(
        "append 50,000 at once, an event",
        bulk * per,
        _bare(facts) * per,
        None,
        "one bare COPY",
        "µs",
    )


def _again(facts: list[store.Fact]) -> list[store.Fact]:
    return [
        store.Fact(event=f.event, at=f.at, customer=f.customer, source=f.source)
        for f in facts
    ]


def _state(fact: store.Fact) -> bytes:
    return events.encode(fact.event)


def _timed(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def _recorder() -> PostgresApplicationRecorder:
    settings = connection.settings_dict
    datastore = PostgresDatastore(
        dbname=settings["NAME"],
        host=settings["HOST"],
        port=settings["PORT"],
        user=settings["USER"],
        password=settings["PASSWORD"],
    )
    recorder = PostgresApplicationRecorder(datastore)
    recorder.create_table()
    return recorder


def _bare(facts: list[store.Fact]) -> float:
    """COPY the same columns, ready as text, into a plain table without any index."""
    lines = "".join(
        f"{uuid4()}\tproduct_viewed\t{f.customer}\t{_state(f).decode()}\t{f.at}\n"
        for f in facts
    ).encode()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_plain")
        cursor.execute(
            "CREATE TABLE bench_plain "
            "(id uuid, type text, customer uuid, data jsonb, at timestamptz)"
        )

        def copy() -> None:
            with cursor.copy("COPY bench_plain FROM STDIN") as rows:
                rows.write(lines)

        return _timed(copy)


def _erased() -> Iterator[Row]:
    key = Customer.objects.create(external_id=f"bench-{uuid4()}")
    store.append_new(
        [
            store.Fact(
                event=events.ProductViewed(sku="tea"),
                at=timezone.now(),
                customer=key.key,
            )
            for _ in range(10_000)
        ]
    )
    now = timezone.now()
    seconds = _timed(lambda: privacy.erase(key.name, by="bench", at=now))
    yield limit("erasure of a customer with 10,000 events, s", seconds, 2)


def _rebuilt() -> Iterator[Row]:
    """Every projection, twice: the same rows, to the byte."""
    hashes, longest = set(), 0.0
    for _ in range(2):
        longest = max(longest, _timed(lambda: rebuilds.rebuild(projections.ALL)))
        hashes.add(_hash())
    yield limit("rebuild of every projection, s", longest, 60)
    yield limit("different hashes of two rebuilds", len(hashes), 1)


def _hash() -> str:
    found = sha256()
    with connection.cursor() as cursor:
        for projection in projections.ALL.values():
            for table in projection.tables:
                name = table._meta.db_table
                columns = "md5(string_agg(t::text, '' ORDER BY t::text))"
                cursor.execute(f"SELECT {columns} FROM {name} t")  # noqa: S608
                found.update(str(cursor.fetchone()).encode())
    return found.hexdigest()
