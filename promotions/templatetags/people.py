"""{% person_panel customer %}: what is known and likely, on a person's page.

The page is of analytics, which knows neither models nor offers; templates know all.
"""

from typing import Any

from django import template
from django.conf import settings

from analytics import clock
from analytics.languages import said
from analytics.models import Customer
from promotions import people

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
