"""The calendar for calendar programs: a file, and an address that they read again.

Programs cannot sign in, so the address has a key in it that may do nothing else: scope
`calendar` alone, made and revoked on the calendar's page, refused at every other door,
as every other key is refused here. What is in it is what staff may see: campaigns that
nobody has heard of, too, but no customer and no name of an operator.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from analytics import access, clock
from analytics.models import ApiKey
from catalog import market_calendar
from promotions import icalendars
from promotions.icalendars import Day, Entry
from promotions.models import Campaign, Strategy

SCOPE = "calendar"
BACK, AHEAD = timedelta(days=92), timedelta(days=366)
MOST = 1000
"""Strategies in the file; the ones that begin last stay out, and it says how many."""
LEFT_OUT = "{n} strategies that begin last are left out: it has {most} at most."
MADE = "calendar_key"
State = Strategy.State
SHOWN = (State.PROPOSED, State.LIVE, State.PAUSED, State.ENDED)


@require_GET
def feed(request: HttpRequest, key: str) -> HttpResponseBase:
    """Answer a calendar program that has an address."""
    caller = access.find(key)
    if caller is None or caller.scopes != {SCOPE}:
        access.note_wrong(key)
        raise Http404
    return _file(request)


@require_GET
def download(request: HttpRequest) -> HttpResponseBase:
    """Give the file to an operator."""
    if not request.user.has_perm("promotions.view_strategy"):
        raise PermissionDenied
    answer = _file(request)
    answer["Content-Disposition"] = 'attachment; filename="proffer.ics"'
    return answer


@require_POST
def subscribe(request: HttpRequest) -> HttpResponseBase:
    """Make an address, which the calendar's page shows once."""
    _insist(request)
    # PostgreSQL's text holds no NUL.
    name = request.POST.get("name", "").replace("\0", "").strip()[:100] or _(
        "A calendar"
    )
    request.session[MADE] = access.create_key(name, [SCOPE])
    return HttpResponseRedirect(reverse("calendar"))


@require_POST
def unsubscribe(request: HttpRequest) -> HttpResponseBase:
    """Revoke an address."""
    _insist(request)
    mine = {str(key.id): key for key in known()}
    if (key := mine.get(request.POST.get("key", ""))) is None:
        raise Http404
    access.revoke_key(key.id)
    messages.success(request, _("The address works no more."))
    return HttpResponseRedirect(reverse("calendar"))


def known() -> list[ApiKey]:
    """Return the addresses that work, without their keys: nobody has these."""
    return list(ApiKey.objects.filter(scopes=[SCOPE], revoked_at=None).order_by("name"))


def may(request: HttpRequest) -> bool:
    """Say whether addresses are theirs to make and revoke."""
    return bool(request.user.has_perm("promotions.add_campaign"))


def made(request: HttpRequest) -> str:
    """Return the address that was just made, once; "" if none was."""
    # Only a digest of the key is stored, so it can be shown but this once.
    key = request.session.pop(MADE, "")
    return request.build_absolute_uri(reverse("feed_ics", args=[key])) if key else ""


def _insist(request: HttpRequest) -> None:
    if not may(request):
        raise PermissionDenied


def _file(request: HttpRequest) -> HttpResponse:
    at = clock.now()
    first, last = at - BACK, at + AHEAD
    rows = Strategy.objects.filter(
        state__in=SHOWN, campaign__starts_at__lt=last, campaign__ends_at__gt=first
    )
    order = ("campaign__starts_at", "campaign_id", "id")
    every = list(rows.select_related("campaign").order_by(*order))
    some, more = every[:MOST], len(every) - MOST
    days = market_calendar.days(first.date(), last.date())
    body = icalendars.written(
        "Proffer",
        [*_campaigns(some), *(_strategy(one, request) for one in some)],
        [Day(day=one.day, name=one.name, kind=one.kind) for one in days],
        about=LEFT_OUT.format(n=more, most=MOST) if more > 0 else "",
    )
    answer = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    # The address has a key in it: no shared cache may keep what it opens.
    answer["Cache-Control"] = "private, max-age=300"
    answer["X-Robots-Tag"] = "noindex"
    return answer


def _campaigns(rows: Iterable[Strategy]) -> Iterator[Entry]:
    seen: dict[object, list[Strategy]] = {}
    for row in rows:
        seen.setdefault(row.campaign_id, []).append(row)
    for mine in seen.values():
        campaign: Campaign = mine[0].campaign
        yield Entry(
            uid=f"campaign-{campaign.pk}@proffer",
            title=campaign.name,
            about=f"{campaign.budget:,.0f} {campaign.currency}",
            starts_at=campaign.starts_at,
            ends_at=campaign.ends_at,
            zone=campaign.zone,
            firm=any(one.state != State.PROPOSED for one in mine),
            kind="campaign",
            changed_at=max(map(_changed, mine)),
        )


def _strategy(row: Strategy, request: HttpRequest) -> Entry:
    campaign, ends_at = row.campaign, row.campaign.ends_at
    # Ended early: calendars show it until that day, not until it was to end.
    if row.state == State.ENDED and row.decided_at:
        ends_at = max(campaign.starts_at, min(ends_at, row.decided_at))
    page = reverse("admin:promotions_strategy_change", args=[row.pk])
    return Entry(
        uid=f"strategy-{row.pk}@proffer",
        title=row.title,
        about=f"{campaign.name}: {row.state}",
        starts_at=campaign.starts_at,
        ends_at=ends_at,
        zone=campaign.zone,
        firm=row.state != State.PROPOSED,
        kind="strategy",
        changed_at=_changed(row),
        link=request.build_absolute_uri(page),
    )


def _changed(row: Strategy) -> datetime:
    known = (row.proposed_at, row.decided_at, row.paused_at)
    return max(one for one in known if one)
