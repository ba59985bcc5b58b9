"""Pack the Turner 2004 nearest-neighbour energies at 37 degrees C into turner2004.txt.

    pip install ViennaRNA==2.8.0
    python pack_turner2004.py

Has the installed ViennaRNA write its parameters (`RNA.params_save`) and keeps the figures that the
duplex of two strands of A, C, G and U needs: no hairpins, no multiloops, no enthalpies, no
unknown bases and no non-standard pairs. Writes lines of

    name size size ...         a table and its sizes
    figure figure ...          its figures in units of 0.01 kcal/mol, the last index running fastest

Pairs are in the order CG GC GU UG AU UA, bases in the order A C G U. Sizes of loops start at 1
(bulge) and at 2 (interior).
"""

import pathlib
import tempfile

import RNA

PAIRS, BASES = range(6), range(1, 5)


def read():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "parameters"
        RNA.params_save(str(path))
        text = path.read_text()
    sections, name = {}, None
    for line in text.splitlines():
        line = line.split("/*")[0] + line.split("*/")[-1] if "*/" in line else line
        if line.startswith("##"):
            continue
        if line.startswith("#"):
            name = line[1:].strip()
            sections[name] = []
        elif name:
            sections[name] += line.split()
    special = {"DEF": -50, "INF": None}
    wanted = {}
    for name, words in sections.items():
        if not name.endswith("loops") and not name.endswith("enthalpies"):
            wanted[name] = [special[w] if w in special else round(float(w)) for w in words]
    return wanted


def at(figures, sizes, *index):
    place = 0
    for size, i in zip(sizes, index):
        place = place * size + i
    return figures[place]


def main():
    source = read()
    out = []

    def table(name, sizes, figures, width):
        assert None not in figures and len(figures) % width == 0
        out.append(" ".join([name, *map(str, sizes)]))
        for start in range(0, len(figures), width):
            out.append(" ".join(map(str, figures[start : start + width])))

    figures = source["stack"]
    assert len(figures) == 7 * 7
    table("stack", (6, 6), [at(figures, (7, 7), p, q) for p in PAIRS for q in PAIRS], 6)
    table("bulge", (30,), source["bulge"][1:], 30)
    table("interior", (29,), source["internal"][2:], 29)
    step, _, most = source["NINIO"]
    table("asymmetry", (2,), [step, most], 2)
    start, _, end, *_ = source["Misc"]
    table("duplex", (2,), [start, end], 2)
    for name, section in (
        ("mismatch_interior", "mismatch_internal"),
        ("mismatch_interior_1n", "mismatch_internal_1n"),
        ("mismatch_interior_23", "mismatch_internal_23"),
        ("mismatch_exterior", "mismatch_exterior"),
    ):
        figures = source[section]
        assert len(figures) == 7 * 5 * 5
        kept = [at(figures, (7, 5, 5), p, x, y) for p in PAIRS for x in BASES for y in BASES]
        table(name, (6, 4, 4), kept, 16)
    for name in ("dangle5", "dangle3"):
        figures = source[name]
        assert len(figures) == 7 * 5
        table(name, (6, 4), [at(figures, (7, 5), p, x) for p in PAIRS for x in BASES], 4)
    figures = source["int11"]
    assert len(figures) == 7 * 7 * 5 * 5
    kept = [
        at(figures, (7, 7, 5, 5), p, q, x, y)
        for p in PAIRS for q in PAIRS for x in BASES for y in BASES
    ]
    table("interior_1x1", (6, 6, 4, 4), kept, 16)
    figures = source["int21"]
    assert len(figures) == 7 * 7 * 5 * 5 * 5
    kept = [
        at(figures, (7, 7, 5, 5, 5), p, q, x, y, z)
        for p in PAIRS for q in PAIRS for x in BASES for y in BASES for z in BASES
    ]
    table("interior_1x2", (6, 6, 4, 4, 4), kept, 64)
    figures = source["int22"]
    assert len(figures) == 6 * 6 * 4**4
    table("interior_2x2", (6, 6, 4, 4, 4, 4), figures, 64)
    target = pathlib.Path(__file__).parent / "turner2004.txt"
    target.write_text("\n".join(out) + "\n")
    print(f"{target.stat().st_size} bytes")


main()
