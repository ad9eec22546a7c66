"""What the methods that mix examples share: the weight of a mixture, drawn reproducibly."""

from __future__ import annotations

import torch


def draw_beta(alpha: float, generator: torch.Generator) -> float:
    """Draw from Beta(alpha, alpha) by inverting its distribution function at a uniform number.

    torch's own sampler takes no generator.
    """
    from scipy.special import betaincinv

    uniform = torch.rand((), dtype=torch.float64, generator=generator).item()
    return float(betaincinv(alpha, alpha, uniform))
