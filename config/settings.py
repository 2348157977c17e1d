"""Every setting, each from the environment with a default that works on a laptop.

Secrets have no default here: the secret key is generated once under var/ for
development, and must be given when DEBUG is off. Without DATABASE_URL, BROKER_URL and
CACHE_URL the addresses are those of the embedded services (config/services.py).
"""

import os
import secrets
import zoneinfo
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import services

Text = str | Promise

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
urls = services.urls(os.environ)

DEBUG = env.bool("DEBUG", default=True)


def _development_key() -> str:
    path = services.VAR / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole before it has its name: two processes may begin at once.
        with NamedTemporaryFile("w", dir=path.parent) as new:
            new.write(secrets.token_urlsafe(50))
            new.flush()
            with suppress(FileExistsError):
                os.link(new.name, path)
    return path.read_text()


SECRET_KEY = env.str("SECRET_KEY", default="") or (_development_key() if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("With DEBUG off, SECRET_KEY must be set.")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Only behind a proxy that sets the header itself: from anybody else it is a lie.
TRUST_PROXY = env.bool("TRUST_PROXY", default=False)
PROXIES = env.int("PROXIES", default=1)
"""How many of them each add whom they heard to X-Forwarded-For."""
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=0)
# Who insists on TLS is sent there, once it can be told whether a request came by it.
SECURE_SSL_REDIRECT = TRUST_PROXY and SECURE_HSTS_SECONDS > 0
# The domain's other names, and lists in browsers, are not ours to decide on.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "config.languages.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "analytics",
    "catalog",
    "ml",
    "promotions",
    "demo",
]
MIDDLEWARE = [
    # The outermost says its policy with every answer, static files' too; probes are
    # answered before the Host header is looked at, preflights before sessions.
    "config.policy.Middleware",
    "config.probes.by_any_host",
    "analytics.cors.Middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.languages.Middleware",
    "config.zones.middleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.pages.middleware",
]
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "config.signin.Backend",
]
SESSION_ENGINE = "config.sessions"
SECOND_FACTOR = env.str("SECOND_FACTOR", default="optional")
"""Whether operators may, or must, give a code besides their password."""
OTP_TOTP_ISSUER = "Proffer"
# A list within the list: both together. Side by side each would lock by itself.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
# Further tries do not move the moment that the page has told.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "config.signin.address"
AXES_LOCKOUT_CALLABLE = "config.signin.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "code"]
# What was typed as a name is kept nowhere, a password now and then among it.
AXES_DISABLE_ACCESS_LOG = True
# Its tables have a page of ours (config.admin).
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
SIMULATED_CLOCK = env.bool("SIMULATED_CLOCK", default=False)
"""Demo mode: time stands still until a secret key moves it (analytics.clock)."""
if SIMULATED_CLOCK and not DEBUG:
    raise ImproperlyConfigured("SIMULATED_CLOCK is for a laptop: it needs DEBUG on.")
STOREFRONT = env.bool("STOREFRONT", default=DEBUG)
"""The demo shop at /shop/, where anybody may be any customer (demo.storefront)."""
if STOREFRONT and not DEBUG:
    raise ImproperlyConfigured("STOREFRONT is for a laptop: it needs DEBUG on.")
ROOT_URLCONF = env.str(
    "ROOT_URLCONF", default="config.simulated" if SIMULATED_CLOCK else "config.urls"
)
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": {
        **environ.Env.db_url_config(urls.database),
        "CONN_MAX_AGE": 60,
        # Before a request's first query by Django: 0.1 ms. GET offers has none: it asks
        # through analytics.lookup, which mends its own connection.
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": False,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": urls.cache,
        # Nothing waits for the cache: a cart is priced without it.
        "OPTIONS": {
            "socket_connect_timeout": 0.5,
            "socket_timeout": 0.5,
            "retry": Retry(NoBackoff(), 0),
        },
    }
}
CELERY_BROKER_URL = urls.broker

LOGGING = {
    "version": 1,
    # Else loggers that were made before fall silent.
    "disable_existing_loggers": False,
    "filters": {"without_ids": {"()": "config.logs.WithoutIds"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["without_ids"],
        }
    },
    "loggers": {
        app: {"handlers": ["console"], "level": "INFO"}
        for app in ("analytics", "catalog", "django", "ml", "promotions")
    }
    # Its lines hold what was typed as a name, now and then a password.
    | {"axes": {"handlers": [], "propagate": False}},
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
# RudderStack's Python client sends up to 4 MB at once.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 << 20

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["analytics.access.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["analytics.access.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["analytics.bodies.JsonParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "analytics.problems.answer",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Proffer",
    "DESCRIPTION": "Which promotion each shopper gets, and what it earned.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "REDOC_DIST": "SIDECAR",
    "REDOC_UI_SETTINGS": {
        "theme": {
            "typography": {
                "fontFamily": "system-ui, sans-serif",
                "headings": {"fontFamily": "system-ui, sans-serif"},
            }
        }
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "analytics.problems.describe",
        "promotions.authoring.describe",
    ],
}


NEEDS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(
        ("proposals", "calendar", "programme", "response"),
        ("promotions.view_strategy",),
    ),
    "quarter": ("promotions.view_strategy", "promotions.view_quarter"),
    **dict.fromkeys(("models", "features"), ("ml.view_trainedmodel",)),
    "question-queue": ("promotions.view_handover", "promotions.view_question"),
    "find-customer": ("analytics.view_customer", "analytics.view_storedevent"),
    "data": ("catalog.view_feed",),
    "demand": ("ml.view_elasticity",),
    "opinions": ("ml.view_opinion",),
    "pricing": ("promotions.view_strategy",),
    "stock": ("promotions.view_supply",),
    "connect": ("analytics.view_apikey",),
    "market": ("catalog.view_position",),
    "market-review": ("catalog.view_match",),
    "market-days": ("catalog.view_shopday",),
    "market-series": ("catalog.view_seriesvalue",),
}
"""What one must be allowed to be shown the way to a page that is of no table."""


def _item(icon: str, name: Text, to: str) -> dict[str, Any]:
    app, _, model = to.partition("_")
    needs = NEEDS.get(to, (f"{app}.view_{model}",) if model else ())
    return {
        "icon": icon,
        "title": name,
        "link": reverse_lazy(f"admin:{to}_changelist" if model else to),
        "permission": lambda request: request.user.has_perms(needs),
    }


def _group(title: Text, *pages: tuple[str, Text, str]) -> Any:
    """A group of the back office's sidebar: (icon, title, table or page)."""
    items = [_item(*page) for page in pages]
    return {"title": title, "separator": True, "items": items}


UNFOLD = {
    "SITE_TITLE": "Proffer",
    "SITE_HEADER": "Proffer",
    "SITE_SYMBOL": "sell",
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("admin.css")],
    "SCRIPTS": [lambda request: static("zone.js")],
    "DASHBOARD_CALLBACK": "promotions.home.dashboard",
    "ACCOUNT": {
        "navigation": [
            {"title": _("Second factor"), "link": reverse_lazy("admin:second_factor")},
            {
                "title": _("Change password"),
                "link": reverse_lazy("admin:password_change"),
            },
        ]
    },
    "SIDEBAR": {
        "navigation": [
            _group(
                _("What we offer"),
                ("inbox", _("Proposals"), "proposals"),
                ("calendar_month", _("Calendar"), "calendar"),
                ("date_range", _("Plan a quarter"), "quarter"),
                ("sell", _("Strategies"), "promotions_strategy"),
                ("event", _("Campaigns"), "promotions_campaign"),
                ("loyalty", _("Offers"), "promotions_offer"),
                ("hourglass_top", _("Reservations"), "promotions_reservation"),
                ("receipt_long", _("Redemptions"), "promotions_redemption"),
                ("balance", _("Allocations"), "promotions_allocation"),
                ("sell", _("Prices"), "pricing"),
                ("monitoring", _("Programme"), "programme"),
                ("psychology", _("Response"), "response"),
                ("gavel", _("Standing rules"), "promotions_standingrule"),
            ),
            _group(
                _("Codes"),
                ("qr_code_2", _("Code batches"), "promotions_codebatch"),
                ("confirmation_number", _("Codes"), "promotions_code"),
                ("policy", _("Code guessing"), "promotions_guesser"),
            ),
            _group(
                _("Webhooks"),
                ("webhook", _("Endpoints"), "promotions_endpoint"),
                ("outgoing_mail", _("Deliveries"), "promotions_delivery"),
            ),
            _group(
                _("What is likely"),
                ("neurology", _("Models"), "models"),
                ("model_training", _("Training runs"), "ml_trainingrun"),
                ("inventory", _("Trained models"), "ml_trainedmodel"),
                ("dictionary", _("Features"), "features"),
                ("trending_up", _("Demand"), "demand"),
                ("forum", _("Opinions"), "opinions"),
                ("show_chart", _("Elasticities"), "ml_elasticity"),
                ("groups", _("Segments"), "ml_customerprofile"),
            ),
            _group(
                _("What we sell"),
                ("store", _("Products"), "catalog_product"),
                ("content_copy", _("Likely twins"), "ml_producttwin"),
                ("manage_search", _("Listings read"), "ml_contentrun"),
                ("reviews", _("Reviews"), "catalog_review"),
                ("warehouse", _("Stock"), "stock"),
                ("rule_settings", _("Stock rules"), "catalog_stockrule"),
            ),
            _group(
                _("The market"),
                ("storefront", _("Market"), "market"),
                ("compare_arrows", _("Review of matches"), "market-review"),
                ("link", _("Matches"), "catalog_match"),
                ("event_note", _("Days of the market"), "market-days"),
                ("partly_cloudy_day", _("Daily series"), "market-series"),
                ("cloud_download", _("Sources"), "catalog_source"),
            ),
            _group(
                _("What happened"),
                ("person_search", _("Find a customer"), "find-customer"),
                ("forum", _("Questions of customers"), "question-queue"),
                ("help_center", _("Help texts"), "promotions_helptext"),
                ("database", _("Data"), "data"),
                ("history", _("Events"), "analytics_storedevent"),
                ("person", _("Customers"), "analytics_customer"),
                ("badge", _("Profiles"), "analytics_profile"),
                ("report", _("Rejections"), "analytics_rejection"),
                ("key_off", _("Wrong keys"), "analytics_wrongkey"),
                ("flag", _("Checkpoints"), "analytics_checkpoint"),
                ("inventory_2", _("Archives"), "analytics_archive"),
                ("person_off", _("Erasures"), "analytics_erasure"),
                ("key", _("API keys"), "analytics_apikey"),
            ),
            _group(
                _("Shops"),
                ("cable", _("Connect a shop"), "connect"),
                *([("storefront", _("Demo shop"), "storefront")] if STOREFRONT else []),
            ),
            _group(
                _("Operators"),
                ("manage_accounts", _("Users"), "auth_user"),
                ("groups", _("Groups"), "auth_group"),
                ("lock_clock", _("Wrong passwords"), "axes_accessattempt"),
            ),
        ],
    },
}


def _insist(name: str, value: str, *known: str) -> None:
    """Refuse a word that a setting does not know."""
    if value not in known:
        listed = ", ".join(known)
        raise ImproperlyConfigured(f"{name} must be one of {listed}, not {value!r}.")


_insist("SECOND_FACTOR", SECOND_FACTOR, "optional", "required")
CURRENCY = env.str("CURRENCY", default="USD")
SUPPRESSION_KEY = env.str("SUPPRESSION_KEY", default="") or SECRET_KEY
"""Hashes the ids of erased customers; never change it, or they can come back."""
CONSENT_REQUIRED = env.bool("CONSENT_REQUIRED", default=False)
"""Whether offers are personal only for who said yes, or for all but who said no."""
CONSENT_CATEGORY = env.str("CONSENT_CATEGORY", default="Advertising")
"""The category of a consent manager that allows personal offers."""
TRAITS = frozenset(
    env.list(
        "TRAITS",
        default=["country", "currency", "language", "locale", "loyalty_tier", "plan"],
    )
)
"""The traits of a customer that may be kept; none that tells who somebody is."""
SHOP_ZONE = env.str("SHOP_ZONE", default="UTC")
"""Prices begin and end at this zone's midnight; customers are told times in it."""
if SHOP_ZONE not in zoneinfo.available_timezones():
    raise ImproperlyConfigured(f"SHOP_ZONE: there is no time zone {SHOP_ZONE!r}.")
ASSUMED_MARGIN = Decimal(env.str("ASSUMED_MARGIN", default="0.30"))
"""The share of the shelf price that is margin where the shop's feed sends no cost."""
MODELS_DIR = services.VAR / "models"
FOUR_EYES = env.bool("FOUR_EYES", default=True)
"""Nobody approves a strategy that they proposed themselves."""
REVIEWS_ARE_MODERATED = env.bool("REVIEWS_ARE_MODERATED", default=True)
"""Whether texts that say no state wait for a moderator before the public reads them."""
REVIEWS_KEPT_DAYS = env.int("REVIEWS_KEPT_DAYS", default=730)
"""So long a text is kept that does not say it itself; its numbers stay."""
HORIZON_DAYS = 28
"""Propensity: P(buys in the category within so many days)."""
HELD_OUT = 0.05
"""The share of all customers who never get a personal offer: what the whole programme
earns is measured against them. Changing it moves people in or out of what is measured.
"""
HOLDOUT = 0.05
"""The share of each audience that gets no offer, so that the effect can be measured."""
LEAST_SHARE = 0.05
"""Of the treated, for each variant of a menu whose odds follow what it earns."""
OFFER_DAYS = 14
OFFERS_PER_CUSTOMER = 3
OFFERS_IN_28_DAYS = env.int("OFFERS_IN_28_DAYS", default=0) or None
"""The strategies a customer may newly come into within 28 days; None: any number."""
LEAST_SHARE_OF_SEGMENT = env.float("LEAST_SHARE_OF_SEGMENT", default=0.0)
"""Of each segment's customers, the least share that is chosen for some offer."""
if not 0 <= LEAST_SHARE_OF_SEGMENT <= 1 or (OFFERS_IN_28_DAYS or 0) < 0:
    raise ImproperlyConfigured(
        "LEAST_SHARE_OF_SEGMENT lies in 0 to 1, OFFERS_IN_28_DAYS is not negative."
    )
QUESTIONS_KEPT_DAYS = env.int("QUESTIONS_KEPT_DAYS", default=90)
"""What customers asked and were answered is deleted after so many days."""
QUESTIONS_IN_5_MINUTES = env.int("QUESTIONS_IN_5_MINUTES", default=20)
"""Of one customer; of all who have no name, of one key, fifty times as many."""
ASSISTANT_MODEL_URL = env.str("ASSISTANT_MODEL_URL", default="")
"""A language model of the shop's own, at an OpenAI-compatible address as
http://10.0.0.7:8000/v1, that may say answers in other words; empty: none does."""
ASSISTANT_MODEL = env.str("ASSISTANT_MODEL", default="default")
ASSISTANT_MODEL_KEY = env.str("ASSISTANT_MODEL_KEY", default="")
ASSISTANT_MODEL_SECONDS = env.float("ASSISTANT_MODEL_SECONDS", default=2.0)
"""So long an answer waits for it; then it goes out as it is."""
HOLIDAYS_OF = env.str("HOLIDAYS_OF", default="US")
"""A country's code, with a region's if it has one, as "US" or "DE-BY"."""
LEAST_MARGIN = Decimal("0.02")
"""No stack of offers sells a line below this margin; a strategy may ask for more."""
DISCOUNT_ROUNDING = env.str("DISCOUNT_ROUNDING", default="down")
_insist("DISCOUNT_ROUNDING", DISCOUNT_ROUNDING, "down", "half_up", "half_even")
"""How a rate's fraction of a cent is rounded: down, half_up or half_even."""
COMBINATION_OBJECTIVE = env.str("COMBINATION_OBJECTIVE", default="customer")
_insist("COMBINATION_OBJECTIVE", COMBINATION_OBJECTIVE, "customer", "margin")
"""Which legal combination wins: "customer", who pays least, or "margin", of those to
which nothing could be added the one that costs the shop least."""
PRICES_INCLUDE_TAX = env.bool("PRICES_INCLUDE_TAX", default=True)
"""The tax basis of every amount, in carts and in rules; a cart may declare its own,
and is refused if it is the other."""
BUDGET_MARKS = (0.8, 1.0)
"""Shares of a strategy's budget whose spending is told."""
MOST_CODES = 5_000_000
"""Of one batch."""
WEBHOOKS_TO_PRIVATE = env.bool("WEBHOOKS_TO_PRIVATE", default=False)
"""Whether webhooks may go to private addresses and without TLS: on a laptop only."""
MARKET_FROM_PRIVATE = env.bool("MARKET_FROM_PRIVATE", default=False)
"""Whether market data may come from private addresses and without TLS."""
MARKET_AGENT = env.str("MARKET_AGENT", default="Proffer")
"""Who fetches them, for robots rules and logs; add an address, so that one may ask."""
MARKET_ADAPTERS = env.dict("MARKET_ADAPTERS", default={})
"""Adapters beside "http": name=module.Class, several with commas between."""
ARCHIVE_DIR = services.VAR / "archive"
