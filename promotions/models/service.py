"""The service assistant: help texts, questions, and the people who answer."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class HelpText(models.Model):
    """A version of one of the shop's texts for customers, in one language.

    What is published is never changed: a change is a new version, a draft at first.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")
        RETIRED = "retired", _("retired")

    class Language(models.TextChoices):
        EN = "en", _("English")
        ZH = "zh-hans", _("Simplified Chinese")

    slug = models.SlugField(
        max_length=60, help_text="The same in all languages, as “returns”."
    )
    language = models.CharField(max_length=10, choices=Language)
    version = models.IntegerField(editable=False)
    title = models.CharField(max_length=200)
    body = models.TextField(max_length=4000, help_text="As customers read it.")
    asked = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="How customers ask for it, one a line: it is found by these too.",
    )
    link = models.URLField(
        max_length=500, blank=True, default="", help_text="The shop's page on it."
    )
    state = models.CharField(
        max_length=20, choices=State, default=State.DRAFT, editable=False
    )
    edited_by = models.CharField(max_length=150, editable=False)
    edited_at = models.DateTimeField(editable=False)
    published_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        permissions = (("publish_helptext", "Can publish and retire help texts"),)
        constraints = [
            models.UniqueConstraint(
                fields=["slug", "language", "version"], name="help_text_version"
            ),
            models.UniqueConstraint(
                fields=["slug", "language"],
                name="help_text_published_once",
                condition=Q(state="published"),
            ),
            models.UniqueConstraint(
                fields=["slug", "language"],
                name="help_text_draft_once",
                condition=Q(state="draft"),
            ),
            models.CheckConstraint(
                condition=Q(language__in=["en", "zh-hans"]), name="help_text_language"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.language}, {self.version})"


class Conversation(models.Model):
    """Questions that belong together; its id is the shop's, or the browser's, lot.

    `state` is what a further question may be about: see conversations.remembered.
    """

    id = models.UUIDField(primary_key=True)
    customer = models.UUIDField(null=True)
    owner = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="A keyed hash of the id that was given, where nobody is known by it.",
    )
    public = models.BooleanField(
        default=False, help_text="Begun by a browser's key: it has no customer."
    )
    language = models.CharField(max_length=10, choices=HelpText.Language)
    state = models.JSONField(default=dict, blank=True)
    began_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["last_at"], name="conversation_last"),
            models.Index(
                fields=["customer"],
                name="conversation_customer",
                condition=Q(customer__isnull=False),
            ),
            models.Index(
                fields=["owner"], name="conversation_owner", condition=~Q(owner="")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                # Keys of browsers can be read by anybody, so they
                # name nobody (decision 41).
                condition=Q(public=False) | Q(customer=None),
                name="conversation_public_is_nameless",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M}"


class Question(models.Model):
    """What somebody asked, and what was answered: the texts are not in the log.

    `answers` is as it was sent: [{kind, text, facts, sources}].
    """

    class Outcome(models.TextChoices):
        ANSWERED = "answered", _("answered")
        DECLINED = "declined", _("declined")
        HANDED_OVER = "handed_over", _("handed over")

    class Verdict(models.TextChoices):
        RIGHT = "right", _("right")
        WRONG = "wrong", _("wrong")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="questions"
    )
    # Once more beside the conversation's: erasure goes by this column,
    # table by table (decision 14).
    customer = models.UUIDField(null=True)
    owner = models.CharField(max_length=64, blank=True, default="")
    asked_at = models.DateTimeField()
    number = models.IntegerField(default=0, help_text="In its conversation.")
    language = models.CharField(max_length=10, choices=HelpText.Language)
    text = models.TextField()
    cart = models.JSONField(null=True, blank=True, help_text="As it was sent.")
    outcome = models.CharField(max_length=20, choices=Outcome)
    kinds = ArrayField(models.TextField(), default=list, blank=True)
    chance = models.FloatField(help_text="That it was understood, as believed.")
    answer = models.TextField()
    answers = models.JSONField(default=list)
    rephrased = models.BooleanField(default=False)
    verdict = models.CharField(
        max_length=10, choices=Verdict, default="", blank=True, help_text="An agent's."
    )

    class Meta:
        indexes = [
            models.Index(fields=["-asked_at"], name="question_newest"),
            models.Index(
                fields=["customer"],
                name="question_customer",
                condition=Q(customer__isnull=False),
            ),
            models.Index(
                fields=["owner"], name="question_owner", condition=~Q(owner="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M}"


class HandOver(models.Model):
    """A question that waits for a person, or was answered by one."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        ANSWERED = "answered", _("answered")
        CLOSED = "closed", _("closed without an answer")

    class Reason(models.TextChoices):
        UNSURE = "unsure", _("it was not sure what was asked")
        ASKED = "asked", _("the customer asks for a person")
        NO_FACTS = "no_facts", _("nothing is known of it here")
        NO_TEXT = "no_text", _("no help text answers it")
        CODES_PAUSED = "codes_paused", _("too many wrong codes")

    question = models.OneToOneField(
        Question, models.CASCADE, primary_key=True, related_name="handover"
    )
    customer = models.UUIDField(null=True)
    reason = models.CharField(max_length=20, choices=Reason)
    state = models.CharField(max_length=20, choices=State, default=State.WAITING)
    handed_at = models.DateTimeField()
    answer = models.TextField(blank=True, default="")
    answered_by = models.CharField(max_length=150, blank=True, default="")
    answered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "hand-overs"
        indexes = [
            models.Index(
                fields=["handed_at"],
                name="hand_over_waiting",
                condition=Q(state="waiting"),
            ),
            models.Index(
                fields=["customer"],
                name="hand_over_customer",
                condition=Q(customer__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="answered") ^ Q(answer=""), name="hand_over_answer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.handed_at:%Y-%m-%d %H:%M}, {self.get_state_display()}"


class Example(models.Model):
    """A question's right kind, or help text, as an agent said: it is learnt from.

    It is personal while it stands: the text goes with its question's customer.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.UUIDField(null=True)
    owner = models.CharField(max_length=64, blank=True, default="")
    question = models.ForeignKey(
        Question, models.SET_NULL, null=True, related_name="examples"
    )
    language = models.CharField(max_length=10, choices=HelpText.Language)
    text = models.TextField()
    kind = models.CharField(max_length=20)
    slug = models.CharField(
        max_length=60, blank=True, default="", help_text="Of the help text, if any."
    )
    said_by = models.CharField(max_length=150)
    said_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["question"], name="example_once"),
            models.CheckConstraint(
                condition=Q(kind="help") ^ Q(slug=""), name="example_text"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug}".strip()
