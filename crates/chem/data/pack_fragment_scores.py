"""Pack RDKit's SA-score table into fragment_scores.bin.

    pip install rdkit==2026.9.1
    python pack_fragment_scores.py

Reads Contrib/SA_Score/fpscores.pkl.gz of the installed rdkit (or the path given as the first
argument): lists of [score, bit id, bit id, ...]. Writes a raw DEFLATE stream of

    u32  number of distinct scores S          (all integers little-endian)
    u32  number of bit ids N
    S x  f64 score, most frequent first
    N x  u16 index of the score of each bit id, low bytes of all, then high bytes of all
    then  the ascending bit ids, each as the difference to the one before (the first to 0),
          Rice-coded with 12 low bits: quotient in unary (ones, then a zero), then the low bits,
          filling each byte from its lowest bit

The ids carry 14 bits each and the scores 3.2, so about 1.5 MB is the least that holds the table.
"""

import collections
import gzip
import pathlib
import pickle
import struct
import sys
import zlib

RICE = 12


def main():
    if len(sys.argv) > 1:
        source = pathlib.Path(sys.argv[1])
    else:
        import rdkit

        source = pathlib.Path(rdkit.__file__).parent / "Contrib/SA_Score/fpscores.pkl.gz"
    score_of = {}
    for score, *ids in pickle.load(gzip.open(source)):
        for bit in ids:
            score_of[bit] = float(score)
    ids = sorted(score_of)
    assert 0 <= ids[0] and ids[-1] < 2**32
    counts = collections.Counter(score_of.values())
    scores = sorted(counts, key=lambda s: (-counts[s], s))
    index = {score: i for i, score in enumerate(scores)}
    codes = [index[score_of[bit]] for bit in ids]

    bits, filled, packed, before = 0, 0, bytearray(), 0
    for bit in ids:
        delta, before = bit - before, bit
        quotient, low = delta >> RICE, delta & ((1 << RICE) - 1)
        bits |= (((1 << quotient) - 1) | (low << (quotient + 1))) << filled
        filled += quotient + 1 + RICE
        while filled >= 8:
            packed.append(bits & 255)
            bits >>= 8
            filled -= 8
    packed.append(bits & 255)

    raw = struct.pack("<II", len(scores), len(ids))
    raw += struct.pack(f"<{len(scores)}d", *scores)
    raw += bytes(c & 255 for c in codes) + bytes(c >> 8 for c in codes)
    raw += bytes(packed)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    out = deflate.compress(raw) + deflate.flush()
    target = pathlib.Path(__file__).parent / "fragment_scores.bin"
    target.write_bytes(out)
    print(f"{len(ids)} ids, {len(scores)} scores, {len(out)} bytes")


main()
