import io
import logging

import pytest
from django.test import Client

from config.logs import WithoutIds


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/api/v1/customers/cleo-9000/offers", "/api/v1/customers/…/offers"),
        ("/api/v1/customers/cleo%209000", "/api/v1/customers/…"),
        ("/admin/analytics/customer/", "/admin/analytics/customer/"),
    ],
)
def test_ids_in_addresses_are_left_out(path: str, left: str) -> None:
    record = logging.LogRecord(
        "django.request", 30, __file__, 1, "Not Found: %s", (path,), None
    )

    assert WithoutIds().filter(record)

    assert record.getMessage() == f"Not Found: {left}"


@pytest.mark.django_db
def test_a_refused_call_leaves_no_id_in_the_log(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    [handler] = logging.getLogger("django").handlers
    told = io.StringIO()
    monkeypatch.setattr(handler, "stream", told)

    assert client.get("/api/v1/customers/cleo-9000/offers").status_code == 401

    assert "/api/v1/customers/…/offers" in told.getvalue()
    assert "cleo" not in told.getvalue()
