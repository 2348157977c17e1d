"""Keys and scopes: who may call the API, and for what.

The key is checked in the database at each call, so that a revoked key stops at once.
"""

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from analytics import lookup
from analytics.models import ApiKey

SCOPES = {
    "events": "report what customers do",
    "offers": "read customers' offers",
    "carts": "price carts and redeem",
    "catalog": "send products and prices",
}


class UnknownScope(ValueError):
    """A key can only have the scopes of `SCOPES`."""


class Caller:
    """The shop behind a request, as DRF's `request.user`."""

    is_authenticated = True

    def __init__(self, key: UUID, name: str, scopes: Iterable[str]) -> None:
        self.pk, self.name, self.scopes = key, name, frozenset(scopes)


def create_key(name: str, scopes: Iterable[str]) -> str:
    """Make a key and return it; only its digest is kept.

    :raises UnknownScope: a scope is not one of `SCOPES`.
    """
    wanted = sorted(set(scopes))
    if not wanted or set(wanted) - SCOPES.keys():
        raise UnknownScope(f"scopes must be some of {', '.join(SCOPES)}")
    key = f"sk_{secrets.token_urlsafe(32)}"
    ApiKey.objects.create(name=name, digest=_digest(key), scopes=wanted)
    return key


def revoke_key(key_id: UUID) -> None:
    """Stop a key at once and for ever."""
    keys = ApiKey.objects.filter(id=key_id, revoked_at=None)
    keys.update(revoked_at=timezone.now())


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sk_…`."""

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        words = get_authorization_header(request).split()
        if len(words) != 2 or words[0].lower() != b"bearer":
            raise AuthenticationFailed(
                "Send your key as `Authorization: Bearer sk_…`.", code="key_missing"
            )
        found = _caller(words[1].decode(errors="replace"))
        if found is None:
            raise AuthenticationFailed(
                "This key is unknown or revoked.", code="key_refused"
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


def _caller(key: str) -> Caller | None:
    row = lookup.row(
        "SELECT id, name, scopes FROM analytics_apikey "
        "WHERE digest = %s AND revoked_at IS NULL",
        [_digest(key)],
    )
    return Caller(*row) if row else None


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the published schema describes the key."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
