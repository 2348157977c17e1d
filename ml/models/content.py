"""What products' texts and pictures mean, and which two may be one."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField, HnswIndex

from catalog.models import Product
from ml import sentences


class Source(models.TextChoices):
    """What of a product a vector is of."""

    TEXT = "text", _("text")
    IMAGE = "image", _("image")


class ContentVector(models.Model):
    """A text, or a picture, as a vector of length 1; products that share it, share it.

    `checksum` is of what was read and of `model`, its name and version: what another
    model made is never compared. `words` are the text's, for searches.
    """

    source = models.CharField(max_length=5, choices=Source.choices)
    checksum = models.CharField(max_length=32)
    model = models.CharField(max_length=64)
    text = models.TextField(blank=True, default="")
    words = SearchVectorField(null=True)
    vector = HalfVectorField(dimensions=sentences.SIZE)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "checksum"], name="content_vector_once"
            )
        ]
        indexes = [
            GinIndex(fields=["words"], name="content_words"),
            # One for each source, or a walk through texts would meet pictures.
            HnswIndex(
                name="content_near_texts",
                fields=["vector"],
                opclasses=["halfvec_cosine_ops"],
                condition=Q(source="text"),
            ),
            HnswIndex(
                name="content_near_images",
                fields=["vector"],
                opclasses=["halfvec_cosine_ops"],
                condition=Q(source="image"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.text[:50]}"


class ProductContent(models.Model):
    """Which text, or picture, is a product's.

    `seen` is the checksum of the listing as it was read: another one is read again.
    Without `content` it could not be: `fault` says why, and `retry_at` when it is tried
    again.
    """

    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    source = models.CharField(max_length=5, choices=Source.choices)
    seen = models.CharField(max_length=32)
    # RESTRICT: a vector goes only when no product has it (indexing._forget).
    content = models.ForeignKey(ContentVector, models.RESTRICT, null=True)
    fault = models.CharField(max_length=200, blank=True, default="")
    retry_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["product", "source"], name="product_content_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.product_id} {self.source}"


class ContentRun(models.Model):
    """How far the listings are read: one row a source.

    `vocabulary` are all texts' words, each with the number of its texts.
    """

    source = models.CharField(max_length=5, choices=Source.choices, primary_key=True)
    model = models.CharField(max_length=64)
    seen_until = models.DateTimeField(null=True, help_text="The newest listing then.")
    waiting = models.PositiveIntegerField(default=0, help_text="Listings to be read.")
    read = models.PositiveIntegerField(default=0, help_text="Read in the newest run.")
    faults = models.PositiveIntegerField(default=0)
    vocabulary = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.source}: {self.waiting} wait"


class ProductTwin(models.Model):
    """Two products that may be one; a person says so, or that they are not."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SAME = "same", _("the same")
        DIFFERENT = "different", _("not the same")

    first = models.ForeignKey(Product, models.CASCADE, related_name="+")
    second = models.ForeignKey(Product, models.CASCADE, related_name="+")
    likelihood = models.FloatField(help_text="That both are the same product.")
    why = models.CharField(max_length=20)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    by = models.CharField(max_length=150, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="twins_once"),
            models.CheckConstraint(
                condition=Q(first__lt=F("second")), name="twins_in_order"
            ),
            models.CheckConstraint(
                condition=Q(likelihood__gte=0, likelihood__lte=1),
                name="twins_likelihood",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-likelihood"], name="twins_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} = {self.second_id}?"
