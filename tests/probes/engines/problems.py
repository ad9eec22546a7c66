"""Recipes for features and classes: awkward on purpose, and short enough to be printed."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from repprobe.probes.engines import LabelSet
from repprobe.probes.standardize import Standardization


@dataclass(frozen=True)
class Problem:
    """Blobs around the centres of the classes.

    `degenerate` features have a copy and a constant among them, `scaled` ones differ by up to
    1e12, `half` ones come in float16; `absent` classes are named and have no example; of the
    `rare` class there is one.
    """

    seed: int
    classes: int
    n: int
    d: int
    distance: float
    degenerate: bool
    scaled: bool
    half: bool
    absent: bool
    rare: bool
    dtype: type

    def make(self):
        """Standardized features (n, d), labels, and test features (400, d)."""
        generator = np.random.default_rng(self.seed)
        n = max(self.n, 3 * self.classes)
        y = generator.permutation(np.arange(n) % self.classes)
        if self.rare and self.classes > 2:
            y[np.flatnonzero(y == 0)[1:]] = 1
        centres = generator.normal(size=(self.classes, self.d)) * self.distance
        x = centres[y] + generator.normal(size=(n, self.d))
        test = centres[np.arange(400) % self.classes] + generator.normal(size=(400, self.d))
        if self.degenerate and self.d > 2:
            x[:, 0], test[:, 0] = x[:, 1], test[:, 1]
            x[:, 2] = test[:, 2] = 4.0
        reach = 3 if self.half else 6
        scale = 10.0 ** generator.integers(-reach, reach + 1, size=self.d) if self.scaled else 1.0
        kind = np.float16 if self.half else np.float64
        x, test = (x * scale).astype(kind), (test * scale).astype(kind)
        standardization = Standardization.fit(x)
        x, test = (standardization.apply(v, self.dtype) for v in (x, test))
        return x, LabelSet(y.astype(np.int64), self.classes + self.absent), test


_FIELDS = {
    "seed": st.integers(0, 10**6),
    "distance": st.sampled_from([0.0, 0.5, 3.0]),
    "degenerate": st.booleans(),
    "scaled": st.booleans(),
    "half": st.booleans(),
    "absent": st.booleans(),
    "rare": st.booleans(),
    "dtype": st.sampled_from([np.float32, np.float64]),
}

problems = st.builds(
    Problem,
    classes=st.integers(2, 12) | st.sampled_from([40, 100]),
    n=st.integers(36, 120),
    d=st.sampled_from([1, 2, 5, 20, 60, 200]),
    **_FIELDS,
)

small_problems = st.builds(
    Problem,
    classes=st.integers(2, 8),
    n=st.integers(36, 90),
    d=st.sampled_from([1, 2, 5, 20, 60]),
    **_FIELDS,
)
"""For what takes many fits."""
