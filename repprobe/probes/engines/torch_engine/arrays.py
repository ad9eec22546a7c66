"""From tensors, on whatever device, to what crosses the border."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from torch import Tensor


def array(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor as numpy's array."""
    return tensor.cpu().numpy()
