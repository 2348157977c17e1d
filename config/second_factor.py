"""The second factor: codes of an operator's telephone, and backup codes on paper.

django-otp keeps the devices and slows wrong codes down. A session has passed when it
names the device that its user has now, so that whoever turns the factor on, or gets
another telephone, ends what other sessions may do. `signin.Backend` reads that device
with the user: no page asks the database once more.
"""

from datetime import datetime
from typing import TypeVar

import segno
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

BACKUP_CODES = 10
DIGITS = 6
SESSION = "second_factor"
"""Names the device by which the session passed."""
Device = TypeVar("Device", TOTPDevice, StaticDevice)


class WrongCode(Exception):
    """The code is not one of this operator's, or was used before."""


class TooSoon(Exception):
    """After wrong codes nobody may try before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"not before {until:%H:%M:%S}")
        self.until = until


def confirmed(kind: type[Device]) -> QuerySet[Device]:
    """Return the devices in use of the user of the outer query, newest first."""
    mine: QuerySet[Device] = kind._default_manager.filter(
        user=OuterRef("pk"), confirmed=True
    )
    return mine.order_by("-pk")


def has(request: HttpRequest) -> bool:
    """Whether the operator has a second factor."""
    return getattr(request.user, "second_factor", None) is not None


def passed(request: HttpRequest) -> bool:
    """Whether the session may act: it gave the second factor, or none is needed."""
    if has(request):
        return bool(request.session.get(SESSION) == request.user.second_factor)  # type: ignore[union-attr]
    return bool(settings.SECOND_FACTOR != "required")


def enter(request: HttpRequest, code: str) -> None:
    """Let the session pass by a code of the telephone, or a backup code.

    :raises WrongCode: it is none of them.
    :raises TooSoon: too many wrong codes came before.
    """
    verify(_user(request), code)
    # Whoever knew the session's id before the code must not pass by it.
    request.session.cycle_key()
    request.session[SESSION] = request.user.second_factor  # type: ignore[union-attr]


def verify(user: User, code: str) -> None:
    """Use a code up; six digits are the telephone's, all else is a backup code.

    :raises WrongCode: it is not one of this operator's, or was used before.
    :raises TooSoon: too many wrong codes came before.
    """
    text = "".join(code.split()).lower()
    by_phone = len(text) == DIGITS and text.isdecimal()
    _use(TOTPDevice if by_phone else StaticDevice, user, text, confirmed=True)


def begin(user: User) -> None:
    """Make the key that a telephone is to take over; an unfinished one goes."""
    with transaction.atomic():
        # Two pages at once: one waits, and one key is left.
        User.objects.select_for_update().get(pk=user.pk)
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        TOTPDevice.objects.create(user=user, name="telephone", confirmed=False)


def begun(user: User) -> TOTPDevice | None:
    """Return the telephone that has not given a code yet."""
    return TOTPDevice.objects.filter(user=user, confirmed=False).first()


def picture(device: TOTPDevice) -> str:
    """Return the QR code for a telephone as SVG, dark on white in every theme."""
    code = segno.make(device.config_url, error="m")
    return str(code.svg_inline(scale=5, light="#fff", border=4))


def spelled(device: TOTPDevice) -> str:
    """Return the key for who types it, in fours."""
    [_, rest] = device.config_url.split("secret=")
    key = rest.partition("&")[0]
    return " ".join(key[at : at + 4] for at in range(0, len(key), 4))


def turn_on(request: HttpRequest, code: str) -> list[str]:
    """Take the telephone into use; return the backup codes, told this once.

    :raises WrongCode: the telephone shows another code.
    :raises TooSoon: too many wrong codes came before.
    """
    user = _user(request)
    shown = _use(TOTPDevice, user, "".join(code.split()), confirmed=False)
    with transaction.atomic():
        rows = TOTPDevice.objects.select_for_update()
        new = rows.filter(pk=shown, confirmed=False).first()
        if new is None:  # another page has begun anew: its key is on no telephone yet
            raise WrongCode
        TOTPDevice.objects.filter(user=user, confirmed=True).delete()
        new.confirmed = True
        new.save(update_fields=["confirmed"])
        _note(by=user, on=user, said="Turned the second factor on.")
    request.session.cycle_key()
    request.session[SESSION] = new.pk
    return _new_codes(user)


def renew_codes(user: User, code: str) -> list[str]:
    """Make other backup codes; those of before are void.

    :raises WrongCode: see verify.
    :raises TooSoon: see verify.
    """
    verify(user, code)
    _note(by=user, on=user, said="Made new backup codes.")
    return _new_codes(user)


def turn_off(user: User, code: str) -> None:
    """Do without it from now on.

    :raises WrongCode: see verify.
    :raises TooSoon: see verify.
    """
    verify(user, code)
    take_away(user, by=user)


def take_away(user: User, *, by: User) -> None:
    """Delete telephone and backup codes, as for who has lost both."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        _note(by=by, on=user, said="Took the second factor away.")


def codes_left(user: User) -> int:
    """Return how many backup codes have not been used."""
    return int(StaticToken.objects.filter(device__user=user).count())


def _use(kind: type[Device], user: User, text: str, *, confirmed: bool) -> int:
    """Verify under a row lock; return the device. A wrong code counts all the same."""
    with transaction.atomic():
        rows = kind._default_manager.select_for_update()
        device = rows.filter(user=user, confirmed=confirmed).order_by("-pk").first()
        if device is None:
            raise WrongCode
        allowed, why = device.verify_is_allowed()
        right = allowed and device.verify_token(text)
    # Out here: within, a raise would take the count of wrong codes back.
    if not allowed:
        raise TooSoon(why["locked_until"])
    if not right:
        raise WrongCode
    return int(device.pk)


def _new_codes(user: User) -> list[str]:
    codes = [StaticToken.random_token() for _ in range(BACKUP_CODES)]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        paper = StaticDevice.objects.create(user=user, name="backup codes")
        StaticToken.objects.bulk_create(
            [StaticToken(device=paper, token=code) for code in codes]
        )
    return codes


def _note(*, by: User, on: User, said: str) -> None:
    """Write it into the history of the operator's page."""
    LogEntry.objects.log_actions(by.pk, [on], CHANGE, change_message=said)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - for the types
    return request.user
