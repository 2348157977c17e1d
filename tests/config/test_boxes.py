"""What a group may do is a table: a row for each of ours, a column for each deed."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from config.admin import CLOSED
from tests.conftest import role


@pytest.fixture
def page(admin_client: Client, db: None) -> Any:
    """Return the page of the approvers' group."""
    return reverse("admin:auth_group_change", args=[role("Approvers").pk])


def boxes(html: str) -> dict[str, tuple[bool, str]]:
    """Return whether each permission is ticked, and the box's name for readers."""
    found = re.findall(r'<input type="checkbox" name="permissions" ([^>]+)>', html)
    told = {}
    for one in found:
        attrs = dict(re.findall(r'([\w-]+)="([^"]*)"', one))
        ticked = bool(re.search(r"\schecked(\s|$)", one))
        told[attrs["value"]] = ticked, attrs.get("aria-label", "")
    return told


def test_every_permission_that_opens_something_has_one_box(
    admin_client: Client, page: str
) -> None:
    shown = boxes(admin_client.get(page).content.decode())

    opens = Permission.objects.exclude(content_type__app_label__in=CLOSED)
    assert shown.keys() == {str(one.pk) for one in opens}
    mine = {
        str(one.pk) for one in Group.objects.get(name="Approvers").permissions.all()
    }
    assert mine
    assert {pk for pk, (ticked, _) in shown.items() if ticked} == mine
    assert len(admin_client.get(page).content) < 400_000


def test_a_box_in_a_column_names_its_row_and_one_of_its_own_is_a_line(
    admin_client: Client, page: str
) -> None:
    html = admin_client.get(page).content.decode()

    view = Permission.objects.get(codename="view_strategy")
    own = Permission.objects.get(codename="approve_strategy")
    assert boxes(html)[str(view.pk)][1].endswith("strategy: view")
    assert boxes(html)[str(own.pk)][1] == ""
    assert "approve, reject and end strategies" in html


def test_what_is_ticked_is_what_the_group_may(admin_client: Client, page: str) -> None:
    view = Permission.objects.get(codename="view_strategy")

    answer = admin_client.post(page, {"name": "Approvers", "permissions": [view.pk]})

    assert answer.status_code == 302
    assert [*Group.objects.get(name="Approvers").permissions.all()] == [view]
