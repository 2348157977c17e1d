"""Tables of the back office's reports: rows of written cells, a section around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from analytics.experiments import Effect
from promotions import missing
from promotions.figures import between, money, p_value


@dataclass(frozen=True, kw_only=True)
class Gap:
    """What stands in place of so many numbers: why there are none."""

    text: str
    span: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """A table's row; its first cell is its name, and may lead somewhere."""

    cells: Sequence[Any]
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page; a `folded` table opens on a click, what `waits` grows.

    `nothing` is what stands there without rows: why, and what to do about it.
    """

    title: str
    says: str = ""
    chart: str = ""
    legend: Sequence[tuple[str, str]] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Row] = ()
    folded: bool = False
    waits: bool = False
    nothing: str = ""

    @property
    def only(self) -> str:
        """What a chart of one point shows, in words; "" if it shows more."""
        if not self.chart or len(self.rows) != 1:
            return ""
        # Not strict: a Gap spans several columns.
        told = zip(self.columns, self.rows[0].cells, strict=False)
        return " · ".join(f"{name}: {cell}" for name, cell in told if f"{cell}")


@dataclass(frozen=True, kw_only=True)
class Card:
    """A figure in large type, and what it means."""

    name: str
    value: str
    detail: str = ""


def head(what: str) -> list[str]:
    """Return the columns of `profit`'s rows."""
    return [what, _("Profit each"), "95 %", "p", _("Treated"), _("Held back")]


def profit(
    name: Any,
    effect: Effect | None,
    treatment: int,
    control: int,
    currency: str,
    reason: str | None = None,
) -> Row:
    """Write a row under `head`; `reason` is why there is no effect."""
    sizes = [f"{treatment:,}", f"{control:,}"]
    why = reason if effect is None else missing.why(effect, treatment, control)
    if effect is None or why:
        return Row(cells=[name, gap(why or "not_measured", 3), *sizes])
    told = [money(effect.value, currency), between(effect, currency), p_of(effect)]
    return Row(cells=[name, *told, *sizes])


def gap(why: str, span: int) -> Gap:
    """Say that there are no numbers, and why."""
    return Gap(text=_("not estimable: %s") % missing.WHY[why], span=span)


def p_of(effect: Effect) -> str:
    """Write an effect's p-value; nothing where there is none."""
    return "" if effect.p is None else p_value(effect.p)


def share(part: int, whole: int) -> str:
    """Write a part of a whole in per cent; nothing of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def drawn(svg: str) -> SafeString:
    """Let a chart of promotions.charts through as markup."""
    # Built as an element tree, which escapes every text.
    return mark_safe(svg)  # noqa: S308
