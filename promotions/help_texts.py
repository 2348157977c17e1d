"""The shop's help texts: their versions, what is published, and who said so.

A text is known by its slug in every language. What is published stays as it is; who
changes it writes a draft, which nobody outside sees until it is published itself.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from analytics import events, lookup, store
from analytics.wording import Wording
from promotions.models import HelpText

State = HelpText.State
TEXT_LOCK = 7_102_028
FIELDS = ("title", "body", "asked", "link")


class NotADraft(Exception):
    """What is not a draft cannot be published, or changed."""


class NotPublished(Exception):
    """What is not published cannot be retired."""


def write(slug: str, language: str, *, by: str, at: datetime, **said: Any) -> HelpText:
    """Change the draft of a text, or begin one: the next version.

    `said` are some of `FIELDS`; the others stay as they were.
    """
    with transaction.atomic():
        # Of a first draft there is no row yet to lock.
        lock = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
        lookup.rows(lock, [TEXT_LOCK, f"{language} {slug}"])
        rows = HelpText.objects.select_for_update().filter(slug=slug, language=language)
        every = list(rows.order_by("version"))
        draft = next((one for one in every if one.state == State.DRAFT), None)
        if draft is None:
            before = every[-1] if every else HelpText(title=slug, body="")
            kept = {name: getattr(before, name) for name in FIELDS}
            number = every[-1].version + 1 if every else 1
            draft = HelpText(slug=slug, language=language, version=number, **kept)
        for name, value in said.items():
            setattr(draft, name, value)
        draft.edited_by, draft.edited_at = by, at
        draft.save()
    return draft


def publish(pk: int, *, by: str, at: datetime) -> HelpText:
    """Let customers read a draft, instead of what they have read so far.

    :raises NotADraft: it is published already, or retired.
    """
    with transaction.atomic():
        row = HelpText.objects.select_for_update().get(pk=pk)
        if row.state != State.DRAFT:
            raise NotADraft(Wording("This version is not a draft."))
        same = HelpText.objects.filter(slug=row.slug, language=row.language)
        # First: the constraint `help_text_published_once` lets no
        # two be, even for a moment.
        same.filter(state=State.PUBLISHED).update(state=State.RETIRED)
        row.state, row.published_at = State.PUBLISHED, at
        row.save(update_fields=["state", "published_at"])
        store.append([_event(row, row.version, by)], at=at)
    return row


def retire(pk: int, *, by: str, at: datetime) -> HelpText:
    """Have customers not read it any more.

    :raises NotPublished: they do not read it.
    """
    with transaction.atomic():
        row = HelpText.objects.select_for_update().get(pk=pk)
        if row.state != State.PUBLISHED:
            raise NotPublished(Wording("This version is not published."))
        row.state = State.RETIRED
        row.save(update_fields=["state"])
        store.append([_event(row, None, by)], at=at)
    return row


def _event(row: HelpText, version: int | None, by: str) -> events.HelpTextPublished:
    return events.HelpTextPublished(
        slug=row.slug, language=row.language, version=version, by=by
    )


def published() -> list[HelpText]:
    """Return what customers may read."""
    rows = HelpText.objects.filter(state=State.PUBLISHED)
    return list(rows.order_by("slug", "language"))


def stamp() -> tuple[Any, ...]:
    """Return what changes whenever texts or examples do: one statement.

    By what they are, not by when: the clock of a demo stands still.
    """
    row = lookup.row(
        "SELECT (SELECT array_agg(id ORDER BY id)::text FROM promotions_helptext"
        " WHERE state = 'published'),"
        " (SELECT count(*) FROM promotions_example),"
        # A sum, which does not depend on the rows' order.
        " (SELECT sum(hashtextextended(concat_ws(' ', id, kind, slug, text), 0))"
        " FROM promotions_example)",
        [],
    )
    return row or ()


def load(texts: Iterable[Mapping[str, Any]], *, by: str, at: datetime) -> int:
    """Publish texts of a file where there is none of their slug; return how many.

    Each is {slug, en: {title, body, asked}, zh: {…}}.
    """
    there = set(HelpText.objects.values_list("slug", "language"))
    count = 0
    for text in texts:
        for name, language in (("en", "en"), ("zh", "zh-hans")):
            if name not in text or (text["slug"], language) in there:
                continue
            row = write(text["slug"], language, by=by, at=at, **text[name])
            publish(row.pk, by=by, at=at)
            count += 1
    return count
