"""Whether a question finds its help text, and none where a shop has none for it.

Of the demo shop's texts a shop of some size is drawn, which knows four fifths of the
ways to ask for its own; the last fifth of all ways is asked, also of what it has no
text for. What was weighed there is what `promotions.lessons.FITS` is learnt from: with
each size of shop, those with a text and those without count alike.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.bench.table import Row, shown
from demo.loading import HELP
from promotions import intents, lessons
from promotions.models import HelpText
from promotions.understanding import SURE

SIZES, DRAWS, FOLDS = (1, 3, 5, 12, 24), 10, 5
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a shop of `size` texts made of questions; `has` those with a text there."""

    size: int
    facts: Floats
    right: Floats
    has: NDArray[np.bool_]

    @property
    def weight(self) -> Floats:
        """Those with a text count as much as those without one."""
        sizes = np.where(self.has, self.has.sum(), (~self.has).sum())
        return np.asarray(1 / sizes)


def rows() -> Iterator[Row]:
    """Measure shops of each size, and learn how far to believe."""
    drawn = list(_drawn())
    for size in SIZES:
        yield from _shown([one for one in drawn if one.size == size], size)
    learnt = intents.believed(
        np.concatenate([one.facts for one in drawn]),
        np.concatenate([one.right for one in drawn]),
        200 * np.concatenate([one.weight for one in drawn]),
    )
    yield shown("belief in a help text, learnt anew", _numbers(learnt))
    yield shown("belief in a help text, as it is used", _numbers(lessons.FITS))


def _shown(of: Sequence[Drawn], size: int) -> Iterator[Row]:
    sure = np.concatenate(
        [intents.logistic(one.facts @ lessons.FITS) >= SURE for one in of]
    )
    right = np.concatenate([one.right for one in of]) > 0
    has = np.concatenate([one.has for one in of])
    name = f"a shop with {size} help texts"
    yield shown(f"{name}: questions that find theirs", _share(sure & right, has))
    yield shown(f"{name}: that find another one", _share(sure & ~right, has))
    yield shown(f"{name}: that none answers and find one", _share(sure, ~has))


def _share(hits: NDArray[np.bool_], of: NDArray[np.bool_]) -> str:
    return f"{100 * hits[of].mean():.1f} %"


def _numbers(values: Floats) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _drawn() -> Iterator[Drawn]:
    """Draw shops, and ask them."""
    texts = list(_texts())
    ways = [(way, text.slug) for text in texts for way in text.asked]
    meaning = lessons.vectors([way for way, _ in ways])
    fold = intents.folds_of(meaning, FOLDS)
    slugs = sorted({text.slug for text in texts})
    rng = np.random.default_rng(1)
    for size in SIZES:
        for draw in range(DRAWS):
            kept = {*rng.choice(slugs, size, replace=False).tolist()}
            # What is asked was not learnt: ways that mean much the same are in one
            # fold.
            asked = fold == draw % FOLDS
            learnt = _learnt([one for one in texts if one.slug in kept], ways, asked)
            best, facts = learnt.weighed(
                [ways[i][0] for i in np.flatnonzero(asked)], meaning[asked]
            )
            slug = [ways[i][1] for i in np.flatnonzero(asked)]
            yield Drawn(
                size=size,
                facts=facts,
                right=np.array(
                    [a == b for a, b in zip(best, slug, strict=True)], float
                ),
                has=np.array([one in kept for one in slug]),
            )


def _learnt(
    texts: Sequence[HelpText],
    ways: Sequence[tuple[str, str]],
    asked: NDArray[np.bool_],
) -> intents.Classifier:
    """Learn what a shop knows: its texts, and the ways that are not asked."""
    kept = {text.slug for text in texts}
    known = {line: text.slug for text in texts for line in lessons.told(text)}
    pairs = zip(ways, asked.tolist(), strict=True)
    known |= {way: slug for (way, slug), out in pairs if slug in kept and not out}
    meaning = lessons.vectors(list(known))
    return intents.fit(list(known), list(known.values()), meaning, lessons.FITS)


def _texts() -> Iterator[HelpText]:
    for one in json.loads(HELP.read_text(encoding="utf-8")):
        for language, key in (("en", "en"), ("zh-hans", "zh")):
            yield HelpText(slug=one["slug"], language=language, **one[key])
