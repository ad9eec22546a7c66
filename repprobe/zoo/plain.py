"""A plain feed-forward network by its list of layers, with the names they have in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from repprobe.errors import UsageError

Spec = Mapping[str, Any]
"""A layer in plain values: its `kind`, its `name`, and what its kind takes."""


def _convolution(spec: dict[str, Any]) -> nn.Module:
    return nn.Conv2d(
        spec.pop("in_channels"), spec.pop("out_channels"), spec.pop("kernel_size"), **spec
    )


def _batch_norm(spec: dict[str, Any]) -> nn.Module:
    kind = nn.BatchNorm2d if spec.pop("images") else nn.BatchNorm1d
    return kind(spec.pop("features"), **spec)


KINDS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "conv2d": _convolution,
    "batch_norm": _batch_norm,
    "linear": lambda s: nn.Linear(s.pop("in_features"), s.pop("out_features"), **s),
    "relu": lambda s: nn.ReLU(**s),
    "leaky_relu": lambda s: nn.LeakyReLU(s.pop("slope"), **s),
    "relu6": lambda s: nn.ReLU6(**s),
    "tanh": lambda s: nn.Tanh(**s),
    "sigmoid": lambda s: nn.Sigmoid(**s),
    "gelu": lambda s: nn.GELU(**s),
    "elu": lambda s: nn.ELU(**s),
    "selu": lambda s: nn.SELU(**s),
    "silu": lambda s: nn.SiLU(**s),
    "softplus": lambda s: nn.Softplus(**s),
    "max_pool": lambda s: nn.MaxPool2d(s.pop("kernel_size"), **s),
    "avg_pool": lambda s: nn.AvgPool2d(s.pop("kernel_size"), **s),
    "adaptive_avg": lambda s: nn.AdaptiveAvgPool2d(s.pop("size"), **s),
    "adaptive_max": lambda s: nn.AdaptiveMaxPool2d(s.pop("size"), **s),
    "flatten": lambda s: nn.Flatten(**s),
    "dropout": lambda s: nn.Dropout(s.pop("p"), **s),
}
"""Kind → what builds the layer from the rest of its values, which it takes out as it reads them."""


class PlainNet(nn.Module):
    """Layers one after the other.

    The network has no structure of its own: it is what `checkpoints.recovery` makes of a bare
    state dict. Its modules have exactly the dotted names given, so that its state dict has
    exactly the file's keys.

    Parameters
    ----------
    layers : one dictionary per layer, in the order of execution, with `kind` (one of `KINDS`),
        `name` (dotted, one for each layer) and the arguments of that kind:
        conv2d: in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias;
        batch_norm: features, images (whether its input is (b, features, height, width)), eps,
        affine; linear: in_features, out_features, bias; leaky_relu: slope; max_pool, avg_pool:
        kernel_size, stride, padding; adaptive_avg, adaptive_max: size, in pixels; dropout: p.

    Raises
    ------
    UsageError
        A layer is of no known kind, lacks an argument or has one too many, or a name is taken.
    """

    def __init__(self, layers: Sequence[Spec]) -> None:
        super().__init__()
        self.order: list[str] = []
        for spec in layers:
            kind, name = _identity(spec)
            values = {k: _plain(v) for k, v in spec.items() if k not in ("kind", "name")}
            try:
                layer = KINDS[kind](values)
            except (TypeError, ValueError, KeyError, RuntimeError) as err:
                reason = str(err).splitlines()[0].rstrip(".")
                raise UsageError(f"layers: '{name}' cannot be a {kind}: {reason}.") from None
            self._put(name, layer)
            self.order.append(name)
        if not self.order:
            raise UsageError("layers must not be empty.")

    def forward(self, x: Tensor) -> Tensor:
        """Pass the input (b, …) through all layers."""
        for name in self.order:
            x = self.get_submodule(name)(x)
        return x

    def _put(self, name: str, layer: nn.Module) -> None:
        """Give a module its dotted name; what holds it is made where it is missing."""
        *path, last = name.split(".")
        holder: nn.Module = self
        for part in path:
            if part not in holder._modules:
                _check_free(holder, part, name)
                holder.add_module(part, nn.Module())
            holder = holder.get_submodule(part)
        _check_free(holder, last, name)
        if name in self.order or last in holder._modules:
            raise UsageError(f"layers: the name '{name}' is given twice.")
        holder.add_module(last, layer)


def _identity(spec: Any) -> tuple[str, str]:
    kind = spec.get("kind") if isinstance(spec, Mapping) else None
    if kind not in KINDS:
        raise UsageError(f"layers: a layer's kind must be {', '.join(KINDS)}, not {kind!r}.")
    name = spec.get("name")
    if not isinstance(name, str) or not all(name.split(".")):
        raise UsageError(f"layers: a {kind} needs a dotted name, not {name!r}.")
    return kind, name


def _plain(value: Any) -> Any:
    """Return lists, as JSON has them, as the tuples that torch takes."""
    return tuple(value) if isinstance(value, list) else value


def _check_free(holder: nn.Module, part: str, name: str) -> None:
    if part not in holder._modules and hasattr(holder, part):
        raise UsageError(f"layers: '{name}' cannot be a name, since modules have a '{part}'.")


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Return None: shapes alone do not tell what stands between the weights."""
    return None
