"""RDKit: numbers of molecules on one thread."""

from __future__ import annotations

import os
import sys
from typing import Callable

from protocol import Done, Workload, arguments, refuse, serve
from rdkit import Chem, RDConfig, RDLogger
from rdkit.Chem import QED, rdFingerprintGenerator

sys.path.append(os.path.join(RDConfig.RDContribDir, "SA_Score"))


class Molecules(Workload):
    """A list of molecules, gone through again and again; what cannot be read is left out."""

    def __init__(self, kind: str, path: str):
        with open(path, encoding="ascii") as lines:
            read = [(s, Chem.MolFromSmiles(s)) for s in map(str.strip, lines) if s]
        self.inputs: list = [molecule for _, molecule in read if molecule is not None]
        self.one: Callable
        if kind == "molecules-parse":
            self.inputs = [smiles for smiles, molecule in read if molecule is not None]
            self.one = Chem.MolFromSmiles
        elif kind == "molecules-qed":
            self.one = QED.qed
        elif kind == "molecules-sa":
            import sascorer

            self.one = sascorer.calculateScore
        elif kind == "molecules-morgan":
            generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
            self.one = generator.GetFingerprint
        else:
            refuse(f"RDKit has nothing for {kind}")

    def unit(self) -> Done:
        for molecule in self.inputs:
            self.one(molecule)
        return Done(len(self.inputs))


def main() -> None:
    args = arguments()
    RDLogger.DisableLog("rdApp.*")
    if args.molecules is None:
        refuse("--molecules names no file of SMILES")
    serve(Molecules(args.kind, args.molecules), args.warm_up)


if __name__ == "__main__":
    main()
