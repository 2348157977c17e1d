"""A file on its way in: the form, what a look into it found, how far its import is.

A worker reads it (catalog.intake_runs); here is told what it noted.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics import clock, table_files
from analytics.languages import reread, said
from catalog import intake
from catalog.models import Feed
from promotions.offers import soon
from promotions.report_tables import Card, Row, Section

ERRORS: table_files.Columns = {
    "row": "count",
    "field": "text",
    "reason": "text",
    "value": "text",
}
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
    competitor = forms.CharField(
        label=_("Competitor"),
        required=False,
        max_length=100,
        help_text=_("Of competitors' prices whose rows name none."),
    )
    series = forms.RegexField(
        r"^[a-z][a-z0-9_.-]{0,63}$",
        label=_("Series"),
        required=False,
        help_text=_("Of daily values whose rows name none, such as temperature."),
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


def feed_page(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Show what a look into a file found, or how far its import is."""
    allow(request, "catalog.view_feed")
    # A body may have 32 MiB, and no page needs it.
    feed = get_object_or_404(Feed.objects.defer("body"), id=key)
    if request.method == "POST":
        allow(request, "catalog.add_feed")
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
        "error": _plainer(reread(feed.error)),
        "may_start": held
        and feed.state in states
        and bool(feed.taken)
        and request.user.has_perm("catalog.add_feed"),
        "again": feed.state == Feed.State.DONE,
        "held": held,
    }
    return shown(request, "feed", page)


def feed_errors(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Download the refused rows that are kept, to mend them."""
    allow(request, "catalog.view_feed")
    feed = get_object_or_404(Feed.objects.defer("body"), id=key)
    return table_files.download("csv", ERRORS, feed.errors, f"errors-{key}")


def received(request: HttpRequest, form: UploadForm) -> Feed | None:
    """Take in the file of a form that is valid; None if it says why not."""
    given = form.cleaned_data
    file, what = given.pop("file"), given.pop("what")
    # Before it is read into memory.
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
                        *(reread(one["reason"]), one["value"]),
                    ]
                )
                for one in feed.errors
            ],
        )
    if seen.get("columns"):
        yield _columns(seen)
    elif seen.get("unused"):
        yield Section(
            title=gettext("Fields that nobody here knows"),
            says=gettext("Not read: %s.") % ", ".join(seen["unused"]),
        )
    if seen.get("orders") is not None:
        yield _orders(seen)
    if first := seen.get("first"):
        names = list(seen["columns"])
        yield Section(
            title=gettext("The first rows, as they are read"),
            columns=names,
            rows=[Row(cells=[row.get(name, "") for name in names]) for row in first],
        )


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


def allow(request: HttpRequest, *permissions: str) -> None:
    """Let nobody pass who lacks one of the permissions."""
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def shown(request: HttpRequest, name: str, page: dict[str, Any]) -> TemplateResponse:
    """Answer with one of the data pages."""
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, f"admin/data/{name}.html", context)
