"""What an operator asks of a quarter's plan: its budget, and what if lines differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from promotions.models import Strategy
from promotions.quarter_plans import Added, Plan
from promotions.quarter_proposals import moved
from promotions.quarter_weeks import WEEK, Quarter
from promotions.quarters import Line

ADDED = 2
"""Campaigns that can be added at a time."""
LONGEST = 13
ASKED = "asked"


class LineForm(forms.Form):
    """A line of the plan: whether it is in, from when, and with how much."""

    inside = forms.BooleanField(label=_("In the plan"), required=False)
    starts = forms.ChoiceField(label=_("Starts"), required=False)
    money = forms.DecimalField(
        label=_("To spend"), min_value=0, max_digits=12, required=False
    )

    def __init__(self, *args: Any, mondays: Sequence[datetime], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["starts"].choices = [("", _("as it is")), *_weeks(mondays)]  # type: ignore[attr-defined]


class AddForm(forms.Form):
    """A campaign that is not there yet, like a strategy that is."""

    like = forms.ChoiceField(label=_("Like"), required=False)
    starts = forms.ChoiceField(label=_("Starts"), required=False)
    weeks = forms.IntegerField(
        label=_("Weeks"), min_value=1, max_value=LONGEST, initial=4, required=False
    )
    money = forms.DecimalField(
        label=_("To spend"), min_value=0, max_digits=12, required=False
    )

    def __init__(
        self,
        *args: Any,
        mondays: Sequence[datetime],
        alike: Sequence[Strategy],
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        known = [(str(one.id), one.called) for one in alike]
        self.fields["like"].choices = [("", "…"), *known]  # type: ignore[attr-defined]
        self.fields["starts"].choices = list(_weeks(mondays))  # type: ignore[attr-defined]

    def added(self, key: str, alike: Mapping[str, Strategy]) -> Added | None:
        """Return what is to be added; None if nothing is."""
        told = self.cleaned_data if self.is_valid() else {}
        if not told.get("like") or not told.get("starts"):
            return None
        return Added(
            key=key,
            like=alike[told["like"]],
            # Midnight in UTC here; the campaign's own zone comes with the proposal.
            starts_at=datetime.fromisoformat(told["starts"]).replace(tzinfo=UTC),
            weeks=told["weeks"] or 4,
            money=float(told["money"] or alike[told["like"]].budget),
        )


def _weeks(mondays: Sequence[datetime]) -> Iterator[tuple[str, str]]:
    for monday in mondays:
        yield monday.date().isoformat(), date_format(monday, gettext("j M"))


class BudgetForm(forms.Form):
    """A quarter's budget; an empty week has its even part of what is not fixed."""

    budget = forms.DecimalField(
        label=_("Budget of the quarter"), min_value=0, max_digits=12, decimal_places=2
    )

    def __init__(self, *args: Any, quarter: Quarter, **more: Any) -> None:
        super().__init__(*args, **more)
        for number, monday in enumerate(quarter.mondays):
            self.fields[f"week_{number}"] = forms.DecimalField(
                label=date_format(monday, gettext("j M")),
                min_value=0,
                max_digits=12,
                decimal_places=2,
                required=False,
            )
        self.weeks = [f"week_{n}" for n in range(quarter.weeks)]

    def fixed(self) -> list[Decimal | None]:
        return [self.cleaned_data[week] for week in self.weeks]

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        fixed = sum(told.get(week) or 0 for week in self.weeks)
        if told.get("budget") is not None and fixed > told["budget"]:
            self.add_error("budget", _("The fixed weeks have more than that together."))
        return told


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked of a quarter, from an address or a form that was sent."""

    given: QueryDict
    quarter: Quarter
    now: datetime
    alike: Sequence[Strategy]

    @property
    def changed(self) -> bool:
        return ASKED in self.given

    @cached_property
    def mondays(self) -> list[datetime]:
        """The weeks that are still to begin."""
        return [one for one in self.quarter.mondays if one >= self.now]

    @cached_property
    def adds(self) -> list[AddForm]:
        how: dict[str, Any] = {"mondays": self.mondays, "alike": self.alike}
        # Unbound before anything is asked: an empty form must not complain.
        given = self.given if self.changed else None
        return [AddForm(given, prefix=f"add-{n}", **how) for n in range(ADDED)]

    def added(self) -> list[Added]:
        known = {str(one.id): one for one in self.alike}
        found = (form.added(str(form.prefix), known) for form in self.adds)
        return [one for one in found if one]

    def forms(self, plan: Plan, lines: Mapping[str, Line]) -> dict[str, LineForm]:
        """Return each stored line's form, filled with what `lines` say of it.

        What makes no sense stands there as it was typed, with what is wrong.
        """
        return {
            before.key: self._form(before, lines.get(before.key))
            for before in plan.lines
            if before.state != "added"
        }

    def _form(self, before: Line, after: Line | None) -> LineForm:
        if self.changed and not (bound := self._bound(before)).is_valid():
            return bound
        initial = _initial(before, after)
        return LineForm(prefix=before.key, mondays=self.mondays, initial=initial)

    def _bound(self, line: Line) -> LineForm:
        return LineForm(self.given, prefix=line.key, mondays=self.mondays)

    def chosen(self, plan: Plan) -> list[Line]:
        """Return the lines that are in, as they are asked to be.

        What makes no sense is left as it was.
        """
        if not self.changed:
            return usual(plan)
        return [line for one in plan.lines if (line := self._line(one))]

    def _line(self, line: Line) -> Line | None:
        if line.state == "added":
            return line
        form = self._bound(line)
        # Asked for its `cleaned_data`, which has what made sense, field by field.
        form.is_valid()
        told = form.cleaned_data
        if not told.get("inside"):
            return None
        if line.movable and told.get("starts"):
            line = moved(line, datetime.fromisoformat(told["starts"]).date())
        money = told.get("money") if line.spends else None
        return line if money is None else replace(line, money=float(money))


def usual(plan: Plan) -> list[Line]:
    """Return what is in a plan before anybody asked: what runs, and what waits.

    A version is in, in place of the one before it; what was returned for changes is
    not, until somebody puts it in.
    """
    inside = [one for one in plan.lines if one.state != "returned"]
    replaced = {one.replaces for one in inside}
    return [one for one in inside if one.key not in replaced]


def _initial(before: Line, after: Line | None) -> dict[str, Any]:
    line = after or before
    starts = line.starts_at.date() if line.starts_at != before.starts_at else ""
    return {
        "inside": after is not None,
        "starts": str(starts),
        "money": round(Decimal(line.money), 2),
    }


def written(lines: Sequence[Line], plan: Plan, given: QueryDict) -> QueryDict:
    """Return the address that asks for these lines, as `Asked` reads it."""
    told = QueryDict(mutable=True)
    told[ASKED] = "1"
    before = {one.key: one for one in plan.lines}
    for line in lines:
        starts = line.starts_at.date().isoformat()
        money = f"{line.money:.2f}"
        if line.state == "added":
            like = given.get(f"{line.key}-like", "")
            weeks = str(round(line.lasts / WEEK))
            values = {"like": like, "starts": starts, "weeks": weeks, "money": money}
        else:
            same = line.starts_at == before[line.key].starts_at
            values = {"inside": "on", "starts": "" if same else starts, "money": money}
        # `QueryDict.update` appends; each key is new, so it has one value.
        told.update({f"{line.key}-{name}": value for name, value in values.items()})
    return told
