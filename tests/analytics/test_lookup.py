import pytest
from django.db import DataError, transaction

from analytics import lookup


@pytest.mark.django_db
def test_errors_are_django_s_so_that_lost_races_are_begun_anew() -> None:
    """psycopg's own, a deadlock's among them, would pass `races.anew` by."""
    for ask in (lookup.row, lookup.rows):
        with pytest.raises(DataError), transaction.atomic():
            ask("SELECT 1 / %s::int", [0])
