"""The back office's page to make a strategy, or a new version of one.

It turns forms into a draft and back, and puts a draft's faults at the fields.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from analytics import clock
from catalog.models import Product
from promotions import (
    desk_faults,
    draft_reading,
    drafts,
    form_fields,
    forms,
    proposals,
    rules,
    term_words,
)
from promotions.drafts import Fault, Faulty
from promotions.form_fields import Part, Rows
from promotions.models import Campaign, Strategy
from promotions.terms_forms import PARTS, TERMS

KINDS: Mapping[str, Any] = {
    "percentage": _("Percent off lines in scope, one or several depths."),
    "amount": _("An amount off a unit, a line or the order."),
    "fixed_price": _("A unit costs a set price."),
    "threshold": _("Spend so much, get so much off; any number of tiers."),
    "multibuy": _("3 for 2; the second at half price; the cheapest free."),
    "bundle": _("A set of products at one price."),
    "gift": _("Spend so much, get a product free."),
    "shipping": _("Free or cheaper shipping."),
}
MOST_FOUND = 20
SPARE = {"terms": 1, "higher": 1, "slots": 2, "limits": 1}
"""Empty rows to begin with."""
REQUIRED = "This field is required."
ROW = re.compile(r"^(\w+)\[(\d+)\](?:\.(.+))?$")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page: a form, or rows of one."""

    name: str
    title: Any
    form: Part | None = None
    rows: Any = None
    says: Any = ""

    @property
    def optional(self) -> bool:
        """Whether its rows may all be empty."""
        return self.rows is not None and self.name != "terms"


class Desk:
    """The forms of one page; `data` is what was posted, `start` what to begin with."""

    def __init__(
        self,
        kind: str,
        data: QueryDict | None = None,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind, self.data, self.start = kind, data, start or {}
        self.faults: list[Fault] = []

    @cached_property
    def terms(self) -> Rows:
        """Rows of the menu's variants."""
        return self._rows("terms", TERMS[self.kind])

    @cached_property
    def parts(self) -> Rows | None:
        """Rows of the first variant's tiers or slots, if the kind has such."""
        if self.kind not in PARTS:
            return None
        name, form = PARTS[self.kind]
        return self._rows(name, form)

    @cached_property
    def limits(self) -> Rows:
        return self._rows("limits", forms.LimitForm)

    @cached_property
    def forms(self) -> dict[str, Part]:
        triggers = [
            (value, label)
            for value, label in Strategy.Trigger.choices
            if (value != "offer" or self.kind in drafts.PERSONAL) and value != "shelf"
        ]
        made: dict[str, Part] = {
            "strategy": forms.StrategyForm(
                **self._given("strategy"),
                triggers=sorted(triggers, key=lambda pair: pair[0] == "offer"),
                campaigns=forms.campaigns(
                    at=clock.now(), keep=self.start.get("strategy", {}).get("campaign")
                ),
            )
        }
        for name, form in (
            ("scope", forms.ScopeForm),
            ("conditions", forms.ConditionsForm),
            ("combination", forms.CombinationForm),
        ):
            made[name] = form(**self._given(name))
        return made

    @property
    def sections(self) -> Iterator[Section]:
        """The page from top to bottom."""
        form = self.forms
        yield Section(name="strategy", title=_("The strategy"), form=form["strategy"])
        yield Section(
            name="terms",
            title=_("What it gives"),
            rows=self.terms,
            says=_(
                "An automatic strategy, or a code's, gives the first row; a personal "
                "offer gives each customer one of them."
            ),
        )
        if self.parts is not None:
            title = _("Higher tiers") if self.kind == "threshold" else _("The set")
            name = PARTS[self.kind][0]
            yield Section(name=name, title=title, rows=self.parts)
        if self.kind != "bundle":
            yield Section(name="scope", title=_("What it is about"), form=form["scope"])
        yield Section(
            name="conditions",
            title=_("Conditions"),
            form=form["conditions"],
            says=_("All that is filled in must hold."),
        )
        yield Section(
            name="combination",
            title=_("Together with others"),
            form=form["combination"],
        )
        yield Section(
            name="limits",
            title=_("Limits"),
            rows=self.limits,
            says=_("Periods begin at midnight in the campaign's zone."),
        )

    def propose(self, *, by: str, before: UUID | None) -> Strategy | None:
        """Propose what was posted; None if something is wrong, which the forms say."""
        every: list[Any] = [*self.forms.values(), self.terms, self.limits]
        every += [self.parts] if self.parts is not None else []
        valid = min([one.is_valid() for one in every])  # each must say its own
        at = clock.now()
        try:
            draft = self._draft()  # and what only a draft as a whole shows, at once
            if not valid:
                return None
            if before:
                return proposals.propose_version(before, draft, by=by, at=at)
            return proposals.propose(draft, by=by, at=at)
        except Faulty as error:
            self._place(error.faults)
            return None

    def body(self) -> dict[str, Any]:
        """Return what was posted, as the API takes it."""
        # An empty row, too, is read: its faults say what the form wants.
        variants = self.terms.filled or list(self.terms)[:1]
        menu = {str(number): row.part() for number, row in enumerate(variants)}
        if self.parts is not None and menu:
            rows = [row.part() for row in self.parts.filled]
            menu["0"][PARTS[self.kind][0]] = rows
        scope = self.forms["scope"].part()
        rule = self.forms["combination"].part() | scope
        rule.pop("scope", None)
        return {
            **self.forms["strategy"].part(),
            "kind": self.kind,
            "menu": menu,
            "scope": scope.get("scope", []),
            "rule": {
                **rule,
                "conditions": self.forms["conditions"].part(),
                "limits": [row.part() for row in self.limits.filled],
            },
        }

    def _draft(self) -> drafts.Draft:
        """Read what was posted, and label the variants by what they say.

        :raises Faulty: something is wrong; variants are called by their number then.
        """
        draft = draft_reading.read(self.body())
        if unknown := desk_faults.unknown(draft):
            raise Faulty(unknown)
        campaign = Campaign.objects.get(id=str(draft.campaign))
        if faults := drafts.currency_faults(draft, campaign.currency):
            raise Faulty(faults)
        menu: dict[str, rules.Terms] = {}
        for number, terms in enumerate(draft.menu.values()):
            # Of the 200 characters that a label may have: the rest is for a number.
            label = term_words.words(terms, campaign.currency)[:180]
            menu[f"{label} ({number})" if label in menu else label] = terms
        return msgspec.structs.replace(draft, menu=menu)

    def _given(self, prefix: str) -> dict[str, Any]:
        return {
            "data": self.data,
            "prefix": prefix,
            "initial": self.start.get(prefix, {}),
        }

    def _rows(self, name: str, form: type[Part]) -> Rows:
        begin = self.start.get(name) or []
        spare = 0 if begin else SPARE[name]
        return form_fields.rows(form, self.data, name, begin, spare)

    def _place(self, faults: list[Fault]) -> None:
        """Put each fault at its field, or on top of the page."""
        for fault in faults:
            form, name = self._spot(fault.field)
            if form is None:
                said = desk_faults.said(fault.reason)
                self.faults.append(Fault(field=fault.field, reason=said))
                continue
            put(form, name, fault.reason)

    def _spot(self, field: str) -> tuple[Part | None, str]:
        root, _dot, rest = field.partition(".")
        if root == "menu":
            label, _dot, rest = rest.partition(".")
            return self._in_menu(label, rest)
        if root == "rule":
            return self._in_rule(rest)
        if root.partition("[")[0] == "scope":
            return self.forms["scope"], "scope"
        return self.forms["strategy"], root

    def _in_menu(self, label: str, rest: str) -> tuple[Part | None, str]:
        if self.parts is not None and (found := ROW.match(rest)):
            return nth(self.parts, int(found[2])), (found[3] or "").partition("[")[0]
        return nth(self.terms, int(label or 0)), rest

    def _in_rule(self, rest: str) -> tuple[Part | None, str]:
        if found := ROW.match(rest):
            if found[1] == "limits":
                return nth(self.limits, int(found[2])), found[3] or ""
            return self.forms["scope"], found[1]
        root, _dot, inner = rest.partition(".")
        if root == "conditions":
            name = inner.partition("[")[0]
            return self.forms["conditions"], "since" if name == "hours" else name
        if root in forms.ScopeForm.base_fields:
            return self.forms["scope"], root
        return self.forms["combination"], root


def put(form: Part, name: str, reason: str) -> None:
    """Put a fault at its field, unless the form itself has said what is wrong there."""
    name = desk_faults.missing(reason) or name
    if name not in form.fields:
        form.add_error(None, desk_faults.said(reason))
        return
    # A time that was typed is none where its zone is unknown: that is said there.
    lacks = reason == REQUIRED and form[name].data in (None, "")
    if name not in form.errors and (lacks or reason != REQUIRED):
        percent = isinstance(form.fields[name], form_fields.Percent)
        form.add_error(name, desk_faults.said(reason, percent=percent))


def names(of: str, wanted: str) -> list[dict[str, str]]:
    """Return some categories, brands or products whose name holds the words."""
    shelf = Product.objects.all()
    if of == "sku":
        found = shelf.filter(sku__startswith=wanted) | shelf.filter(
            name__icontains=wanted
        )
        rows = found.order_by("sku").values_list("sku", "name")[:MOST_FOUND]
        return [{"value": sku, "label": name} for sku, name in rows]
    column = "brand" if of == "brand" else "category"
    listed = shelf.filter(**{f"{column}__icontains": wanted}).exclude(**{column: ""})
    some = listed.order_by(column).values_list(column, flat=True).distinct()
    return [{"value": name, "label": ""} for name in some[:MOST_FOUND]]


def nth(rows: Rows, number: int) -> Part | None:
    filled = rows.filled or list(rows)
    return filled[number] if number < len(filled) else None
