"""The agents' console: who waits for a person, what may be answered, what was right.

A page of a question has the whole conversation, suggested answers with their sources,
facts at a click, the answer to send, and the word on the assistant's own answer.
"""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics import clock
from analytics.languages import said
from analytics.models import Customer
from promotions import coaching, conversations
from promotions.lessons import HELP, KINDS
from promotions.models import HandOver, Question
from promotions.replying import Reply

SIZE = 50
SHOWN = 30
"""Questions of a conversation."""
LONGEST = 4000
NOBODY = UUID(int=0)
SEES = ("promotions.view_handover", "promotions.view_question")
MAY = ("promotions.change_handover",)
FACTS = {
    "offers": _("Offers"),
    "code": _("Check the codes"),
    "used": _("Last orders with promotions"),
    "refund": _("Refunds"),
    "combine": _("What goes together"),
}
CALLED = {
    "offers": _("what offers there are"),
    "code": _("a code"),
    "missing": _("what a cart misses"),
    "ends": _("until when"),
    "refund": _("a refund"),
    "combine": _("what goes together"),
    "used": _("what an order used"),
    "person": _("a person is wanted"),
    "hello": _("a greeting"),
    "thanks": _("thanks"),
    "others": _("somebody else's data"),
    "coming": _("what is planned"),
    "offtopic": _("something else"),
    HELP: _("a help text"),
}
"""Kinds of questions, as agents read them."""
FIELDS = {
    "answer": _("What the customer reads"),
    "words": _("Words to learn from"),
    "meant": _("It was asked for"),
}
"""What agents write, and choose."""
SHOWS = {
    "waiting": _("Waiting"),
    "done": _("Done"),
    "all": _("All questions"),
    "unread": _("Answered, and not judged yet"),
}


def queue_page(request: HttpRequest) -> HttpResponseBase:
    """List who waits for a person, the longest first; or what was asked of late."""
    _allow(request, *SEES)
    show = request.GET.get("show", "")
    show = show if show in SHOWS else "waiting"
    rows = list(_listed(show)[:SIZE])
    keys = {row.customer for row in rows if row.customer}
    names = {row.key: row.name for row in Customer.objects.filter(key__in=keys)}
    page = {
        "title": gettext("Questions of customers"),
        "show": show,
        "shows": list(SHOWS.items()),
        "rows": [
            (row, names.get(row.customer or NOBODY, ""), _kinds(row)) for row in rows
        ],
        "waiting": HandOver.objects.filter(state=HandOver.State.WAITING).count(),
    }
    return _shown(request, "questions", page)


def _listed(show: str) -> "QuerySet[Question]":
    rows = Question.objects.select_related("handover")
    if show == "waiting":
        waiting = rows.filter(handover__state=HandOver.State.WAITING)
        return waiting.order_by("handover__handed_at", "id")
    if show == "done":
        done = rows.filter(handover__isnull=False)
        done = done.exclude(handover__state=HandOver.State.WAITING)
        return done.order_by("-handover__answered_at", "id")
    if show == "unread":
        rows = rows.filter(outcome=Question.Outcome.ANSWERED, verdict="")
    return rows.order_by("-asked_at", "id")


def _kinds(row: Question) -> str:
    return ", ".join(str(CALLED.get(one, one)) for one in dict.fromkeys(row.kinds))


def question_page(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Show a question with all that helps to answer it; take what an agent does."""
    _allow(request, *SEES)
    row = get_object_or_404(
        Question.objects.select_related("conversation", "handover"), pk=key
    )
    if request.method == "POST":
        _allow(request, *MAY)
        _done(request, row)
        return redirect(request.path)
    at = clock.now()
    asked = request.GET.get("facts", "")
    reply = coaching.facts(row, asked, at=at) if asked in FACTS else None
    found = coaching.suggested(row, at=at)
    page = {
        "title": gettext("A question"),
        "question": row,
        "handed": getattr(row, "handover", None),
        "customer": Customer.objects.filter(
            key__in=filter(None, [row.customer])
        ).first(),
        "conversation": _conversation(row),
        "replies": found.replies,
        "texts": found.texts,
        "suggestion": _suggestion(found, reply),
        "facts": list(FACTS.items()),
        "asked": asked,
        "reply": reply,
        "kinds": [(kind, CALLED[kind]) for kind in KINDS if kind != HELP],
        "choices": list(coaching.choices(row.language)),
        "words": coaching.plain(row.text),
        "understood": _kinds(row),
        "percent": round(100 * row.chance),
        "may": request.user.has_perms(MAY),
    }
    return _shown(request, "question", page)


def _conversation(row: Question) -> list[Question]:
    newest = row.conversation.questions.select_related("handover")
    return list(newest.order_by("-asked_at", "-number")[:SHOWN])[::-1]


def _suggestion(found: coaching.Suggested, asked: Reply | None) -> str:
    if asked and asked.lines:
        return asked.text
    if found.replies:
        return found.replies[0].text
    return found.texts[0].body if found.texts else ""


def _done(request: HttpRequest, row: Question) -> None:
    sent, by, at = request.POST, request.user.get_username(), clock.now()
    # PostgreSQL has no NUL in its texts.
    if field := next((k for k, v in FIELDS.items() if "\0" in sent.get(k, "")), ""):
        messages.error(
            request,
            gettext("%(field)s: no text holds such a letter.")
            % {"field": FIELDS[field]},
        )
        return
    try:
        match sent.get("do"):
            case "send" if answer := sent.get("answer", "").strip()[:LONGEST]:
                conversations.reply_by_person(row.pk, answer, by=by, at=at)
                messages.success(request, gettext("The customer can read it now."))
            case "close":
                conversations.close(row.pk, by=by, at=at)
                messages.success(request, gettext("It waits no more."))
            case "right":
                coaching.right(row)
                messages.success(request, gettext("Kept: it was right."))
            case "wrong":
                _learn(request, row)
            case _:
                messages.error(request, gettext("Write an answer first."))
    except (conversations.NotWaiting, coaching.UnknownKind) as refused:
        messages.error(request, said(refused.args[0]))


def _learn(request: HttpRequest, row: Question) -> None:
    meant = request.POST.get("meant", "")
    of, _of, what = meant.partition(":")
    made = coaching.wrong(
        row,
        kind=what if of == "kind" else "",
        slug=what if of == "text" else "",
        text=request.POST.get("words", "")[:LONGEST],
        by=request.user.get_username(),
        at=clock.now(),
    )
    if made:
        messages.success(request, gettext("Learnt: the next like it is understood."))
    else:
        messages.success(request, gettext("Kept: it was wrong."))


def _allow(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _shown(request: HttpRequest, name: str, page: dict[str, Any]) -> TemplateResponse:
    context = {**admin.site.each_context(request), **page}
    context["queue"] = reverse("question-queue")
    return TemplateResponse(request, f"admin/support/{name}.html", context)
