"""The storefront's doors to a customer's offers: read them, say what one thinks."""

import json
from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import bodies, clock, events
from analytics.access import caller
from analytics.problems import Problem
from promotions import arrivals, feedback, offers
from promotions.models import Feedback


class OfferSerializer(serializers.Serializer[None]):
    """An offer to show; report that you did as an `offer_shown` event with its id."""

    id = serializers.UUIDField()
    strategy = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    terms = serializers.DictField()
    scope = serializers.ListField(child=serializers.CharField())
    currency = serializers.CharField()
    expires_at = serializers.DateTimeField()
    reasons = serializers.ListField(child=serializers.CharField())


class WithheldSerializer(serializers.Serializer[None]):
    """An offer that a lot keeps from a customer: never show it.

    Report it as `offer_shown` where you would have shown it: then both arms can be
    compared from that moment on.
    """

    id = serializers.UUIDField()
    strategy = serializers.UUIDField()


class OffersSerializer(serializers.Serializer[None]):
    """A customer's offers, the most promising first."""

    customer = serializers.CharField()
    computed_at = serializers.DateTimeField(allow_null=True)
    offers = OfferSerializer(many=True)
    withheld = WithheldSerializer(many=True, required=False)


class OffersView(APIView):
    """A customer's offers."""

    scope = "offers"

    @extend_schema(
        operation_id="get_offers",
        responses=OffersSerializer,
        parameters=[
            OpenApiParameter(
                "withheld", bool, description="Name what lots keep back; secret keys."
            )
        ],
    )
    def get(self, request: Request, customer: str) -> HttpResponse:
        """Read the offers: no exposure is recorded. An unknown customer has none."""
        body = arrivals.sheet(customer, currency=settings.CURRENCY, at=clock.now())
        if caller(request).publishable:
            body = offers.without_habits(body)
        # Not for browsers: it tells what lots keep a customer from, by name.
        elif request.query_params.get("withheld") == "true":
            sheet = json.loads(body)
            kept = offers.withheld(customer, shown=sheet["offers"], at=clock.now())
            body = json.dumps(sheet | {"withheld": kept})
        return HttpResponse(body, content_type="application/json")


class WordSerializer(serializers.Serializer[None]):
    """What the customer thinks of an offer."""

    feedback = serializers.ChoiceField(Feedback.Word.choices)


class FeedbackSerializer(WordSerializer):
    """The word that is kept."""

    offer = serializers.UUIDField()


class Word(msgspec.Struct, forbid_unknown_fields=True):
    feedback: events.FeedbackWord


class FeedbackView(APIView):
    """A customer's word on an offer."""

    scope = "offers"

    @extend_schema(
        operation_id="post_feedback",
        request=WordSerializer,
        responses=FeedbackSerializer,
    )
    def post(self, request: Request, offer: UUID) -> Response:
        """Keep the word; the last one counts, from the next reading of offers on."""
        word = bodies.read(request, Word).feedback
        try:
            feedback.say(offer, word, at=clock.now())
        except feedback.NoOffer as error:
            raise Problem(404, "offer_unknown", str(error)) from error
        return Response({"offer": str(offer), "feedback": word})
