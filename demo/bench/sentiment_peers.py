"""The peers of demo.bench.sentiment, in a Python of their own: vaderSentiment, snownlp.

Run with the interpreter of a venv that holds them, and two paths: what is asked (.json:
`english`, `chinese`: texts by set; `train`: [text, tone] to train snownlp on) and where
to write (.json: by peer and set the `scores` and the `seconds` of CPU time). Scores of
vader are from -1 to 1, of snownlp from 0 to 1. Nothing of Proffer is imported.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Scored = dict[str, dict[str, Any]]


def main(asked: str, answers: str) -> None:
    """Score all texts with each peer."""
    told: dict[str, Any] = json.loads(Path(asked).read_text())
    found = {"vader": _scored(told["english"], _vader())}
    from snownlp import SnowNLP

    found["snownlp"] = _scored(told["chinese"], lambda one: SnowNLP(one).sentiments)
    found["snownlp anew"] = _scored(told["chinese"], _anew(told["train"]))
    Path(answers).write_text(json.dumps(found))


def _vader() -> Callable[[str], float]:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    vader = SentimentIntensityAnalyzer()
    return lambda one: float(vader.polarity_scores(one)["compound"])


def _anew(train: list[tuple[str, int]]) -> Callable[[str], float]:
    from snownlp.sentiment import Sentiment

    anew = Sentiment()
    anew.train(
        [text for text, tone in train if tone == 0],
        [text for text, tone in train if tone == 2],
    )
    return lambda one: float(anew.classify(one))


def _scored(sets: dict[str, list[str]], score: Callable[[str], float]) -> Scored:
    found: Scored = {}
    for name, texts in sets.items():
        began = time.process_time()
        scores = [score(one) for one in texts]
        found[name] = {"scores": scores, "seconds": time.process_time() - began}
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
