"""Otto, who brings files in and takes tables out."""

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import Feed
from tests.conftest import role
from tests.promotions.reading import text

BAD = 'sku,name,category,price\nt1,Tea,TEA,"10,50"\nm1,Milk,MILK,2.00\n'


@pytest.fixture
def otto(db: None) -> User:
    user = User.objects.create_user("otto", password="secret", is_staff=True)
    user.groups.add(role("Operators"))
    return user


@pytest.fixture
def office(client: Client, otto: User) -> Client:
    client.force_login(otto)
    return client


def upload(client: Client, body: str | bytes = BAD, **more: str) -> Feed:
    raw = body.encode() if isinstance(body, str) else body
    file = SimpleUploadedFile("products.csv", raw)
    answer = client.post(reverse("data"), {"file": file, "what": "products"} | more)
    assert answer.status_code == 302, text(answer)
    return Feed.objects.order_by("-created_at")[0]
