"""The back office's page of opinions: what is said of what, and where it turns."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from math import sqrt
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from analytics import clock
from catalog.models import Product, Review
from ml import opinions
from ml.models import Surge
from ml.opinions import FIELDS, Series
from promotions import charts
from promotions.plots import Mark
from promotions.report_tables import Card, Row, Section, drawn

WEEK, SHOWN, MOST, TEXTS = 7, 90, 50, 12
"""Days of a rolling share, days of a chart, rows of a list, texts of a page."""


def opinions_page(request: HttpRequest) -> HttpResponseBase:
    """List what is talked about; or, for `?level=…&key=…`, show one."""
    if not request.user.has_perm("ml.view_opinion"):
        raise PermissionDenied
    today = clock.now().date()
    level, key = request.GET.get("level", ""), request.GET.get("key", "")
    words = request.user.has_perm("catalog.view_review")
    page = _one(level, key, today, words=words) if key else _list(level, today)
    context = {**admin.site.each_context(request), **page, "no_file": True}
    return TemplateResponse(request, "admin/promotions/report/opinions.html", context)


def _list(level: str, today: date) -> dict[str, Any]:
    level = level if level in FIELDS else Surge.Level.PRODUCT.value
    surges = list(Surge.objects.order_by("-negative", "level", "key")[:MOST])
    lately = {
        key: _sums(one, 4 * WEEK)
        for key, one in opinions.series(level, until=today).items()
    }
    best = sorted(lately, key=lambda key: (-lately[key][0], key))[:MOST]
    names = _names([*best, *(one.key for one in surges if one.level == "product")])
    texts, against = (sum(one[n] for one in lately.values()) for n in (0, 1))
    return {
        "title": _("Opinions"),
        "says": _(
            "What texts say, as a model reads them. A surge: more is negative than was "
            "usual, by a rule with under one false alarm a product and year."
        ),
        "levels": [(one.value, one.label, one.value == level) for one in Surge.Level],
        "cards": [
            Card(name=_("Surges now"), value=f"{len(surges)}"),
            Card(name=_("Texts in four weeks"), value=f"{texts:,}"),
            Card(name=_("Negative"), value=_share(against, texts) or "–"),
        ],
        "sections": [*_surges(surges, names), _talked(level, best, lately, names)],
    }


def _surges(rows: Sequence[Surge], names: dict[str, str]) -> Iterator[Section]:
    if rows:
        yield Section(
            title=_("Much is said against"),
            says=_(
                "Held out of proposals; running strategies with it are flagged. It "
                "ends by itself."
            ),
            columns=[_("What"), _("Since"), _("Texts"), _("Negative"), _("Usually")],
            rows=[
                Row(
                    link=_address(row.level, row.key),
                    cells=[
                        f"{row.get_level_display()}: {names.get(row.key, row.key)}",
                        f"{row.since:%Y-%m-%d}",
                        f"{row.texts:,}",
                        f"{row.negative:,}",
                        f"{row.expected:.1f}",
                    ],
                )
                for row in rows
            ],
        )


Sums = tuple[int, int]


def _talked(
    level: str, keys: Sequence[str], lately: dict[str, Sums], names: dict[str, str]
) -> Section:
    label = str(Surge.Level(level).label)
    return Section(
        title=_("What is talked about"),
        says=_("The newest four weeks."),
        columns=[label, _("Texts"), _("Negative"), _("Share")],
        rows=[
            Row(
                link=_address(level, key),
                cells=[
                    names.get(key, key),
                    f"{lately[key][0]:,}",
                    f"{lately[key][1]:,}",
                    _share(lately[key][1], lately[key][0]),
                ],
            )
            for key in keys
        ],
    )


def _one(level: str, key: str, today: date, *, words: bool) -> dict[str, Any]:
    if level not in FIELDS or "\0" in key:
        raise Http404
    found = opinions.series(level, until=today, keys=[key]).get(key)
    if found is None:
        raise Http404
    surge = Surge.objects.filter(level=level, key=key).first()
    texts, against = _sums(found, 4 * WEEK)
    cards = [
        Card(name=_("Texts in four weeks"), value=f"{texts:,}"),
        Card(name=_("Negative"), value=_share(against, texts) or "–"),
    ]
    says = ""
    if surge:
        says = _(
            "Since %(since)s, %(negative)s of %(texts)s texts were negative when this "
            "was found; usually %(usual).1f are."
        ) % {
            "since": surge.since,
            "negative": surge.negative,
            "texts": surge.texts,
            "usual": surge.expected,
        }
    return {
        "title": _names([key]).get(key, key) if level == "product" else key,
        "says": says,
        "up": level,
        "cards": cards,
        "sections": [_chart(found), *(_texts(level, key) if words else [])],
    }


def _chart(one: Series) -> Section:
    """Draw the share of rolling weeks, with its interval; and tell weeks in a table."""
    marks = []
    for at in range(len(one.texts) - SHOWN, len(one.texts)):
        texts, against = _of(one, at - WEEK + 1, at + 1)
        if texts:
            low, high = _wilson(against, texts)
            label = f"{one.first + timedelta(at):%m-%d}"
            share = 100 * against / texts
            marks.append(Mark(label=label, value=share, low=100 * low, high=100 * high))
    return Section(
        title=_("Negative, per cent of the seven days before"),
        says=_("The band is the 95 % interval."),
        chart=drawn(charts.by_day(marks, title=_("Negative, per cent"))),
        columns=[_("Week from"), _("Texts"), _("Negative"), _("Share")],
        rows=list(_weeks(one)),
        folded=True,
    )


def _weeks(one: Series) -> Iterator[Row]:
    for end in range(len(one.texts), len(one.texts) - 13 * WEEK, -WEEK):
        texts, against = _of(one, end - WEEK, end)
        day = one.first + timedelta(end - WEEK)
        cells = [
            f"{day:%Y-%m-%d}",
            f"{texts:,}",
            f"{against:,}",
            _share(against, texts),
        ]
        yield Row(cells=cells)


def _texts(level: str, key: str) -> Iterator[Section]:
    """Show the newest negative texts, with what decided it."""
    rows = Review.objects.filter(**{FIELDS[level]: key}).exclude(state="hidden")
    # The tone is the likeliest of three chances, which no column has: five times as
    # many are read, and the negative ones of them shown.
    newest = rows.exclude(judged_by="").order_by("-written_at", "id")[: 5 * TEXTS]
    bad = [row for row in newest if row.tone == "negative"][:TEXTS]
    if bad:
        yield Section(
            title=_("What is said against it"),
            columns=[_("Text"), _("Written"), _("Where"), _("Topic"), _("Words")],
            rows=[Row(link=_row(one), cells=_cells(one)) for one in bad],
        )


def _row(one: Review) -> str:
    return reverse("admin:catalog_review_change", args=[one.id])


def _cells(one: Review) -> list[str]:
    spoke = [word for word, part in one.words if part > 0][:3]
    return [
        Truncator(one.text).chars(200),
        f"{one.written_at:%Y-%m-%d}",
        one.get_source_display(),
        one.topic,
        ", ".join(spoke),
    ]


def _sums(one: Series, days: int) -> Sums:
    return _of(one, len(one.texts) - days, len(one.texts))


def _of(one: Series, first: int, end: int) -> Sums:
    # A negative start would count from the end.
    span = slice(max(0, first), end)
    return int(one.texts[span].sum()), int(one.negative[span].sum())


def _wilson(part: int, whole: int, z: float = 1.96) -> tuple[float, float]:
    """Return a share's 95 % interval (Wilson 1927)."""
    share, more = part / whole, z * z / whole
    half = z * sqrt(share * (1 - share) / whole + more / (4 * whole))
    middle = share + more / 2
    low, high = (middle - half) / (1 + more), (middle + half) / (1 + more)
    return max(0.0, low), min(1.0, high)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _address(level: str, key: str) -> str:
    return f"{reverse('opinions')}?{urlencode({'level': level, 'key': key})}"


def _names(skus: Sequence[str]) -> dict[str, str]:
    known = Product.objects.filter(sku__in=skus).values_list("sku", "name")
    return {sku: f"{name} ({sku})" for sku, name in known}
