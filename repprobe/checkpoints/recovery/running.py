"""Runs many hypotheses about one network on the same examples; what they share is run once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from repprobe.checkpoints.recovery.chain import Weighted
from repprobe.checkpoints.recovery.hypothesis import Op

EPS = 1e-5
"""What batch norms add to variances, unless somebody asked for something else."""

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "elu": F.elu,
    "selu": F.selu,
    "silu": F.silu,
    "softplus": F.softplus,
    "relu6": F.relu6,
}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a hypothesis gives.

    Attributes
    ----------
    output : (n, C), or None where it could not be run.
    mismatch : of each batch norm on the way, how far what reaches it lies from what it saw in
        training: the mean over channels of (m − m')² / v' + ½ (ln v / v')², m and v being mean
        and variance here, m' and v' those it keeps.
    """

    output: Tensor | None
    mismatch: tuple[float, ...]


class Runner:
    """Runs the weighted layers of one network.

    Parameters
    ----------
    chain : the layers.
    tensors : the state dict.
    """

    def __init__(self, chain: Sequence[Weighted], tensors: Mapping[str, Tensor]) -> None:
        self.chain = chain
        self.tensors = {
            key: tensor.detach().float().cpu()
            for key, tensor in tensors.items()
            if tensor.is_floating_point()
        }

    @torch.inference_mode()
    def run(self, x: Tensor, many: Sequence[tuple[Op, ...]]) -> Iterator[tuple[int, Outcome]]:
        """Run every list of steps on `x` (n, …); gives places in the list, in an order of its own.

        Steps that two lists begin with are run once for both.
        """
        order = sorted(range(len(many)), key=lambda i: many[i])
        path: list[Op] = []
        states: list[tuple[Tensor, tuple[float, ...]]] = [(x, ())]
        for i in order:
            ops = many[i]
            shared = 0
            while shared < min(len(path), len(ops)) and path[shared] == ops[shared]:
                shared += 1
            del path[shared:], states[shared + 1 :]
            try:
                for op in ops[shared:]:
                    states.append(self._step(op, *states[-1]))
                    path.append(op)
            except RuntimeError:  # sizes that do not fit
                yield i, Outcome(None, ())
                continue
            output, mismatch = states[-1]
            yield i, Outcome(output, mismatch)

    def _step(
        self, op: Op, x: Tensor, mismatch: tuple[float, ...]
    ) -> tuple[Tensor, tuple[float, ...]]:
        if op.kind == "act":
            name, _, slope = op.values[0].partition(":")
            if slope:
                return F.leaky_relu(x, float(slope)), mismatch
            return ACTIVATIONS[name](x), mismatch
        if op.kind == "pool":
            kind, kernel, stride, padding = op.values
            pool = F.max_pool2d if kind == "max" else F.avg_pool2d
            return pool(x, kernel, stride, padding), mismatch
        if op.kind == "adaptive":
            kind, size = op.values
            adaptive = F.adaptive_avg_pool2d if kind == "avg" else F.adaptive_max_pool2d
            return adaptive(x, size), mismatch
        if op.kind == "flatten":
            return x.flatten(1), mismatch
        layer = self.chain[op.layer]
        weight = self.tensors.get(f"{layer.name}.weight")
        bias = self.tensors.get(f"{layer.name}.bias")
        if op.kind == "bn":
            mean = self.tensors[f"{layer.name}.running_mean"]
            variance = self.tensors[f"{layer.name}.running_var"]
            mismatch = (*mismatch, _mismatch(x, mean, variance))
            return F.batch_norm(x, mean, variance, weight, bias, eps=EPS), mismatch
        assert weight is not None
        if op.kind == "linear":
            return F.linear(x, weight, bias), mismatch
        stride, padding, dilation = op.values
        return F.conv2d(x, weight, bias, stride, padding, dilation, layer.groups), mismatch


def _mismatch(x: Tensor, mean: Tensor, variance: Tensor) -> float:
    """Return how far a batch's moments lie from those kept; see `Outcome`."""
    own_variance, own_mean = torch.var_mean(x, dim=[0, *range(2, x.ndim)], correction=0)
    # a channel that never varied tells nothing
    kept = variance > 1e-3 * variance.median()
    shift = (own_mean - mean).square() / (variance + EPS)
    ratio = ((own_variance + EPS) / (variance + EPS)).log()
    return float((shift + 0.5 * ratio.square())[kept].mean())
