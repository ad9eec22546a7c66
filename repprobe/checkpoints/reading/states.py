"""The state dict of a pickled network, from its records."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from repprobe.checkpoints.reading.problems import DamagedError, DemandingError
from repprobe.checkpoints.reading.records import Made, TensorRecord

DEPTH = 50
"""Layers inside one another; networks have about ten."""

ENTRIES = 100_000
"""Layers and tensors of one network, each as often as it is named."""

_WRAPPER = "torch.nn.parallel.data_parallel.DataParallel"


def unwrapped(made: Made) -> Made:
    """Return the network that is to run on several devices, or the network itself."""
    while made.name.full == _WRAPPER:
        inner = part(made, "_modules").get("module")
        if not isinstance(inner, Made) or inner is made:
            raise DamagedError("a network on several devices that is none")
        made = inner
    return made


def part(made: Made, name: str) -> Mapping[str, Any]:
    """Return the parameters, buffers or modules of a layer, by name."""
    state = made.state if isinstance(made.state, Mapping) else {}
    found = state.get(name, {})
    if not isinstance(found, Mapping) or not all(isinstance(k, str) for k in found):
        raise DamagedError("a layer whose parts have no names")
    return found


def state_dict(made: Made) -> OrderedDict[str, TensorRecord]:
    """Return name → tensor as `state_dict()` would; buffers that are not persistent stay out."""
    found: OrderedDict[str, TensorRecord] = OrderedDict()
    for name, tensor in _entries(made, "", 0, [ENTRIES]):
        found[name] = tensor
    return found


def _entries(
    made: Made, prefix: str, depth: int, left: list[int]
) -> Iterator[tuple[str, TensorRecord]]:
    if depth > DEPTH:
        raise DemandingError(f"layers inside one another, over {DEPTH} deep")
    passing = made.state.get("_non_persistent_buffers_set", ()) if made.state else ()
    for kind in ("_parameters", "_buffers"):
        for name, tensor in part(made, kind).items():
            _count(left)
            if tensor is None or (kind == "_buffers" and name in passing):
                continue
            if not isinstance(tensor, TensorRecord):
                raise DamagedError("a parameter that is no tensor")
            yield prefix + name, tensor
    for name, inner in part(made, "_modules").items():
        _count(left)
        if inner is None:
            continue
        if not isinstance(inner, Made):
            raise DamagedError("a layer that is none")
        yield from _entries(inner, f"{prefix}{name}.", depth + 1, left)


def _count(left: list[int]) -> None:
    left[0] -= 1
    if left[0] < 0:
        raise DemandingError(f"a network with over {ENTRIES} parts")
