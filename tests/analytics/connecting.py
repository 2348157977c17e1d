"""The page that connects a shop, its keys and its programs."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse


@pytest.fixture
def client(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def made(client: Client, *, host: str = "testserver", **sent: Any) -> str:
    """Make a key on the page; return the page."""
    fields = {"name": "my shop", "kind": "secret", "scopes": ["events", "offers"]}
    answer = client.post(reverse("connect"), fields | sent, HTTP_HOST=host)
    assert answer.status_code == 200
    return answer.content.decode()


def snippet(page: str, slug: str) -> str:
    """Return a program as it is copied from the page."""
    [text] = re.findall(rf'<code id="snippet-{slug}">(.*?)</code>', page, re.S)
    return html.unescape(text)
