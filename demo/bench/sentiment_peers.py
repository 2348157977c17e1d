"""The peers of demo.bench.sentiment, in a Python of their own: vaderSentiment, snownlp.

Run with the interpreter of a venv that holds them, and two paths: what is asked (.json:
`english`, `chinese`: texts; `train`: [text, tone] to train snownlp on) and where to
write (.json). Scores of vader are from -1 to 1, of snownlp from 0 to 1. Nothing of
Proffer is imported.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any


def main(asked: str, answers: str) -> None:
    """Score all texts with each peer."""
    told: dict[str, Any] = json.loads(Path(asked).read_text())
    found: dict[str, Any] = {}
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    vader = SentimentIntensityAnalyzer()
    began = time.process_time()
    found["vader"] = [vader.polarity_scores(one)["compound"] for one in told["english"]]
    found["vader seconds"] = time.process_time() - began
    from snownlp import SnowNLP
    from snownlp.sentiment import Sentiment

    began = time.process_time()
    found["snownlp"] = [SnowNLP(one).sentiments for one in told["chinese"]]
    found["snownlp seconds"] = time.process_time() - began
    anew = Sentiment()
    anew.train(
        [text for text, tone in told["train"] if tone == 0],
        [text for text, tone in told["train"] if tone == 2],
    )
    found["snownlp anew"] = [anew.classify(one) for one in told["chinese"]]
    Path(answers).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
