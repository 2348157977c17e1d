import re

from django.contrib.auth.models import User
from django.test import Client


def test_the_pages_of_the_api_come_from_no_other_host(client: Client, db: None) -> None:
    page = client.get("/api/v1/docs").content.decode()

    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*', page)
    viewer, starter = re.findall(r'<script src="([^"]+)"', page)
    assert client.get(viewer).status_code == 200
    assert client.get(starter).status_code == 200


def test_every_page_has_an_icon(client: Client, db: None) -> None:
    answer = client.get("/favicon.ico", follow=True)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/svg+xml"


def test_signing_in_leads_to_the_admin(client: Client, olga: User) -> None:
    fields = {"username": "olga", "password": "secret"}
    answer = client.post("/admin/login/", fields, follow=True)

    assert answer.status_code == 200
    assert answer.redirect_chain == [("/admin/", 302)]
