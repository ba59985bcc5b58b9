"""Molecules in, numpy out; every value agrees with RDKit.

Each function takes SMILES and says by `errors` what becomes of a text that is no molecule: "raise" raises ChemError,
which names its place; "nan" gives NaN for numbers, None for texts and a row of zeros for a fingerprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from . import _native

__all__ = [
    "canonical",
    "descriptors",
    "fingerprints",
    "logp",
    "molecular_weight",
    "qed",
    "sa",
    "scaffold",
    "tanimoto_matrix",
    "valid",
]

Errors = Literal["raise", "nan"]
FloatArray = npt.NDArray[np.float64]


def _list(smiles: Sequence[str]) -> list[str]:
    if isinstance(smiles, str):
        raise TypeError("give a list of SMILES; put [ ] around a single one")
    return list(smiles)


def _nan(errors: str) -> bool:
    if errors not in ("raise", "nan"):
        raise ValueError(f'errors is {errors!r}; it must be "raise" or "nan"')
    return errors == "nan"


def canonical(smiles: Sequence[str], *, errors: Errors = "raise") -> list[str | None]:
    """Canonical SMILES."""
    return _native.canonical(_list(smiles), _nan(errors))


def valid(smiles: Sequence[str]) -> npt.NDArray[np.bool_]:
    """[n] whether each text is a molecule."""
    return np.array([text is not None for text in canonical(smiles, errors="nan")], dtype=np.bool_)


def scaffold(smiles: Sequence[str], *, errors: Errors = "raise") -> list[str | None]:
    """Murcko scaffolds as canonical SMILES; "" for molecules without a ring."""
    return _native.scaffold(_list(smiles), _nan(errors))


def descriptors(smiles: Sequence[str], *, errors: Errors = "raise") -> dict[str, FloatArray]:
    """Name -> [n] values of every descriptor."""
    return _native.descriptors(_list(smiles), _nan(errors))


def qed(smiles: Sequence[str], *, errors: Errors = "raise") -> FloatArray:
    """[n] quantitative estimates of drug-likeness, 0 to 1."""
    return _native.descriptor("qed", _list(smiles), _nan(errors))


def sa(smiles: Sequence[str], *, errors: Errors = "raise") -> FloatArray:
    """[n] synthetic accessibility scores, 1 (easy) to 10."""
    return _native.descriptor("sa", _list(smiles), _nan(errors))


def logp(smiles: Sequence[str], *, errors: Errors = "raise") -> FloatArray:
    """[n] Crippen's log P."""
    return _native.descriptor("logp", _list(smiles), _nan(errors))


def molecular_weight(smiles: Sequence[str], *, errors: Errors = "raise") -> FloatArray:
    """[n] molecular weights in Da."""
    return _native.descriptor("mw", _list(smiles), _nan(errors))


def fingerprints(
    smiles: Sequence[str], radius: int = 2, bits: int = 2048, *, errors: Errors = "raise"
) -> npt.NDArray[np.uint8]:
    """[n, bits] Morgan fingerprints of 0 and 1."""
    return _native.fingerprints(_list(smiles), radius, bits, _nan(errors))


def tanimoto_matrix(
    left: Sequence[str],
    right: Sequence[str] | None = None,
    *,
    radius: int = 2,
    bits: int = 2048,
    errors: Errors = "raise",
) -> FloatArray:
    """[n, m] Tanimoto similarities of Morgan fingerprints; with `left` itself where no `right` is given."""
    other = None if right is None else _list(right)
    return _native.tanimoto_matrix(_list(left), other, radius, bits, _nan(errors))
