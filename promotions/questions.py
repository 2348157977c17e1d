"""The assistant's doors: ask a question, read a conversation.

A shop's server names its signed-in customer by a secret key. A browser's key names
nobody, since anybody can read it, and so could ask as anybody: it gets what everybody
may know, in a conversation whose id is a lot that only this browser knows.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.access import Caller, address, caller
from analytics.problems import Problem
from promotions import assistant, carts, conversations, guessing, question_limits
from promotions.calls import Strict, valid
from promotions.cart_bodies import CartSerializer
from promotions.models import Conversation, HandOver, Question
from promotions.shopping import Cart, Item

LONGEST = 1000
"""Letters of a question."""
NEWEST = 50
"""Questions that are read of a conversation."""
LANGUAGES = {"en": "en", "zh": "zh-hans", "zh-hans": "zh-hans"}


class AskedCartSerializer(CartSerializer):
    """The cart that the question is about; whose it is, the question says."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {k: v for k, v in fields.items() if k not in ("customer", "visitor")}


class AskSerializer(Strict):
    """A question; `conversation` is a random UUID that the caller has drawn.

    Without `language`, the text's own is taken. `visitor` is a hash of an address or a
    session, against guessed codes; it is not kept. With a browser's key the address
    that asks is counted instead.
    """

    customer = serializers.CharField(max_length=200, allow_null=True, required=False)
    visitor = serializers.CharField(max_length=200, allow_null=True, required=False)
    conversation = serializers.UUIDField()
    text = serializers.CharField(max_length=LONGEST)
    cart = AskedCartSerializer(allow_null=True, required=False)
    language = serializers.ChoiceField(list(LANGUAGES), required=False)

    def validate_text(self, text: str) -> str:
        if "\0" in text:
            raise serializers.ValidationError("No text holds such a letter.")
        return text


class SourceSerializer(serializers.Serializer[None]):
    """What an answer rests on."""

    kind = serializers.CharField()
    id = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    link = serializers.CharField(allow_blank=True)


class ReplySerializer(serializers.Serializer[None]):
    """The reply to one of a text's questions: its words, and the facts in them."""

    kind = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    facts = serializers.DictField()
    sources = SourceSerializer(many=True)


class PersonSerializer(serializers.Serializer[None]):
    """A person's answer, once there is one; until then it is waited for.

    Of a question that was closed without one, `answer` says so.
    """

    waiting = serializers.BooleanField()
    answer = serializers.CharField(allow_blank=True)
    answered_at = serializers.DateTimeField(allow_null=True)


class AnsweredSerializer(serializers.Serializer[None]):
    """A question with its answer: `answer` is to be shown, `replies` its parts."""

    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    asked_at = serializers.DateTimeField()
    text = serializers.CharField()
    language = serializers.CharField()
    outcome = serializers.ChoiceField(Question.Outcome.choices)
    answer = serializers.CharField()
    replies = ReplySerializer(many=True)
    rephrased = serializers.BooleanField()
    person = PersonSerializer(allow_null=True)


class ConversationSerializer(serializers.Serializer[None]):
    """A conversation's newest questions, the oldest first."""

    conversation = serializers.UUIDField()
    questions = AnsweredSerializer(many=True)


class TooMany(APIException):
    """Too many questions were asked."""

    status_code = 429
    default_code = "too_many_questions"
    default_detail = "Too many questions: ask again later."

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait


class QuestionsView(APIView):
    """Questions to the assistant."""

    scope = "questions"

    @extend_schema(
        operation_id="post_questions",
        request=AskSerializer,
        responses=AnsweredSerializer,
    )
    def post(self, request: Request) -> Response:
        """Ask; the answer is of facts alone, or a person is asked to answer."""
        shop, sent = caller(request), valid(AskSerializer, request)
        customer = sent.get("customer") or None
        _nameless(shop, customer)
        visitor = _visitor(request, shop, sent)
        # Before anything is looked up: who asks too much must cost little.
        if wait := question_limits.wait(shop.pk, customer or visitor):
            raise TooMany(wait)
        asked = assistant.Asked(
            conversation=sent["conversation"],
            text=sent["text"],
            customer=customer,
            cart=_cart(sent.get("cart"), customer),
            sent_cart=_sent(sent.get("cart")),
            language=LANGUAGES.get(sent.get("language", "")),
            public=shop.publishable,
            guesser=guessing.asker(
                shop.pk, shop.name, customer=customer, visitor=visitor
            ),
        )
        try:
            row = assistant.answer(asked, at=clock.now())
        except conversations.NotYours as error:
            raise Problem(409, "conversation_not_yours", str(error)) from error
        except conversations.TooLong as error:
            raise Problem(409, "conversation_too_long", str(error)) from error
        return Response(told(row))


class ConversationView(APIView):
    """A conversation with the assistant."""

    scope = "questions"

    @extend_schema(
        operation_id="get_conversation",
        responses=ConversationSerializer,
        parameters=[
            OpenApiParameter(
                "customer", str, description="Whose it is, if it is somebody's."
            )
        ],
    )
    def get(self, request: Request, conversation: UUID) -> Response:
        """Read the newest questions and answers, a person's too."""
        shop = caller(request)
        customer = request.query_params.get("customer") or None
        _nameless(shop, customer)
        row = Conversation.objects.filter(id=conversation).first()
        # Somebody else's looks as one that is not there.
        if row is None or not _theirs(row, shop, customer):
            raise Problem(
                404, "conversation_unknown", "There is no such conversation of theirs."
            )
        newest = row.questions.select_related("handover").order_by(
            "-asked_at", "-number"
        )
        # The newest are read, and told in the order in which they were asked.
        found = [told(one) for one in newest[:NEWEST]][::-1]
        return Response({"conversation": str(row.id), "questions": found})


def _nameless(shop: Caller, customer: str | None) -> None:
    if shop.publishable and customer:
        raise Problem(
            403,
            "customer_by_secret_key",
            "A browser's key names no customer: ask through your server.",
        )


def _visitor(request: Request, shop: Caller, sent: dict[str, Any]) -> str | None:
    """Whoever holds a browser's key could say to be somebody new each time."""
    return address(request) if shop.publishable else sent.get("visitor")


def _theirs(row: Conversation, shop: Caller, customer: str | None) -> bool:
    if shop.publishable:
        return row.public
    return conversations.theirs(row, customer, carts.who(customer).keys)


def _cart(sent: dict[str, Any] | None, customer: str | None) -> Cart | None:
    if sent is None:
        return None
    return Cart(
        items=[Item(**line) for line in sent["lines"]],
        currency=sent.get("currency", settings.CURRENCY),
        customer=customer,
        channel=sent["channel"],
        shipping=sent["shipping"],
        codes=sent["codes"],
    )


def _sent(cart: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a cart as it is kept for an agent: what, and how much of it."""
    if cart is None:
        return None
    lines = [{"sku": one["sku"], "quantity": one["quantity"]} for one in cart["lines"]]
    return {"lines": lines, "codes": cart["codes"]}


def told(row: Question) -> dict[str, Any]:
    """Return a question as it is answered."""
    handed = row.handover if row.outcome == Question.Outcome.HANDED_OVER else None
    return {
        "id": str(row.id),
        "conversation": str(row.conversation_id),
        "asked_at": row.asked_at.isoformat(),
        "text": row.text,
        "language": row.language,
        "outcome": row.outcome,
        "answer": row.answer,
        "replies": row.answers,
        "rephrased": row.rephrased,
        "person": handed and _person(handed),
    }


def _person(row: HandOver) -> dict[str, Any]:
    closed = row.state == HandOver.State.CLOSED
    return {
        "waiting": row.state == HandOver.State.WAITING,
        "answer": _closed(row.question.language) if closed else row.answer,
        "answered_at": row.answered_at and row.answered_at.isoformat(),
    }


def _closed(language: str) -> str:
    with translation.override(language):
        return gettext(
            "A colleague has closed this question. Ask again if you still need help."
        )
