"""The paper's multilayer perceptron: hidden layers without bias, each followed by a ReLU."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import count, pairwise, takewhile
from typing import Any

from torch import nn

from repprobe.errors import UsageError
from repprobe.zoo.arguments import require_positive, scaled


class MLP(nn.Sequential):
    """in–512–512–512–C by default (arXiv 2012.12896, the CIFAR experiments).

    Parameters
    ----------
    num_classes : C, the number of outputs.
    in_features : number of values of one input; inputs of any shape are flattened.
    input_shape : may be given instead, e.g. (3, 32, 32).
    hidden : widths of the hidden layers.
    width : factor on all of these.

    Raises
    ------
    UsageError
        Neither or both of in_features and input_shape are given, a number is below 1, or the
        factor leaves no unit.
    """

    def __init__(
        self,
        num_classes: int,
        in_features: int | None = None,
        input_shape: Sequence[int] | None = None,
        hidden: Sequence[int] = (512, 512, 512),
        width: float = 1.0,
    ) -> None:
        if (in_features is None) == (input_shape is None):
            raise UsageError("zoo:mlp needs one of in_features and input_shape.")
        if in_features is None:
            in_features = math.prod(input_shape or ())
        sizes = {f"hidden[{i}]": units for i, units in enumerate(hidden)}
        require_positive(num_classes=num_classes, in_features=in_features, **sizes)
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        widths = (in_features, *(scaled(units, width) for units in hidden))
        for i, (before, after) in enumerate(pairwise(widths), start=1):
            layers[f"linear{i}"] = nn.Linear(before, after, bias=False)
            layers[f"relu{i}"] = nn.ReLU()
        layers["output"] = nn.Linear(widths[-1], num_classes)
        super().__init__(layers)


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the widths off the weights; None where `output.weight` is missing."""
    output = shapes.get("output.weight", ())
    if len(output) != 2:
        return None
    keys = takewhile(
        lambda key: len(shapes.get(key, ())) == 2, map("linear{}.weight".format, count(1))
    )
    hidden = [shapes[key] for key in keys]
    return {
        "num_classes": output[0],
        "in_features": (hidden or [output])[0][1],
        "hidden": [width for width, _ in hidden],
    }
