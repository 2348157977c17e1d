"""The back office's times are the operator's own; all else is UTC."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from config import zones
from promotions import approval
from tests.conftest import Make


@pytest.fixture
def page(client: Client, olga: User, proposed: Make) -> str:
    strategy = proposed()
    at = datetime(2026, 6, 2, 21, 30, tzinfo=UTC)
    approval.comment(strategy.id, by="vera", comment="Why tea?", at=at)
    client.force_login(olga)
    return f"/admin/promotions/strategy/{strategy.pk}/change/"


@pytest.mark.parametrize(
    ("cookie", "shown"),
    [
        ("Asia/Shanghai", "2026-06-03 05:30"),
        ("America/St_Johns", "2026-06-02 19:00"),
        ("", "2026-06-02 21:30"),
        ("Atlantis/Capital", "2026-06-02 21:30"),
        ("../../etc/passwd", "2026-06-02 21:30"),
        ("America", "2026-06-02 21:30"),
        ("x" * 5000, "2026-06-02 21:30"),
    ],
)
def test_times_are_of_the_readers_zone(
    client: Client, page: str, cookie: str, shown: str
) -> None:
    client.cookies[zones.COOKIE] = cookie

    answer = client.get(page).content.decode()

    assert f">{shown}</time>" in answer


def test_one_readers_zone_is_not_the_nexts(client: Client, page: str) -> None:
    client.cookies[zones.COOKIE] = "Asia/Shanghai"
    client.get(page)
    client.cookies[zones.COOKIE] = ""

    assert "2026-06-02 21:30" in client.get(page).content.decode()


def test_the_api_knows_no_zones(api: APIClient, proposed: Make) -> None:
    strategy = proposed()
    plain = api.get(f"/api/v1/strategies/{strategy.pk}").json()
    api.cookies[zones.COOKIE] = "Asia/Shanghai"

    assert api.get(f"/api/v1/strategies/{strategy.pk}").json() == plain
