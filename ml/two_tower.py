"""Two towers by Keras: a customer's bag on one side, an item on the other.

The only module that imports TensorFlow (5 s, 0.7 GB): the training worker alone may
import it. What it trains leaves as plain arrays (`ml.vectors`), which NumPy serves.

The customer's half pools the very vectors that the item's half makes, so a product that
is new in a bag, or new in the shop, is placed by its content. Items compete within the
batch; what is bought often is drawn often, so log Q, the log chance of being in the
batch, is taken off each logit (Yi et al. 2019, "Sampling-bias-corrected neural
modeling for large corpus item recommendations").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ml.bags import Bags, Examples, batches
from ml.vectors import Codes, Floats, Tower, Vectors, place


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train; `hidden_items` is the share of ids hidden, so that content learns.

    Training stops after `patience` passes without a better validation loss.
    """

    size: int = 96
    hidden: int = 96
    batch: int = 256
    rate: float = 1.5e-3
    passes: int = 12
    patience: int = 2
    hidden_items: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The net, its losses by pass, and the arrays that serve: item vectors, tower."""

    model: keras.Model
    losses: list[float]
    validation: list[float]
    items: Floats
    tower: Tower

    def vectors(self, bags: Bags) -> Vectors:
        taste = place(self.tower, self.items, bags.item, bags.weight, bags.context)
        return Vectors(customers=taste, items=self.items)


@keras.saving.register_keras_serializable("proffer")
class Items(keras.layers.Layer):  # type: ignore[misc]
    """The items' half: id + content, summed; rows past the known ids have no id.

    `content` maps an attribute to each item's code; called with item rows, -1 being
    none, it gives (… × size + 1), the last column being the item's bias.
    """

    def __init__(
        self, size: int, content: Mapping[str, Sequence[int]], **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.size = size
        self.content = {name: list(codes) for name, codes in content.items()}
        self.count = len(next(iter(self.content.values())))

        def table(name: str, rows: int) -> Any:
            # A row to spare: code -1, an attribute that nobody knows, is row 0.
            return self.add_weight(
                (rows + 1, self.size + 1), _small(self.size), name=name
            )

        self.ids = table("id", self.count)
        self.tables = {n: table(n, max(c) + 1) for n, c in self.content.items()}
        self.level = self.add_weight((self.count + 1,), "zeros", name="level")
        self.built = True

    def all(self, hidden: Any = None) -> Any:
        """Vectors of all items after a row of zeros, which stands for -1."""
        ids = self.ids[1:] if hidden is None else self.ids[1:] * hidden
        content = [
            tf.gather(self.tables[n], np.array(c) + 1) for n, c in self.content.items()
        ]
        whole = tf.add_n([ids, *content])
        # With its id a product loses its own bias too: a new one has neither.
        level = self.level[1:] if hidden is None else self.level[1:] * hidden[:, 0]
        bias = whole[:, -1:] + level[:, None]
        return tf.pad(tf.concat([whole[:, :-1], bias], 1), [[1, 0], [0, 0]])

    def call(self, rows: Any) -> Any:
        return tf.gather(self.all(), rows + 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "content": self.content}


@keras.saving.register_keras_serializable("proffer")
class TwoTower(keras.Model):  # type: ignore[misc]
    """(bag, weight, context, items) → logits (customers × items).

    `weights` half-lives and `context` columns come in; nothing is built later.
    """

    def __init__(
        self,
        size: int,
        hidden: int,
        weights: int,
        context: int,
        content: Mapping[str, Sequence[int]],
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.items = Items(size, content, name="items")
        self.hidden = keras.layers.Dense(hidden, "relu", name="hidden")
        self.out = keras.layers.Dense(size, name="out")
        self.straight = keras.layers.Dense(
            size, use_bias=False, kernel_initializer=_same, name="straight"
        )
        self.hidden.build((None, weights * size + context))
        self.out.build((None, hidden))
        self.straight.build((None, weights * size))
        self.built = True
        self.how = {"size": size, "hidden": hidden, "weights": weights}
        self.how["context"] = context

    def call(self, inputs: Sequence[Any], hide: Any = None) -> Any:
        bag, weight, context, items = inputs
        table = self.items.all(hide)
        weight = tf.where(bag[..., None] >= 0, weight, 0.0)
        pooled = tf.matmul(weight, tf.gather(table[:, :-1], bag + 1), transpose_a=True)
        flat = tf.reshape(pooled, (-1, weight.shape[-1] * (table.shape[-1] - 1)))
        taste = self.out(self.hidden(tf.concat([flat, context], 1)))
        taste += self.straight(flat)
        wanted = tf.gather(table, items + 1)
        return tf.matmul(taste, wanted[:, :-1], transpose_b=True) + wanted[:, -1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.how, "content": self.items.content}


def train(
    examples: Examples,
    validation: Examples,
    content: Mapping[str, Codes],
    *,
    seed: int,
    settings: Settings | None = None,
) -> Trained:
    """Fit the towers; keep the weights of the best validation pass.

    `content` gives each item's code by attribute, at least one. The same seed gives
    the same arrays on the same machine and number of threads.
    """
    settings = settings or Settings()
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    lists = {name: codes.tolist() for name, codes in content.items()}
    like = validation.bags
    inputs = like.weight.shape[2], like.context.shape[1]
    model = TwoTower(settings.size, settings.hidden, *inputs, lists)
    items = len(next(iter(lists.values())))
    # Half a purchase more: what nobody bought has no logarithm.
    share = np.bincount(examples.bought, minlength=items) + 0.5
    share /= share.sum()
    step, loss = _steps(model, settings, items, like)
    # Every item starts at its popularity, so that what is learnt is taste.
    level = np.log(share)
    model.items.level.assign(np.append(0, level - level.mean()))
    losses, checked, kept = [], [], model.get_weights()
    chance = np.random.default_rng(seed)
    for _ in range(settings.passes):
        each = [
            float(step(b)) for b in batches(examples, share, settings.batch, chance)
        ]
        losses.append(float(np.mean(each)))
        # The same batches each pass, since items compete within them: losses compare.
        still = np.random.default_rng(seed)
        each = [
            float(loss(b)) for b in batches(validation, share, settings.batch, still)
        ]
        checked.append(float(np.mean(each)))
        if checked[-1] == min(checked):
            kept = model.get_weights()
        if len(checked) - 1 - int(np.argmin(checked)) >= settings.patience:
            break
    model.set_weights(kept)
    return Trained(
        model=model,
        losses=losses,
        validation=checked,
        items=item_vectors(model),
        tower=tower(model),
    )


def item_vectors(model: TwoTower) -> Floats:
    """Return all known items' vectors, (items × size + 1)."""
    return np.asarray(model.items.all()[1:])


def newcomers(model: TwoTower, content: Mapping[str, NDArray[Any]]) -> Floats:
    """Return vectors of products without an id of their own, by content alone.

    `content` is coded as in training; -1 stands for a value that it did not see.
    """
    tables = model.items.tables
    return np.asarray(sum(tables[n].numpy()[c + 1] for n, c in content.items()))


def tower(model: TwoTower) -> Tower:
    """Take the customer's half out of the net."""
    hidden, hidden_bias = model.hidden.get_weights()
    out, out_bias = model.out.get_weights()
    (straight,) = model.straight.get_weights()
    return Tower(
        hidden=hidden,
        hidden_bias=hidden_bias,
        out=out,
        out_bias=out_bias,
        straight=straight,
    )


def save(model: TwoTower, path: Path) -> None:
    """Write Keras's native format; the name must end in .keras."""
    model.save(path)


def load(path: Path) -> TwoTower:
    """Read it back; `safe_mode` refuses code that a file brings along."""
    return cast(TwoTower, keras.saving.load_model(path, safe_mode=True))


def softmax(
    x: Floats, y: Codes, *, seed: int, passes: int = 10
) -> tuple[Floats, Floats, list[float]]:
    """The smallest recommender: x (n × k) → softmax over the classes of y, 0..k-1.

    One dense layer, sparse categorical cross-entropy, Adam 0.01, batches of 32. Returns
    weights (k × k), biases and the loss of each pass.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    dense = keras.layers.Dense(x.shape[1], "softmax")
    model = keras.Sequential([keras.Input(x.shape[1:]), dense])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    told = model.fit(x, y, batch_size=32, epochs=passes, verbose=0)
    weights, biases = model.get_weights()
    return weights, biases, told.history["loss"]


def _small(size: int) -> Any:
    return keras.initializers.RandomNormal(stddev=0.3 / np.sqrt(size))


@keras.saving.register_keras_serializable("proffer")  # type: ignore[untyped-decorator]
def _same(shape: tuple[int, int], dtype: Any = None) -> Any:
    """Begin with liking what was bought: each pooled vector passes as it is."""
    return tf.tile(tf.eye(shape[1], dtype=dtype), (shape[0] // shape[1], 1))


def _steps(
    model: TwoTower, settings: Settings, items: int, like: Bags
) -> tuple[Any, Any]:
    optimizer = keras.optimizers.Adam(settings.rate)
    inputs = (like.item, like.weight, like.context)
    # So that the pass from one batch's shape to the next does not trace anew.
    kinds = (
        *(tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in inputs),
        tf.TensorSpec((None,), tf.int32),
        tf.TensorSpec((None,), tf.float32),
        tf.TensorSpec((None, None), tf.float32),
    )

    def lost(batch: Any, hide: Any = None) -> Any:
        *inputs, log_q, target = batch
        logits = model(inputs, hide=hide) - log_q
        each = tf.nn.softmax_cross_entropy_with_logits(target, logits)
        return tf.reduce_mean(each)

    @tf.function(input_signature=[kinds])  # type: ignore[untyped-decorator]
    def loss(batch: Any) -> Any:
        return lost(batch)

    @tf.function(input_signature=[kinds])  # type: ignore[untyped-decorator]
    def step(batch: Any) -> Any:
        # One draw an item and step: in all its places at once it has no id.
        draw = tf.random.uniform((items, 1))
        hide = tf.cast(draw >= settings.hidden_items, tf.float32)
        with tf.GradientTape() as tape:
            value = lost(batch, hide)
        slopes = tape.gradient(value, model.trainable_variables)
        optimizer.apply(slopes, model.trainable_variables)
        return value

    return step, loss
