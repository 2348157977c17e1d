"""django-oscar applying its offers to one basket, in a Python of its own.

Run by demo.bench.carts with the interpreter of a venv that holds django-oscar: prints
the seconds of each application as JSON. Nothing of Proffer is imported.
"""

import json
import os
import sys
import time
from decimal import Decimal

import django
from django.conf import settings
from oscar.defaults import *  # noqa: F403  # Oscar's way to be configured

OFFERS, LINES, TIMES, CATEGORIES = map(int, sys.argv[1:5])
names = {name: value for name, value in globals().items() if name.startswith("OSCAR")}
settings.configure(
    **names,
    SECRET_KEY="bench",  # noqa: S106
    USE_TZ=True,
    SITE_ID=1,
    ROOT_URLCONF=__name__,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    HAYSTACK_CONNECTIONS={
        "default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}
    },
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["BENCH_HOST"],
            "USER": os.environ["BENCH_USER"],
            "PASSWORD": os.environ.get("BENCH_PASSWORD", ""),
            "PORT": os.environ.get("BENCH_PORT", ""),
            "NAME": os.environ["BENCH_NAME"],
        }
    },
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "django.contrib.sites",
        "django.contrib.flatpages",
        "oscar.config.Shop",
        "oscar.apps.analytics.apps.AnalyticsConfig",
        "oscar.apps.checkout.apps.CheckoutConfig",
        "oscar.apps.address.apps.AddressConfig",
        "oscar.apps.shipping.apps.ShippingConfig",
        "oscar.apps.catalogue.apps.CatalogueConfig",
        "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
        "oscar.apps.communication.apps.CommunicationConfig",
        "oscar.apps.partner.apps.PartnerConfig",
        "oscar.apps.basket.apps.BasketConfig",
        "oscar.apps.payment.apps.PaymentConfig",
        "oscar.apps.offer.apps.OfferConfig",
        "oscar.apps.order.apps.OrderConfig",
        "oscar.apps.customer.apps.CustomerConfig",
        "oscar.apps.search.apps.SearchConfig",
        "oscar.apps.voucher.apps.VoucherConfig",
        "oscar.apps.wishlists.apps.WishlistsConfig",
        "oscar.apps.dashboard.apps.DashboardConfig",
        "oscar.apps.dashboard.reports.apps.ReportsDashboardConfig",
        "oscar.apps.dashboard.users.apps.UsersDashboardConfig",
        "oscar.apps.dashboard.orders.apps.OrdersDashboardConfig",
        "oscar.apps.dashboard.catalogue.apps.CatalogueDashboardConfig",
        "oscar.apps.dashboard.offers.apps.OffersDashboardConfig",
        "oscar.apps.dashboard.partners.apps.PartnersDashboardConfig",
        "oscar.apps.dashboard.pages.apps.PagesDashboardConfig",
        "oscar.apps.dashboard.ranges.apps.RangesDashboardConfig",
        "oscar.apps.dashboard.reviews.apps.ReviewsDashboardConfig",
        "oscar.apps.dashboard.vouchers.apps.VouchersDashboardConfig",
        "oscar.apps.dashboard.communications.apps.CommunicationsDashboardConfig",
        "oscar.apps.dashboard.shipping.apps.ShippingDashboardConfig",
        "widget_tweaks",
        "haystack",
        "treebeard",
        "django_tables2",
    ],
)
urlpatterns: list[object] = []
django.setup()

from django.core.management import call_command  # noqa: E402
from oscar.apps.offer.applicator import Applicator  # noqa: E402
from oscar.core.loading import get_model  # noqa: E402
from oscar.test import factories  # noqa: E402

Range = get_model("offer", "Range")
Condition = get_model("offer", "Condition")
Benefit = get_model("offer", "Benefit")
ConditionalOffer = get_model("offer", "ConditionalOffer")
Basket = get_model("basket", "Basket")


def main() -> None:
    """Make the offers and a basket, and time their application."""
    call_command("migrate", verbosity=0)
    products = [
        factories.create_product(title=f"p{n}", price=Decimal(10), num_in_stock=1000)
        for n in range(max(LINES, CATEGORIES))
    ]
    for n in range(OFFERS):
        _offer(n, products[n % CATEGORIES])
    basket = factories.BasketFactory()
    for product in products[:LINES]:
        basket.add_product(product, 2)
    basket = Basket.objects.get(id=basket.id)
    seconds = []
    for _ in range(TIMES):
        basket.strategy = factories.BasketFactory().strategy
        basket.reset_offer_applications()
        started = time.perf_counter()
        Applicator().apply(basket)
        seconds.append(time.perf_counter() - started)
    discount = str(basket.total_discount)
    print(json.dumps({"seconds": seconds, "discount": discount}))  # noqa: T201


def _offer(n: int, product: object) -> None:
    """10 to 19 % off two or more units of one product, as ours."""
    about = Range.objects.create(name=f"r{n}")
    about.add_product(product)
    ConditionalOffer.objects.create(
        name=f"o{n}",
        priority=n,
        condition=Condition.objects.create(range=about, type=Condition.COUNT, value=2),
        benefit=Benefit.objects.create(
            range=about, type=Benefit.PERCENTAGE, value=10 + n % 10
        ),
    )


if __name__ == "__main__":
    main()
