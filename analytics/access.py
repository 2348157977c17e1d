"""Keys and scopes: who may call the API, and for what.

The key is checked in the database at each call, so that a revoked key stops at once.
"""

import hashlib
import secrets
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from analytics import clock, lookup
from analytics.models import ApiKey, WrongKey

SCOPES = {
    "events": "report what customers do",
    "offers": "read customers' offers, and pass on what they think of them",
    "recommendations": "read what to show to a customer, a product's page, a cart",
    "search": "find products by words",
    "carts": "price carts and redeem",
    "questions": "ask the assistant; a browser's key without naming a customer",
    "codes": "make, list, export and stop codes",
    "webhooks": "say where to tell what happens",
    "catalog": "send products and prices",
    "reviews": "send what people say of products, and read what is published",
    "strategies": "open campaigns, propose strategies, read what became of them",
    "reports": "read what strategies, campaigns and the whole programme earned",
    "calendar": "read the calendar by its address, and nothing else beside it",
    "privacy": "export and erase customers",
    "clock": "move the clock and approve proposals, in demo mode alone",
}
PUBLIC = frozenset(("events", "offers", "questions", "search"))
MOST_WRONG = 1000


class UnknownScope(ValueError):
    """A key can only have the scopes of `SCOPES`."""


class Caller:
    """The shop behind a request, as DRF's `request.user`."""

    # DRF asks for it, as of Django's users.
    is_authenticated = True

    def __init__(
        self,
        key: UUID,
        name: str,
        scopes: Iterable[str],
        origins: Iterable[str],
        publishable: bool,  # noqa: FBT001 - a row of the table
    ) -> None:
        self.pk, self.name, self.scopes = key, name, frozenset(scopes)
        self.origins, self.publishable = frozenset(origins), publishable

    def serves(self, origin: str | None) -> bool:
        """Whether the key works for a site; servers send no origin."""
        return origin is None or not self.origins or origin in self.origins


def create_key(
    name: str,
    scopes: Iterable[str],
    *,
    publishable: bool = False,
    origins: Iterable[str] = (),
    secret: str | None = None,
) -> str:
    """Make a key and return it; only its digest is kept.

    A publishable one may be seen by browsers: it can do no more than PUBLIC. Without
    a `secret` of the caller's own, which nobody may guess, it is a random one.

    :raises UnknownScope: a scope is not one of `SCOPES`, or not for browsers.
    """
    allowed = PUBLIC if publishable else SCOPES.keys()
    wanted = sorted(set(scopes))
    if not wanted or set(wanted) - allowed:
        raise UnknownScope(
            f"scopes must be some of {', '.join(s for s in SCOPES if s in allowed)}"
        )
    key = f"{'pk' if publishable else 'sk'}_{secret or secrets.token_urlsafe(32)}"
    ApiKey.objects.create(
        name=name,
        digest=_digest(key),
        scopes=wanted,
        publishable=publishable,
        # Browsers send theirs without a slash.
        origins=[origin.rstrip("/") for origin in origins],
    )
    return key


def revoke_key(key_id: UUID) -> None:
    """Stop a key at once and for ever."""
    # Revoked again, it keeps the first time.
    keys = ApiKey.objects.filter(id=key_id, revoked_at=None)
    keys.update(revoked_at=clock.now())


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sk_…`."""

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        words = get_authorization_header(request).split()
        if len(words) != 2 or words[0].lower() != b"bearer":
            raise AuthenticationFailed(
                "Send your key as `Authorization: Bearer sk_…`.", code="key_missing"
            )
        key = words[1].decode(errors="replace")
        found = find(key)
        if found is None:
            note_wrong(key)
            raise AuthenticationFailed(
                "This key is unknown or revoked.", code="key_refused"
            )
        if not found.serves(request.headers.get("Origin")):
            raise AuthenticationFailed(
                "This key is not for this site.", code="origin_refused"
            )
        return found, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """The view's `scope` must be one of the key's."""

    code = "scope_missing"

    def has_permission(self, request: Request, view: Any) -> bool:
        self.message = f"This key lacks the scope `{view.scope}`."
        return view.scope in caller(request).scopes


def caller(request: Request) -> Caller:
    """Return the shop behind an authenticated request."""
    if not isinstance(request.user, Caller):
        raise AuthenticationFailed("Send your key.", code="key_missing")
    return request.user


def find(key: str) -> Caller | None:
    """Return whose key it is, None for an unknown or revoked one."""
    return find_beside(key, "NULL")[0]


def find_beside(key: str, sql: str) -> tuple[Caller | None, Any]:
    """Return whose key it is, and a value of our own that one statement asks for too.

    A trip to the database less, where an answer takes no longer than one.
    """
    row = lookup.row(
        f"SELECT id, name, scopes, origins, publishable, ({sql})"  # noqa: S608
        " FROM analytics_apikey WHERE digest = %s AND revoked_at IS NULL",
        [_digest(key)],
    )
    return (Caller(*row[:-1]), row[-1]) if row else (None, None)


def note_wrong(key: str) -> None:
    """Remember that a key opened nothing, where operators see it."""
    if not key:
        return  # a stranger, or a port scan: nobody's events are lost
    digest, now = _digest(key), clock.now()
    known = WrongKey.objects.filter(digest=digest)
    if known.update(attempts=F("attempts") + 1, last_at=now):
        return
    # Anybody may send keys: the table must have an end.
    if WrongKey.objects.count() < MOST_WRONG:
        WrongKey.objects.bulk_create(
            # sk_ and four letters: enough to know it by, too few to use it.
            [WrongKey(digest=digest, hint=key.replace("\0", "")[:7])],
            ignore_conflicts=True,
        )


def _digest(key: str) -> str:
    # Unsalted and quick will do: a key is 32 random bytes, which nobody tries out.
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the published schema describes the key."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def address(request: HttpRequest | Request) -> str | None:
    """Return where a request comes from; None if a proxy tells nonsense.

    Each proxy adds at the end of X-Forwarded-For whom it heard: behind PROXIES of
    them, what stands so far from the end is true; anybody may claim the rest.
    """
    told = [request.META.get("REMOTE_ADDR", "")]
    if settings.TRUST_PROXY and (hops := request.headers.get("X-Forwarded-For", "")):
        told = hops.split(",")[-settings.PROXIES :]
    try:
        return str(ip_address(told[0].strip()))
    except ValueError:
        return None
