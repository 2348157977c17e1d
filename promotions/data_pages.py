"""The back office's page of data: what comes in, what was refused, files in and out.

Who may view feeds may read it; files come in, and rejections are replayed, by those who
may. A file is read by a worker (catalog.intake_runs): its page tells how far that is.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from analytics import clock, events, inflow, lookup, replays, table_files
from analytics.inflow import Fold
from analytics.languages import said
from catalog import intake
from catalog.models import Feed
from promotions import charts, exports
from promotions.offers import soon
from promotions.report_tables import Card, Row, Section, drawn

MOST_FEEDS = 20
LATE = timedelta(minutes=1)
"""A projection is usually a second behind."""
ERRORS: table_files.Columns = {
    "row": "count",
    "field": "text",
    "reason": "text",
    "value": "text",
}
FRESH = """
    SELECT (SELECT max(created_at) FROM ml_trainedmodel),
      (SELECT max(computed_at) FROM promotions_allocation),
      (SELECT max(updated_at) FROM catalog_product),
      (SELECT count(*) FROM catalog_product)
"""
REFUSED = (intake.Empty, intake.TooLarge, intake.TooMany)


class UploadForm(forms.Form):
    """A file, what it holds, and what it does not say by itself."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV, XLSX, JSON Lines or Parquet, up to 32 MiB."),
    )
    what = forms.ChoiceField(label=_("What it holds"), choices=Feed.What.choices)
    currency = forms.RegexField(
        "^[A-Z]{3}$",
        label=_("Currency"),
        required=False,
        help_text=_("Of rows that name none: three capital letters."),
    )
    encoding = forms.ChoiceField(
        label=_("Encoding"),
        required=False,
        choices=[
            ("", _("as the file looks")),
            ("utf-8-sig", "UTF-8"),
            ("utf-16", "UTF-16"),
            ("gb18030", "GB18030"),
            ("cp1252", "Windows-1252"),
        ],
    )
    timezone = forms.CharField(
        label=_("Time zone"),
        required=False,
        help_text=_("Of orders' times without one, such as Europe/Berlin; empty: UTC."),
    )
    time_format = forms.CharField(
        label=_("Time format"),
        required=False,
        max_length=40,
        help_text=_("Of orders' times, such as %d/%m/%Y; empty: as they look."),
    )
    decimal = forms.ChoiceField(
        label=_("Decimals of orders"),
        required=False,
        choices=[
            ("", _("as the file looks")),
            ("point", "10.50"),
            ("comma", "10,50"),
        ],
    )
    columns = forms.CharField(
        label=_("Columns"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Where names are not guessed: field=column, one a line."),
    )

    def clean_timezone(self) -> str:
        name = str(self.cleaned_data["timezone"]).strip()
        if name and name not in available_timezones():
            raise forms.ValidationError(_("There is no such time zone."))
        return name

    def clean_columns(self) -> str:
        lines = str(self.cleaned_data["columns"]).splitlines()
        return "\n".join(line.strip() for line in lines if line.strip())


def data_page(request: HttpRequest) -> HttpResponseBase:
    """Show how data come in and go; take a file that is uploaded."""
    _allow(request, "catalog.view_feed")
    form = UploadForm()
    if request.method == "POST":
        _allow(request, "catalog.add_feed")
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid() and (feed := _received(request, form)):
            return redirect("feed", feed.pk)
    return _shown(request, "page", _page(request, form, clock.now()))


def feed_page(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Show what a look into a file found, or how far its import is."""
    _allow(request, "catalog.view_feed")
    feed = get_object_or_404(Feed.objects.defer("body"), id=key)
    if request.method == "POST":
        _allow(request, "catalog.add_feed")
        try:
            intake.start(key)
        except intake.NotReady as refusal:
            messages.error(request, said(refusal.args[0]))
        else:
            soon("catalog.tasks.take_files")
        return redirect("feed", key)
    held = Feed.objects.filter(id=key, body__isnull=False).exists()
    states = (Feed.State.SHOWN, Feed.State.DONE)
    page = {
        "title": gettext("File: %s") % feed.name,
        "feed": feed,
        "cards": list(_cards_of(feed)),
        "sections": list(_sections_of(feed)),
        "error": _plainer(feed.error),
        "may_start": held
        and feed.state in states
        and bool(feed.taken)
        and request.user.has_perm("catalog.add_feed"),
        "again": feed.state == Feed.State.DONE,
        "held": held,
    }
    return _shown(request, "feed", page)


def feed_errors(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Download the refused rows that are kept, to mend them."""
    _allow(request, "catalog.view_feed")
    feed = get_object_or_404(Feed.objects.defer("body"), id=key)
    return table_files.download("csv", ERRORS, feed.errors, f"errors-{key}")


@require_POST
def replay_alike(request: HttpRequest, example: int) -> HttpResponseBase:
    """Replay the rejections that wait for the same reason as this one."""
    _allow(request, "analytics.change_rejection")
    ids = inflow.alike(example)
    accepted, refused = replays.replay(ids, at=clock.now())
    told = gettext("%(accepted)s accepted, %(refused)s refused again.")
    say = messages.warning if refused else messages.success
    say(request, told % {"accepted": accepted, "refused": refused})
    return redirect("data")


def export_table(request: HttpRequest, table: str, form: str) -> HttpResponseBase:
    """Download a table as a file."""
    asked = exports.TABLES.get(table)
    if asked is None or form not in table_files.FORMS:
        raise Http404
    _allow(request, asked.permission)
    try:
        return table_files.download(form, asked.columns, asked.rows(), table)
    except table_files.TooManyRows:
        text = gettext("A sheet holds 1,048,575 rows: take another form.")
        messages.error(request, text)
        return redirect("data")


def _received(request: HttpRequest, form: UploadForm) -> Feed | None:
    given = form.cleaned_data
    file, what = given.pop("file"), given.pop("what")
    if file.size > intake.MOST_BYTES:
        form.add_error(
            "file", gettext("The file is too large: import it by the command.")
        )
        return None
    try:
        feed = intake.receive(
            file.name,
            file.read(),
            what=what,
            options={name: value for name, value in given.items() if value},
            by=request.user.get_username(),
            at=clock.now(),
        )
    except REFUSED as refusal:
        form.add_error("file", said(refusal.args[0]))
        return None
    soon("catalog.tasks.take_files")
    return feed


def _page(request: HttpRequest, form: UploadForm, at: datetime) -> dict[str, Any]:
    may = request.user.has_perm
    waiting = inflow.refused()
    return {
        "title": gettext("Data"),
        "cards": list(_cards(at)),
        "charts": list(_charts(at)),
        "folds": [_fold(one, at) for one in inflow.folds()],
        "refused": waiting,
        "waits": sum(one.count for one in waiting),
        "sections": [_sources(at), _types()],
        "feeds": intake.newest(most=MOST_FEEDS),
        "form": form,
        "may_upload": may("catalog.add_feed"),
        "may_replay": may("analytics.change_rejection"),
        "tables": [
            {"key": key, "name": one.name}
            for key, one in exports.TABLES.items()
            if may(one.permission)
        ],
        "forms": list(table_files.FORMS),
        "most": inflow.MOST_REPLAYED,
    }


def _cards(at: datetime) -> Iterator[Card]:
    trained, computed, listed, products = lookup.row(FRESH, []) or (None, None, None, 0)
    yield Card(
        name=gettext("Newest model"),
        value=_ago(trained, at),
        detail=gettext("trained every night"),
    )
    yield Card(
        name=gettext("Offers computed"),
        value=_ago(computed, at),
        detail=gettext("every quarter of an hour"),
    )
    text = gettext("products: %s") % f"{products:,}"
    yield Card(name=gettext("Catalogue"), value=_ago(listed, at), detail=text)


def _ago(moment: datetime | None, at: datetime) -> str:
    if moment is None:
        return gettext("never")
    if at - moment < timedelta(minutes=1):
        return gettext("just now")
    return gettext("%s ago") % timesince(moment, at, depth=1)


def _charts(at: datetime) -> Iterator[Section]:
    lately = inflow.minutes(at)
    total = (
        f"{lately.total:,}"
        if lately.whole
        else gettext("at least %s") % (f"{lately.total:,}")
    )
    title = gettext("Events a minute, in the last hour")
    yield Section(
        title=title,
        says=gettext("%s events in the hour.") % total,
        chart=drawn(
            charts.bars(
                [(f"−{59 - i}", float(n)) for i, n in enumerate(lately.counts)],
                title=title,
            )
        ),
        columns=[gettext("Minutes ago"), gettext("Events")],
        rows=[
            Row(cells=[str(59 - i), f"{n:,}"])
            for i, n in reversed(list(enumerate(lately.counts)))
            if n
        ],
        folded=True,
    )
    title, days = gettext("Events a day"), inflow.days(at)
    yield Section(
        title=title,
        says=gettext("By the day on which they came (UTC)."),
        chart=drawn(
            charts.bars([(f"{day:%m-%d}", float(n)) for day, n in days], title=title)
        ),
        columns=[gettext("Day"), gettext("Events")],
        rows=[Row(cells=[str(day), f"{n:,}"]) for day, n in reversed(days) if n],
        folded=True,
    )


def _fold(fold: Fold, at: datetime) -> dict[str, Any]:
    late = fold.moved_at is not None and at - fold.moved_at > LATE
    return {
        "name": fold.name,
        "behind": f"{fold.behind:,}",
        "moved": _ago(fold.moved_at, at),
        "error": fold.error,
        "well": not fold.error and not (fold.behind and late),
    }


def _sources(at: datetime) -> Section:
    return Section(
        title=gettext("Who sends"),
        says=gettext("Keys and operators, by the last hour in which something came."),
        columns=[
            gettext("Source"),
            gettext("Last"),
            gettext("Events in 24 hours"),
            gettext("Of them robots"),
        ],
        rows=[
            Row(
                cells=[
                    one.name or gettext("Proffer itself"),
                    f"{one.last:%Y-%m-%d %H:00}",
                    f"{one.day:,}",
                    f"{one.bots:,}",
                ]
            )
            for one in inflow.sources(at)
        ],
    )


def _types() -> Section:
    link = reverse("admin:analytics_storedevent_changelist")
    return Section(
        title=gettext("The last event of each type"),
        columns=[gettext("Type"), gettext("Last")],
        rows=[
            Row(cells=[name, f"{at:%Y-%m-%d %H:%M:%S}"], link=f"{link}?type={name}")
            for name, at in inflow.last_by_type(sorted(events.VOCABULARY))
        ],
        folded=True,
    )


def _cards_of(feed: Feed) -> Iterator[Card]:
    yield Card(
        name=gettext("State"),
        value=str(feed.get_state_display()),
        detail=f"{feed.created_at:%Y-%m-%d %H:%M}",
    )
    yield Card(name=gettext("Rows"), value=f"{feed.rows:,}")
    orders = feed.what == Feed.What.ORDERS
    good = gettext("Good orders") if orders else gettext("Good rows")
    yield Card(name=good, value=f"{feed.taken:,}", detail=_left(feed))
    yield Card(name=gettext("Refused rows"), value=f"{feed.refused:,}")


def _left(feed: Feed) -> str:
    if feed.state == Feed.State.DONE:
        return gettext("%s changes") % f"{feed.changes:,}"
    return gettext("nothing written yet") if feed.by_file else ""


def _sections_of(feed: Feed) -> Iterator[Section]:
    seen = feed.seen
    if feed.errors:
        title = gettext("What is wrong, row by row")
        if feed.refused > len(feed.errors):
            title = gettext("What is wrong, the first rows")
        yield Section(
            title=title,
            says=gettext(
                "Mend these rows in your file and upload it again: the good ones may "
                "be imported before or after."
            ),
            columns=[
                *(gettext("Row"), gettext("Field")),
                *(gettext("What is wrong"), gettext("Value")),
            ],
            rows=[
                Row(
                    cells=[
                        *(one["row"], one["field"]),
                        *(_of_validators(one["reason"]), one["value"]),
                    ]
                )
                for one in feed.errors
            ],
        )
    if seen.get("columns"):
        yield _columns(seen)
    if seen.get("orders") is not None:
        yield _orders(seen)
    if first := seen.get("first"):
        names = list(seen["columns"])
        yield Section(
            title=gettext("The first rows, as they are read"),
            columns=names,
            rows=[Row(cells=[row.get(name, "") for name in names]) for row in first],
        )


def _of_validators(reason: str) -> str:
    """Say what the API's validators said in English, where they have the words."""
    return gettext(reason) if reason else ""


def _columns(seen: dict[str, Any]) -> Section:
    form, encoding = seen["form"], seen["encoding"].removesuffix("-sig")
    text = gettext("Read as %s.") % f"{form} {encoding}".strip().upper()
    if seen["unused"]:
        text += " " + gettext("Not read: %s.") % ", ".join(seen["unused"])
    return Section(
        title=gettext("Which column is what"),
        says=text,
        columns=[gettext("Field"), gettext("Column of the file")],
        rows=[Row(cells=[name, source]) for name, source in seen["columns"].items()],
    )


def _orders(seen: dict[str, Any]) -> Section:
    paid = ", ".join(f"{amount} {name}" for name, amount in seen["paid"].items())
    told: Sequence[tuple[str, Any]] = [
        (gettext("Whole orders"), f"{seen['orders']:,}"),
        (gettext("In the log already"), f"{seen['known']:,}"),
        (gettext("Held back for a row that cannot be read"), f"{seen['held']:,}"),
        (gettext("Customers"), f"{seen['customers']:,}"),
        (gettext("Paid"), paid or "–"),
        (gettext("From, to"), f"{seen['from']} – {seen['to']}"),
    ]
    return Section(
        title=gettext("The orders in it"),
        columns=[gettext("What"), gettext("Value")],
        rows=[Row(cells=list(one)) for one in told],
    )


OPTIONS = {
    "--currency": _("Currency"),
    "--encoding": _("Encoding"),
    "--map": _("Columns"),
    "--time-format": _("Time format"),
}


def _plainer(error: str) -> str:
    """Name the form's fields where the command's message names its options."""
    for option, field in OPTIONS.items():
        error = error.replace(option, f"“{field}”")
    return error


def _allow(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _shown(request: HttpRequest, name: str, page: dict[str, Any]) -> TemplateResponse:
    context = {**admin.site.each_context(request), "currency": settings.CURRENCY}
    return TemplateResponse(request, f"admin/data/{name}.html", context | page)
