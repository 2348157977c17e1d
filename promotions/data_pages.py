"""The back office's page of data: what comes in, what was refused, files in and out.

Who may view feeds may read it; files come in, and rejections are replayed, by those who
may. A file is read by a worker (catalog.intake_runs): its page tells how far that is.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from analytics import clock, events, inflow, lookup, replays, table_files
from analytics.inflow import Fold
from catalog import intake
from promotions import charts, exports
from promotions.feed_pages import UploadForm, allow, received, shown
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
# Four looks in one statement: the page is to take few.
FRESH = """
    SELECT (SELECT max(created_at) FROM ml_trainedmodel),
      (SELECT max(computed_at) FROM promotions_allocation),
      (SELECT max(updated_at) FROM catalog_product),
      (SELECT count(*) FROM catalog_product)
"""


def data_page(request: HttpRequest) -> HttpResponseBase:
    """Show how data come in and go; take a file that is uploaded."""
    allow(request, "catalog.view_feed")
    form = UploadForm()
    if request.method == "POST":
        allow(request, "catalog.add_feed")
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid() and (feed := received(request, form)):
            return redirect("feed", feed.pk)
    return shown(request, "page", _page(request, form, clock.now()))


@require_POST
def replay_alike(request: HttpRequest, example: int) -> HttpResponseBase:
    """Replay the rejections that wait for the same reason as this one."""
    allow(request, "analytics.change_rejection")
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
    allow(request, asked.permission)
    try:
        return table_files.download(form, asked.columns, asked.rows(), table)
    except table_files.TooManyRows:
        text = gettext("A sheet holds 1,048,575 rows: take another form.")
        messages.error(request, text)
        return redirect("data")


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
