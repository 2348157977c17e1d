"""The back office's page to open a campaign."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from analytics import clock
from promotions import desk_faults, draft_reading, proposals
from promotions.desk import ROW, Section, nth, put
from promotions.drafts import Fault, Faulty
from promotions.form_fields import Part, Rows
from promotions.models import Campaign


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the template shows of a page without a kind."""

    sections: tuple[Section, ...]
    faults: tuple[Fault, ...] = ()


def campaign_page(form: Part, limits: Rows) -> Page:
    """Return the page on which a campaign is opened."""
    campaign = Section(
        name="campaign",
        title=_("The campaign"),
        form=form,
        says=_(
            "It runs from the first moment up to, but not including, the last. Its "
            "zone, currency and limits cannot be changed once a strategy in it was "
            "decided."
        ),
    )
    return Page(
        sections=(
            campaign,
            Section(
                name="limits",
                title=_("Limits of all its strategies together"),
                rows=limits,
                says=_("Periods begin at midnight in its zone."),
            ),
        )
    )


def open_campaign(form: Part, limits: Rows, *, by: str) -> Campaign | None:
    """Open a campaign; None if something is wrong, which the forms say."""
    valid = min([form.is_valid(), limits.is_valid()])
    body = form.part() | {"limits": [row.part() for row in limits.filled]}
    try:
        draft = draft_reading.read_campaign(body)
        if idle := desk_faults.idle(draft, at=clock.now()):
            raise Faulty(idle)
        if not valid:
            return None
        return proposals.open_campaign(draft, by=by, at=clock.now())
    except Faulty as error:
        for fault in error.faults:
            found = ROW.match(fault.field)
            spot = nth(limits, int(found[2])) if found else form
            name = (found[3] or "") if found else fault.field
            if spot is not None:
                put(spot, name, fault.reason)
        return None
