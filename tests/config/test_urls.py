import re

from django.test import Client


def test_the_pages_of_the_api_come_from_no_other_host(client: Client, db: None) -> None:
    page = client.get("/api/v1/docs").content.decode()

    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*', page)
    assert "default-src 'self'" in page  # nor may the viewer fetch its maker's logo
    (viewer,) = re.findall(r'<script src="([^"]+)"', page)
    assert client.get(viewer).status_code == 200
