"""What is said of each category's goods before a cut-off.

Two columns for ml.market_trials, 0 where nothing is said: `said_worse`, how much the
log-odds of a negative text of late are above those of the time before, and `said_more`,
the same of how many texts there are. Both are drawn to the shop's usual by CALM texts:
a category of three texts says little. A text counts from the day after it was written,
as an order counts when it was made, however late it came.
"""

from datetime import datetime, timedelta

import numpy as np
from django.db.models import Count, Q

from ml.models import Opinion
from ml.purchases import Numbers

LATELY, PAST = timedelta(days=56), timedelta(days=364)
CALM = 20.0
COLUMNS = ("said_worse", "said_more")


def said(cut: datetime, categories: list[str]) -> Numbers | None:
    """Return what is said of each category: [categories, 2]; None if nothing is."""
    late, worse = Q(day__gte=cut.date() - LATELY), Q(negative=True)
    rows = Opinion.objects.filter(
        hidden=False,
        category__in=categories,
        day__gte=cut.date() - PAST,
        day__lt=cut.date(),
    ).values("category")
    told = rows.annotate(
        texts=Count("pk", filter=late),
        worse=Count("pk", filter=late & worse),
        texts_before=Count("pk", filter=~late),
        worse_before=Count("pk", filter=~late & worse),
    ).values_list("category", "texts", "worse", "texts_before", "worse_before")
    if not told:
        return None
    places = {name: place for place, name in enumerate(categories)}
    counts = np.zeros((4, len(categories)))
    for category, *some in told:
        # Rows: texts and negative ones of late, then both of before.
        counts[:, places[category]] = some
    texts, bad = counts[::2], counts[1::2]  # of late, and before
    # + 1 of 2: of a shop where nothing bad was said log-odds would be endless.
    usual = (bad.sum() + 1) / (texts.sum() + 2)
    share = (bad + CALM * usual) / (texts + CALM)
    odds = np.log(share / (1 - share))
    expected = texts[1] * (LATELY / (PAST - LATELY))
    more = np.log((texts[0] + CALM) / (expected + CALM))
    return np.column_stack([odds[0] - odds[1], more])
