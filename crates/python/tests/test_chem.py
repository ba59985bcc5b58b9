"""Molecules in, numpy out. Numbers are RDKit's (2026.9.1)."""

from __future__ import annotations

import numpy as np
import pytest

import anabranch as ab
from anabranch import chem

ASPIRIN = "OC(=O)c1ccccc1OC(C)=O"
MIXED = [ASPIRIN, "not a molecule", "CCO"]


def test_descriptors() -> None:
    values = chem.descriptors([ASPIRIN, "CCO"])
    assert {"mw", "logp", "tpsa", "qed"} <= set(values)
    assert values["qed"].shape == (2,)
    assert values["qed"][0] == pytest.approx(0.5501, abs=1e-4)
    assert values["mw"][1] == pytest.approx(46.069, abs=1e-3)
    np.testing.assert_array_equal(chem.qed([ASPIRIN, "CCO"]), values["qed"])


def test_canonical_and_scaffold() -> None:
    assert chem.canonical([ASPIRIN]) == ["CC(=O)Oc1ccccc1C(=O)O"]
    assert chem.scaffold([ASPIRIN, "CCO"]) == ["c1ccccc1", ""]


def test_what_is_no_molecule_is_named_or_left_out() -> None:
    with pytest.raises(ab.ChemError, match=r"smiles\[1\]"):
        chem.qed(MIXED)
    assert np.isnan(chem.qed(MIXED, errors="nan")).tolist() == [False, True, False]
    assert np.isnan(chem.descriptors(MIXED, errors="nan")["mw"]).tolist() == [False, True, False]
    assert np.isnan(chem.sa(MIXED, errors="nan")).tolist() == [False, True, False]
    assert chem.canonical(MIXED, errors="nan")[1] is None
    assert chem.scaffold(MIXED, errors="nan")[1] is None
    assert chem.valid(MIXED).tolist() == [True, False, True]
    prints = chem.fingerprints(MIXED, errors="nan")
    assert prints[1].sum() == 0 and prints[0].sum() > 10
    matrix = chem.tanimoto_matrix(MIXED, errors="nan")
    assert np.isnan(matrix[1]).all() and np.isnan(matrix[:, 1]).all()
    with pytest.raises(ValueError, match="errors is 'ignore'"):
        chem.qed(MIXED, errors="ignore")  # type: ignore[arg-type]


def test_fingerprints_and_similarity() -> None:
    smiles = [ASPIRIN, "CCO", "CCN"]
    prints = chem.fingerprints(smiles, 2, 1024)
    assert prints.shape == (3, 1024) and prints.dtype == np.uint8 and set(np.unique(prints)) == {0, 1}
    both = (prints[:, None] & prints[None]).sum(-1)
    either = (prints[:, None] | prints[None]).sum(-1)
    np.testing.assert_allclose(chem.tanimoto_matrix(smiles, bits=1024), both / either)
    assert chem.tanimoto_matrix(smiles, ["CCO"]).shape == (3, 1)


def test_nothing_in_nothing_out() -> None:
    assert chem.qed([]).shape == (0,)
    assert chem.fingerprints([], bits=64).shape == (0, 64)
    assert chem.tanimoto_matrix([]).shape == (0, 0)


def test_one_text_is_not_a_list() -> None:
    with pytest.raises(TypeError, match="list of SMILES"):
        chem.qed("CCO")
