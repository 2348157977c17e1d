"""The catalogue's doors: PUT products, calendar, series, competitor-prices.

Rows may have fields that nobody here knows, as a shop's export has: they are not kept,
and the answer names them, so that a misspelt one does not vanish unseen.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.access import caller
from catalog import feeds, intake, unknown
from catalog.bodies import FeedSerializer, TakenSerializer
from catalog.feeds import Taken
from catalog.intake import Fault
from catalog.kinds import KINDS
from catalog.market_bodies import (
    CalendarSerializer,
    PricesSerializer,
    RowsTakenSerializer,
    SeriesSerializer,
)
from catalog.models import Feed


class BulkView(APIView):
    """Send many rows. All of them are taken, or, if one is wrong, none."""

    scope = "catalog"
    what: ClassVar[str]
    rows: ClassVar[str]
    """The body's only field."""
    body: ClassVar[type[serializers.Serializer[None]]]

    def taken(
        self,
        request: Request,
        listed: Callable[..., Any],
        take: Callable[..., Taken],
    ) -> tuple[Taken, dict[str, Any]]:
        """Take the body's rows, and note that they came; return what is unused, too.

        :raises serializers.ValidationError: one is wrong; that is noted as well.
        """
        feed, key, at = self.body(data=request.data), caller(request), clock.now()
        if not feed.is_valid():
            faults = list(_faults(feed.errors, self.rows))
            sent = _sent(request, self.rows)
            intake.refused_call(
                key.name, rows=sent, faults=faults, at=at, what=self.what
            )
            raise serializers.ValidationError(feed.errors)
        rows = [listed(**row) for row in feed.validated_data[self.rows]]
        taken = take(rows, at=at)
        unused = _unknown(request.data, feed, self.rows)
        intake.taken_call(
            key.name,
            rows=len(rows),
            changes=taken.changes,
            at=at,
            what=self.what,
            unused=[one["field"] for one in unused],
        )
        return taken, {"unused": unused} if unused else {}


class ProductsView(BulkView):
    """Send products with their prices and stock."""

    what, rows, body = Feed.What.PRODUCTS, "products", FeedSerializer

    @extend_schema(
        operation_id="put_products", request=FeedSerializer, responses=TakenSerializer
    )
    def put(self, request: Request) -> Response:
        """List products. All of them are taken, or, if one is wrong, none."""
        taken, more = self.taken(request, feeds.Listed, feeds.take)
        return Response({"products": taken.products, "changes": taken.changes, **more})


class MarketView(BulkView):
    """Send rows of the market, as a file may hold them: one way for every kind."""

    def put(self, request: Request) -> Response:
        kind = KINDS[self.what]
        taken, more = self.taken(request, kind.listed, kind.take)
        return Response({"rows": taken.products, "changes": taken.changes, **more})


def _door(
    name: str, body: type[serializers.Serializer[None]], does: str
) -> Callable[[type[MarketView]], type[MarketView]]:
    told = extend_schema(
        operation_id=name, request=body, responses=RowsTakenSerializer, description=does
    )
    return extend_schema_view(put=told)


@_door(
    "put_calendar",
    CalendarSerializer,
    "List days, move them or call them off; all of them or none.",
)
class CalendarView(MarketView):
    """Send days of the shop's calendar: school holidays, pay days, events."""

    what, rows, body = Feed.What.CALENDAR, "days", CalendarSerializer


@_door(
    "put_series",
    SeriesSerializer,
    "List values, correct them or take them back; all of them or none.",
)
class SeriesView(MarketView):
    """Send values of external daily series, such as the weather."""

    what, rows, body = Feed.What.SERIES, "values", SeriesSerializer


@_door(
    "put_competitor_prices",
    PricesSerializer,
    "List prices as they were seen; all of them or none.",
)
class CompetitorPricesView(MarketView):
    """Send what competitors ask for their products."""

    what, rows, body = Feed.What.PRICES, "prices", PricesSerializer


def _unknown(
    sent: Any, feed: serializers.Serializer[None], rows: str
) -> list[dict[str, Any]]:
    """Return the fields of a good call's rows that nobody knows."""
    known = feed.fields[rows].child.fields  # type: ignore[attr-defined]
    return unknown.fields(sent[rows], known, name=rows)


def _sent(request: Request, rows: str) -> int:
    body = request.data
    sent = body.get(rows) if isinstance(body, dict) else None
    return len(sent) if isinstance(sent, list) else 0


def _faults(errors: Any, rows: str) -> Iterator[Fault]:
    """Yield the faults of a feed by row; the first one in the call is 1."""
    found = errors.get(rows, errors)
    if not isinstance(found, dict):
        yield Fault(row=0, field=rows, reason=" ".join(map(str, found)))
        return
    for place, wrong in found.items():
        row = place + 1 if isinstance(place, int) else 0
        fields = wrong if isinstance(wrong, dict) else {str(place): wrong}
        for name, reasons in fields.items():
            yield Fault(row=row, field=str(name), reason=" ".join(map(str, reasons)))
