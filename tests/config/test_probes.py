from typing import Any

import pytest
from django.test import Client

FOREIGN = "10.1.2.3:8000"


@pytest.fixture(autouse=True)
def one_host(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "said"),
    [("/healthz", "ok"), ("/readyz", "database"), ("/metrics", "projection_lag")],
)
def test_probes_are_answered_by_any_host(client: Client, path: str, said: str) -> None:
    answer = client.get(path, headers={"Host": FOREIGN})

    assert answer.status_code in (200, 503)
    assert said in answer.content.decode()


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/healthz/", "/api/v1/schema"])
def test_everything_else_is_refused_to_a_foreign_host(
    client: Client, path: str
) -> None:
    assert client.get(path, headers={"Host": FOREIGN}).status_code == 400
