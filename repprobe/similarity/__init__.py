"""How alike two networks represent the same examples, layer by layer."""

from repprobe.similarity.cka import cka, jackknife
from repprobe.similarity.rank import effective_rank
from repprobe.similarity.rows import agreement_rows, similarity_rows
from repprobe.similarity.sketch import Sketch, SketchSink

__all__ = [
    "Sketch",
    "SketchSink",
    "agreement_rows",
    "cka",
    "effective_rank",
    "jackknife",
    "similarity_rows",
]
