"""A customer with secrets, and every place where they could be."""

import json
from typing import Any

from django.db import connection
from django.utils import timezone

from analytics import ingestion, tasks
from analytics.models import Rejection
from tests.analytics.conftest import sent

SECRETS = ("cleo-9000", "visitor-9000", "order-9000", "acme-9000")


def ingest(*raws: dict[str, Any]) -> list[ingestion.Result]:
    texts = [json.dumps(raw).encode() for raw in raws]
    return ingestion.ingest(texts, source="tests", at=timezone.now())


def cleo_shops() -> None:
    """Cleo visits, logs in, orders; two of her events are refused."""
    mine = {"customer": "cleo-9000", "anonymous": "visitor-9000"}
    ingest(
        sent(customer=None, anonymous="visitor-9000"),
        sent(type="customer_identified", data={"traits": {"plan": "x"}}, **mine),
        sent(type="group_joined", data={"group": "acme-9000"}, **mine),
        sent(
            type="order_completed",
            data={
                "order_id": "order-9000",
                "currency": "USD",
                "lines": [{"sku": "tea", "category": "TEA", "paid": "9.00"}],
            },
            **mine,
        ),
        sent(type="party", customer="cleo-9000"),
        sent(type="party", customer="cleo-9000-not-me"),
        sent(customer="ana"),
        sent(type="party", customer="ana"),
    )
    tasks.catch_up()


def whole_database() -> str:
    """Return every row of every table, as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            [text] = cursor.fetchone()
            found.append(f"{table}: {text}")
    bodies = (bytes(row.body).decode() for row in Rejection.objects.all())
    return "\n".join([*found, *bodies])
