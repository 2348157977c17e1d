"""Fields of the back office's forms: plain numbers, shares in percent, names, rows."""

from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from analytics import shapes

Text = Any


class Plain(forms.Field):
    """A number in plain digits, read and written; browsers send nothing as ""."""

    def to_python(self, value: Any) -> Any:
        typed = value.strip() if isinstance(value, str) else ""
        # Decimal and int read 1_000, 1e5 and digits of other scripts too.
        if typed and not shapes.spelled(typed):
            raise forms.ValidationError(self.error_messages["invalid"], "invalid")
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Decimal):
            return value
        return f"{value.normalize():f}"


class Amount(Plain, forms.DecimalField):
    """A number."""


class Whole(Plain, forms.IntegerField):
    """A whole number."""


def money(label: Text, help_text: Text = "", **more: Any) -> Amount:
    """An amount in the campaign's currency."""
    return Amount(
        label=label,
        help_text=help_text,
        widget=UnfoldAdminDecimalFieldWidget(
            # "any": else browsers take whole numbers alone.
            attrs={"step": "any", "min": "0", "data-money": ""}
        ),
        **{"min_value": 0} | more,
    )


def number(label: Text, help_text: Text = "", **more: Any) -> Amount:
    """An amount that may be of something else than money."""
    widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "min": "0"})
    more = {"min_value": 0} | more
    return Amount(label=label, help_text=help_text, widget=widget, **more)


def whole(label: Text, help_text: Text = "", **more: Any) -> Whole:
    """A whole number."""
    return Whole(
        label=label,
        help_text=help_text,
        widget=UnfoldAdminIntegerFieldWidget(),
        **more,
    )


def choice(label: Text, choices: Any, help_text: Text = "", **more: Any) -> Any:
    """One of a few; the first is what an untouched row has."""
    if choices:
        more.setdefault("initial", choices[0][0])
    return forms.ChoiceField(
        label=label,
        choices=choices,
        help_text=help_text,
        widget=UnfoldAdminSelectWidget(),
        **more,
    )


def flag(label: Text, help_text: Text = "") -> forms.BooleanField:
    """Yes or no."""
    return forms.BooleanField(
        label=label, help_text=help_text, required=False, widget=UnfoldBooleanWidget()
    )


def text(label: Text, help_text: Text = "", **more: Any) -> forms.CharField:
    """A line of text."""
    return forms.CharField(
        label=label, help_text=help_text, widget=UnfoldAdminTextInputWidget(), **more
    )


class Percent(Amount):
    """A share, typed in percent; it cleans to a rate."""

    def __init__(self, label: Text, help_text: Text = "", **more: Any) -> None:
        widget = UnfoldAdminDecimalFieldWidget(
            attrs={"step": "any", "min": "0", "max": "100"}
        )
        more = {"min_value": 0, "max_value": 100} | more
        super().__init__(label=label, help_text=help_text, widget=widget, **more)

    def clean(self, value: Any) -> Decimal | None:
        percent = super().clean(value)
        return None if percent is None else percent / 100

    def has_changed(self, initial: Any, data: Any) -> bool:
        # The initial value is a rate, what was sent is in percent.
        return super().has_changed(self.prepare_value(initial), data)

    def prepare_value(self, value: Any) -> Any:
        """Show a rate, which is a Decimal, in percent; what was typed stays."""
        return f"{(value * 100).normalize():f}" if isinstance(value, Decimal) else value


class Names(forms.CharField):
    """Names, one a line; `of` says what the page's search looks for."""

    def __init__(self, label: Text, of: str = "", help_text: Text = "") -> None:
        attrs = {"rows": 2, **({"data-names": of} if of else {})}
        super().__init__(
            label=label,
            help_text=help_text or _("One a line."),
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs=attrs),
        )

    def clean(self, value: Any) -> list[str]:
        lines = str(super().clean(value)).splitlines()
        return list(dict.fromkeys(filter(None, map(str.strip, lines))))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, (list, tuple)) else value


class Part(forms.Form):
    """A piece of a draft: its fields have the names of the draft's."""

    # A row that is empty is none: browsers would ask for its fields.
    use_required_attribute = False

    @cached_property
    def changed_data(self) -> list[str]:
        """What an operator has filled in: a field that was emptied says nothing."""
        changed: list[str] = super().changed_data
        return [name for name in changed if self[name].data not in (None, "", [])]

    def part(self) -> dict[str, Any]:
        """Return what was filled in, as the draft takes it."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if value not in (None, "", [])
        }


class Rows(forms.BaseFormSet):  # type: ignore[type-arg]  # not generic at run time
    """Rows of a form; one that is emptied is none, wherever it came from."""

    def initial_form_count(self) -> int:
        # Django lets no initial row be empty; here each may be emptied.
        return 0

    @property
    def filled(self) -> list[Part]:
        return [row for row in self if row.has_changed()]


def rows(form: type[Part], data: Any, name: str, start: Any, spare: int) -> Rows:
    """Return rows of a form: what to start with, and some empty ones."""
    make: Any = forms.formset_factory(
        form,
        formset=Rows,
        extra=len(start) + spare,
        max_num=100,
        validate_max=True,
    )
    # What was sent is compared with nothing: beside its initial values, a row that was
    # left as it was would count as empty.
    made: Rows = make(data, prefix=name, initial=None if data is not None else start)
    return made
