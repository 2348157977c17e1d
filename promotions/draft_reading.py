"""Read drafts as shops and operators send them, every fault named at its place. Pure.

Fields are read one by one, and terms too: msgspec itself stops at the first fault.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from promotions import rule_reading
from promotions.drafts import (
    CampaignDraft,
    Draft,
    Fault,
    Faulty,
    campaign_faults,
    draft_faults,
)
from promotions.rules import Name, Terms

# msgspec ends what it says with the place, but names a missing field in its words.
AT = re.compile(r"^(.*?)(?: - at `\$(.*)`)?$", re.DOTALL)
FIELD = re.compile(r"field `(.+)`")


def read(body: object) -> Draft:
    """Read a draft.

    :raises Faulty: it is none.
    """
    draft: Draft = _read(Draft, body)
    if faults := list(draft_faults(draft)):
        raise Faulty(faults)
    return draft


def read_campaign(body: object) -> CampaignDraft:
    """Read a campaign's draft.

    :raises Faulty: it is none.
    """
    draft: CampaignDraft = _read(CampaignDraft, body)
    if faults := list(campaign_faults(draft, "")):
        raise Faulty(faults)
    return draft


def _read(kind: type[Any], body: object) -> Any:
    if not isinstance(body, Mapping):
        raise Faulty([Fault(field="", reason="Expected an object.")])
    parts: dict[str, Any] = {}
    faults = [
        Fault(field=str(name), reason="There is no such field.")
        for name in sorted(body.keys() - set(kind.__struct_fields__), key=str)
    ]
    # One by one: msgspec itself stops at the first fault.
    for field in msgspec.structs.fields(kind):
        given = body.get(field.name, UNSET)
        try:
            if (value := _part(field, given, body)) is not UNSET:
                parts[field.name] = value
        except Faulty as error:
            faults += error.faults
    if faults:
        raise Faulty(faults)
    return kind(**parts)


def _part(field: Any, given: object, body: Mapping[str, Any]) -> Any:
    """Read one field; unset if it has a default and is not there."""
    if isinstance(given, UnsetType):
        if field.required:
            raise Faulty([Fault(field=field.name, reason="This field is required.")])
        return UNSET
    if found := next(_unwritable(given, field.name), None):
        raise Faulty([found])
    if field.name == "menu" and isinstance(given, Mapping) and given:
        return _menu(given, body.get("kind"))
    if field.name == "campaign" and isinstance(given, Mapping):
        return _nested(CampaignDraft, given, "campaign")
    return _converted(given, field.type, field.name)


def _menu(given: Mapping[str, Any], kind: object) -> dict[str, Terms]:
    """Read terms one by one, since a fault must name its label; `kind` is implied."""
    menu: dict[str, Terms] = {}
    faults = []
    for label, terms in given.items():
        at = f"menu.{label}"
        # Terms that name another kind keep it, to be told so.
        tagged = {"kind": kind} | dict(terms) if isinstance(terms, Mapping) else terms
        try:
            menu[_converted(label, Name, at)] = _converted(tagged, Terms, at)
        except Faulty as error:
            faults += error.faults
    if faults:
        raise Faulty(faults)
    return menu


def _nested(kind: type[Any], given: object, at: str) -> Any:
    try:
        return _read(kind, given)
    except Faulty as error:
        raise Faulty(
            [
                Fault(field=f"{at}.{one.field}", reason=one.reason)
                for one in error.faults
            ]
        ) from error


def _converted(given: object, kind: Any, at: str) -> Any:
    try:
        return rule_reading.converted(given, kind)
    except msgspec.ValidationError as error:
        reason, path = AT.fullmatch(str(error)).groups()  # type: ignore[union-attr]
        named = FIELD.search(reason)
        place = f"{at}{path or ''}" + (f".{named[1]}" if named else "")
        raise Faulty([Fault(field=place, reason=reason)]) from error


def _unwritable(value: object, at: str) -> Iterator[Fault]:
    """Find the text that no table can hold."""
    if isinstance(value, str) and "\0" in value:
        yield Fault(field=at, reason="Text must not hold the character NUL.")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _unwritable(name, at)
            yield from _unwritable(inner, f"{at}.{name}")
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _unwritable(inner, f"{at}[{number}]")
