"""Live strategies' arms as GrowthBook's SDKs read them, to be evaluated offline.

A storefront's SDK asks for `<host>/api/features/<client key>`, hashes the id that the
shop calls the customer by, and gets the arm that targeting draws for it. It gets no
offer: whom a strategy is for, what suits a customer and whether there is money left,
only the API knows. Anybody may read by which hash customers are held back, which an SDK
that works offline has to know; it names nobody (docs/api.md).
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db.models import Max, Q
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics import access, assignment, clock
from analytics.problems import Problem
from promotions import arms
from promotions.models import Strategy

ATTRIBUTE = "id"
"""What the SDK calls the customer's id by."""
FRESH = 60
"""Seconds for which anybody may keep an answer."""


class FeaturesView(APIView):
    """The features document."""

    # The key comes in the path, as GrowthBook's SDKs send it.
    authentication_classes = []
    permission_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request, client_key: str) -> HttpResponse:
        """Read the arms of all live strategies; the key is for browsers."""
        found = access.find(client_key)
        if found is None or not found.publishable or "offers" not in found.scopes:
            raise Problem(401, "key_refused", "This client key opens nothing.")
        if not found.serves(request.headers.get("Origin")):
            raise Problem(401, "origin_refused", "This key is not for this site.")
        body = json.dumps(document(at=clock.now()), separators=(",", ":"))
        etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
        answer = HttpResponse(body, content_type="application/json")
        answer["ETag"] = etag
        kept = get_conditional_response(request._request, etag=etag, response=answer)
        answer = kept or answer
        # On a 304 too: it renews what is kept.
        answer["Cache-Control"] = f"public, max-age={FRESH}"
        return answer


def document(*, at: datetime) -> dict[str, Any]:
    """Return a feature for each live strategy, called by its id.

    Of a bandit's only the holdout: a customer keeps the first variant, and the odds by
    which that was drawn are past.
    """
    features = {
        str(row.id): assignment.feature(
            arms.split(row) if arms.moves(row) else arms.of(row),
            key=str(row.id),
            attribute=ATTRIBUTE,
        )
        for row in arms.live(at)
    }
    changed = _changed(at)
    return {
        "status": 200,
        "features": features,
        "dateUpdated": changed and changed.isoformat(),
    }


def _changed(at: datetime) -> datetime | None:
    """Return when a strategy last came or went: JavaScript's SDK goes by it."""
    offers = Strategy.objects.filter(trigger=Strategy.Trigger.OFFER)
    begun = Q(campaign__starts_at__lte=at)
    ended = Q(campaign__ends_at__lte=at)
    moments = offers.exclude(state=Strategy.State.PROPOSED).aggregate(
        decided=Max("decided_at"),
        begun=Max("campaign__starts_at", filter=begun),
        ended=Max("campaign__ends_at", filter=ended),
    )
    return max((one for one in moments.values() if one), default=None)
