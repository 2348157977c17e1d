"""What promotions know of a person, on their page: three parts.

`{% person_doors customer %}` leads to what support asks next, `{% person_panel … %}`
tells what is known and likely, `{% person_newest … %}` what happened of late. The page
is of analytics, which knows neither models nor offers; templates know all.
"""

from typing import Any

from django import template
from django.conf import settings

from analytics import clock, identity
from analytics.languages import said
from analytics.models import Customer
from promotions import people, timeline

register = template.Library()
register.filter(said)


@register.inclusion_tag("admin/analytics/customer/panel.html")
def person_panel(customer: Customer) -> dict[str, Any]:
    seen = people.seen(customer, at=clock.now())
    return {
        "seen": seen,
        "days": settings.HORIZON_DAYS,
        "currency": settings.CURRENCY,
        "now": clock.now(),
    }


NEWEST = 8


@register.inclusion_tag("admin/support/doors.html")
def person_doors(customer: Customer) -> dict[str, Any]:
    return {"customer": customer}


@register.inclusion_tag("admin/support/newest.html")
def person_newest(customer: Customer) -> dict[str, Any]:
    found = timeline.page(identity.keys(customer.key), size=NEWEST)
    return {"customer": customer, "entries": found.entries, "more": found.more}
