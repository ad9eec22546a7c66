"""`Head`: the linear model that takes the place of everything after the cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repprobe.capture import Pooling


@dataclass(frozen=True, eq=False)
class Head:
    """f ↦ weight · f + bias on a layer's raw features f (d,); C scores.

    Attributes
    ----------
    layer : the cut, as capture names it.
    pooling : how the activation becomes the feature vector.
    weight, bias : (C, d) and (C,), with the standardization of the features folded in.
    probe : "logistic", "ridge" or "least-squares".
    regularization : the chosen C or alpha; None for least squares.
    """

    layer: str
    pooling: Pooling
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    probe: str
    regularization: float | None
