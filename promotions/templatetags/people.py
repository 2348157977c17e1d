"""What promotions know of a person, on their page: four parts.

`{% person_doors customer %}` leads to what support asks next, `{% person_profile … %}`
tells what is known, `{% person_told … %}` what the shop is told now, once the page is
there, `{% person_newest … %}` what happened of late. The page is of analytics, which
knows neither models nor offers; templates know all.
"""

from typing import Any

from django import template
from django.conf import settings

from analytics import identity
from analytics.languages import said
from analytics.models import Customer
from ml import customers
from promotions import people, timeline

register = template.Library()
register.filter(said)


@register.inclusion_tag("admin/analytics/customer/profile.html")
def person_profile(customer: Customer) -> dict[str, Any]:
    allowed = bool(identity.willing(customer.key))
    profile = customers.profile_of(customer.key) if allowed else None
    deals, currency = people.deals(profile), settings.CURRENCY
    return {"allowed": allowed, "one": profile, "deals": deals, "currency": currency}


@register.inclusion_tag("admin/support/told_later.html")
def person_told(customer: Customer) -> dict[str, Any]:
    return {"customer": customer, "allowed": bool(identity.willing(customer.key))}


NEWEST = 8


@register.inclusion_tag("admin/support/doors.html")
def person_doors(customer: Customer) -> dict[str, Any]:
    return {"customer": customer}


@register.inclusion_tag("admin/support/newest.html")
def person_newest(customer: Customer) -> dict[str, Any]:
    found = timeline.page(identity.keys(customer.key), size=NEWEST)
    return {"customer": customer, "entries": found.entries, "more": found.more}
