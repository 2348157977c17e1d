"""What a text looks like as it is sent: by the API, or as a file's row."""

from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from analytics import clock, identity, persons
from analytics.bodies import MomentField
from catalog.market_bodies import AHEAD, DayField, NumberField
from catalog.models import Review

MOST_TEXT = 10_000


class ReviewSerializer(serializers.Serializer[None]):
    """A text; of no product, if it says neither sku, brand nor category."""

    id = serializers.CharField(max_length=200, help_text="Yours; makes retries safe.")
    text = serializers.CharField(max_length=MOST_TEXT)
    sku = serializers.CharField(max_length=200, default="", allow_blank=True)
    brand = serializers.CharField(max_length=200, default="", allow_blank=True)
    category = serializers.CharField(max_length=200, default="", allow_blank=True)
    campaign = serializers.CharField(max_length=200, default="", allow_blank=True)
    customer = serializers.CharField(max_length=200, default="", allow_blank=True)
    rating = NumberField(min_value=1, max_value=5, allow_null=True, default=None)
    language = serializers.RegexField(
        r"^[a-z]{2,3}$", default="", allow_blank=True, help_text="Found, if not said."
    )
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=Review.Source.values, default=Review.Source.SHOP.value
    )
    topic = serializers.CharField(max_length=60, default="", allow_blank=True)
    written_at = MomentField(default=clock.now)
    kept_until = DayField(allow_null=True, default=None)
    state = serializers.ChoiceField(
        choices=Review.State.values, default="", allow_blank=True
    )

    def validate_customer(self, customer: str) -> str:
        """Files are told row by row whose texts are not taken."""
        if customer and persons.nobody(customer):
            return ""
        if customer and identity.erased([customer]):
            raise serializers.ValidationError(_("The customer was erased."), "erased")
        return customer

    def validate_written_at(self, moment: Any) -> Any:
        if moment > clock.now() + AHEAD:
            raise serializers.ValidationError(_("It lies in the future."), "future")
        return moment

    def validate_kept_until(self, day: date | None) -> date | None:
        if day is not None and day < clock.now().date():
            raise serializers.ValidationError(_("It is over."), "past")
        return day


class ReviewsSerializer(serializers.Serializer[None]):
    """Up to 1,000 texts and 4 MiB at a time."""

    reviews = ReviewSerializer(many=True)


class ReviewResultSerializer(serializers.Serializer[None]):
    """What became of the text at the same place."""

    id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(["accepted", "changed", "duplicate", "rejected"])
    reason = serializers.CharField(required=False)
    path = serializers.CharField(required=False)


class ReviewResultsSerializer(serializers.Serializer[None]):
    """Counts, and a result for each text in order."""

    accepted = serializers.IntegerField()
    changed = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField()
    results = ReviewResultSerializer(many=True)


class PublishedSerializer(serializers.ModelSerializer[Review]):
    """A published text; `tone` and its aspects are what a model read from it."""

    tone = serializers.CharField()

    class Meta:
        model = Review
        fields = (
            *("id", "sku", "brand", "category", "rating", "text", "language"),
            *("source", "topic", "written_at", "tone", "aspects"),
        )
        read_only_fields = fields


class PageSerializer(serializers.Serializer[None]):
    """Published texts, the newest first; `next` begins the next page."""

    reviews = PublishedSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class AskedSerializer(serializers.Serializer[None]):
    """What is asked for."""

    sku = serializers.CharField(max_length=200, required=False, trim_whitespace=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=Review.Source.values, required=False
    )
    after = serializers.CharField(
        max_length=300, required=False, allow_blank=True, trim_whitespace=False
    )
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)
