import pytest
from django.db import DataError, transaction

from analytics import lookup
from tests.conftest import Counted


@pytest.mark.django_db
def test_errors_are_django_s_so_that_lost_races_are_begun_anew() -> None:
    """psycopg's own, a deadlock's among them, would pass `races.anew` by."""
    for ask in (lookup.row, lookup.rows):
        with pytest.raises(DataError), transaction.atomic():
            ask("SELECT 1 / %s::int", [0])


def test_a_page_asks_the_same_question_once(statements: Counted, db: None) -> None:
    sql = "SELECT clock_timestamp(), %s::text"
    statements()
    with lookup.once():
        first, other = lookup.row(sql, ["ana"]), lookup.row(sql, ["ben"])
        listed = lookup.rows(sql, ["ana"])
        listed.clear()

        assert lookup.row(sql, ["ana"]) == first
        assert other != first
        assert len(lookup.rows(sql, ["ana"])) == 1
        assert statements() == 3
    assert lookup.row(sql, ["ana"]) != first
