"""The doors of what people say: POST and GET /api/v1/reviews."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.access import caller
from analytics.problems import Problem
from catalog import intake, reviews
from catalog.intake import Fault
from catalog.models import Feed, Review
from catalog.review_bodies import (
    AskedSerializer,
    PageSerializer,
    PublishedSerializer,
    ReviewResultsSerializer,
    ReviewSerializer,
    ReviewsSerializer,
)
from catalog.reviews import Result, Written

MOST = 1000
STATUSES = ("accepted", "changed", "duplicate", "rejected")


class ReviewsView(APIView):
    """What people say of products, and beyond them."""

    scope = "reviews"

    @extend_schema(
        operation_id="post_reviews",
        request=ReviewsSerializer,
        responses=ReviewResultsSerializer,
    )
    def post(self, request: Request) -> Response:
        """Take texts in. A rejected one never harms its neighbours."""
        sent = _sent(request)
        at = clock.now()
        checked = [_checked(one) for one in sent]
        good = [one for one in checked if isinstance(one, Written)]
        became = iter(reviews.receive(good, at=at))
        results = [
            next(became) if isinstance(one, Written) else _refused(raw, one)
            for raw, one in zip(sent, checked, strict=True)
        ]
        _note(caller(request).name, results, at)
        wrong = {n: one for n, one in enumerate(checked) if isinstance(one, dict)}
        if len(wrong) == len(sent):
            raise serializers.ValidationError({"reviews": wrong})  # type: ignore[dict-item]
        counts = {
            status: sum(one.status == status for one in results) for status in STATUSES
        }
        return Response(counts | {"results": [_told(one) for one in results]})

    @extend_schema(
        operation_id="get_reviews",
        parameters=[AskedSerializer],
        responses=PageSerializer,
    )
    def get(self, request: Request) -> Response:
        """List what is published, the newest first; it never says who wrote it."""
        asked = AskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return Response(_page(asked.validated_data))


def _sent(request: Request) -> Sequence[Any]:
    body = request.data
    sent = body.get("reviews") if isinstance(body, dict) else None
    if not isinstance(sent, list) or not sent:
        wrong = serializers.ErrorDetail("Send a list of texts.", "required")
        raise serializers.ValidationError({"reviews": [wrong]})
    if len(sent) > MOST:
        raise Problem(413, "batch_too_large", f"Send at most {MOST} texts at a time.")
    return sent


def _checked(raw: Any) -> Written | dict[str, Any]:
    """Return a text, or what is wrong with it by field."""
    check = ReviewSerializer()
    try:
        return Written(**check.run_validation(raw))
    except serializers.ValidationError as error:
        wrong = error.detail
        return wrong if isinstance(wrong, dict) else {"": wrong}


def _refused(raw: Any, wrong: Any) -> Result:
    given = raw.get("id") if isinstance(raw, dict) else None
    field, reasons = next(iter(wrong.items()))
    return Result(
        id=given if isinstance(given, str) else "",
        status="rejected",
        reason=" ".join(map(str, reasons)),
        path=f"$.{field}",
    )


def _told(one: Result) -> dict[str, Any]:
    told: dict[str, Any] = {"id": one.id or None, "status": one.status}
    if one.status == "rejected":
        told |= {"reason": one.reason, "path": one.path}
    return told


def _note(name: str, results: Sequence[Result], at: datetime) -> None:
    """Tell operators, on the page of feeds, that a call came."""
    changes = sum(one.status in ("accepted", "changed") for one in results)
    faults = list(_faults(results))
    rows, what = len(results), Feed.What.REVIEWS
    if len(faults) == rows:
        intake.refused_call(name, rows=rows, faults=faults, at=at, what=what)
    else:
        intake.taken_call(name, rows=rows, changes=changes, at=at, what=what)


def _faults(results: Sequence[Result]) -> Iterator[Fault]:
    for row, one in enumerate(results, start=1):
        if one.status == "rejected":
            yield Fault(row=row, field=one.path.removeprefix("$."), reason=one.reason)


def _page(asked: dict[str, Any]) -> dict[str, Any]:
    rows = Review.objects.filter(state=Review.State.PUBLISHED)
    for name in ("sku", "source"):
        if name in asked:
            rows = rows.filter(**{name: asked[name]})
    if after := asked.get("after"):
        rows = rows.filter(_beyond(after))
    found = list(rows.order_by("-written_at", "id")[: asked["limit"] + 1])
    shown = found[: asked["limit"]]
    last = shown[-1] if len(found) > asked["limit"] else None
    return {
        "reviews": PublishedSerializer(shown, many=True).data,
        "next": f"{last.written_at.isoformat()} {last.id}" if last else None,
    }


def _beyond(after: str) -> Q:
    """Return what comes after the text that a page ended with.

    :raises serializers.ValidationError: it is no such place.
    """
    moment, _, id_ = after.partition(" ")
    try:
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None or not id_ or "\0" in id_:
            raise ValueError(after)
        at.astimezone(clock.now().tzinfo)
    except (ValueError, OverflowError) as error:
        raise serializers.ValidationError(
            {"after": [serializers.ErrorDetail("Not of an answer.", "invalid")]}
        ) from error
    return Q(written_at__lt=at) | Q(written_at=at, id__gt=id_)
