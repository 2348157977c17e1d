"""Events that projections fold, and what became of them: rows, places, errors."""

import json
from typing import Any
from uuid import UUID

from analytics import ingestion, projections, store
from analytics.models import Checkpoint
from tests.analytics.conftest import NOW, viewed


def rows() -> dict[str, list[Any]]:
    """Return every row of every projection's table."""
    return {
        table.__name__: sorted(
            table._default_manager.values_list(
                *(column.name for column in table._meta.local_concrete_fields)
            ),
            key=str,
        )
        for projection in projections.ALL.values()
        for table in projection.tables
    }


def places() -> dict[str, int]:
    ours = Checkpoint.objects.filter(projection__in=projections.ALL)
    return dict(ours.values_list("projection", "position"))


def errors() -> dict[str, str]:
    ours = Checkpoint.objects.filter(projection__in=projections.ALL)
    return dict(ours.values_list("projection", "error"))


def ingest(*raws: dict[str, Any]) -> None:
    texts = [json.dumps(raw).encode() for raw in raws]
    ingestion.ingest(texts, source="tests", at=NOW)


def views(count: int) -> None:
    store.append_new([viewed(customer=UUID(int=1)) for _ in range(count)])
