import pickle

import numpy as np
import pytest

from ml.artefacts import Artefact, NotAnArtefact, pack, unpack


class Bomb:
    """Says so when it is unpickled."""

    gone_off = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (setattr, (Bomb, "gone_off", True))


def artefact() -> Artefact:
    return Artefact(
        kind="propensity",
        header={"categories": ["tea", "Käse"]},
        arrays={"weights": np.arange(3.0), "form": np.array("linear")},
    )


def test_what_is_packed_comes_back() -> None:
    back = unpack(pack(artefact()))

    assert back.kind == "propensity"
    assert back.header == {"categories": ["tea", "Käse"]}
    assert back.arrays["weights"].tolist() == [0, 1, 2]
    assert str(back.arrays["form"]) == "linear"


def test_equal_artefacts_have_equal_bytes() -> None:
    assert pack(artefact()) == pack(artefact())


@pytest.mark.parametrize("junk", [b"", b"junk", pickle.dumps(Bomb())])
def test_other_bytes_are_refused_and_never_run(junk: bytes) -> None:
    with pytest.raises(NotAnArtefact):
        unpack(junk)

    assert not Bomb.gone_off


def test_an_array_of_objects_is_refused_when_packed_and_when_read(
    tmp_path: object,
) -> None:
    bomb = np.array([Bomb()], dtype=object)
    with pytest.raises(ValueError, match="pickle"):
        pack(Artefact(kind="x", header={}, arrays={"bomb": bomb}))
    path = f"{tmp_path}/bomb.npz"
    np.savez(path, header=np.frombuffer(b'{"kind":"x"}', np.uint8), bomb=bomb)

    with pytest.raises(NotAnArtefact):
        unpack(open(path, "rb").read())  # noqa: SIM115, PTH123

    assert not Bomb.gone_off
