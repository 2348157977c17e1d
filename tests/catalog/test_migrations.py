"""Migrations know the tables of their own day, and nothing of today's code."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from catalog.models import Product, ShownPrice
from tests.conftest import NOW
from tests.promotions.shelves import listed


@pytest.mark.django_db
def test_the_migration_of_prices_writes_what_storefronts_read_today() -> None:
    for sku, price in (("tea", "10.00"), ("café", "2.50")):
        listed(sku, at=NOW, stock=None, price=price)
    Product.objects.update(updated_at=NOW)
    before = dict(ShownPrice.objects.values_list("sku", "body"))
    ShownPrice.objects.all().delete()

    migration = import_module("catalog.migrations.0007_prices")
    with connection.schema_editor() as editor:
        migration.show(apps, editor)

    assert dict(ShownPrice.objects.values_list("sku", "body")) == before
    assert not hasattr(migration, "prices")  # else it breaks when that moves on
