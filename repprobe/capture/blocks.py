"""The blocks of a network: which parameters work between one default layer and the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from repprobe.capture.inputs import Inputs
from repprobe.capture.layer import Trace
from repprobe.capture.place import placed
from repprobe.capture.stages import default_layers
from repprobe.capture.trace import EXAMPLES, trace
from repprobe.capture.unwrap import named_modules, unwrap
from repprobe.errors import CaptureError

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data


def blocks(
    model: Model, data: Data, *, device: str = "cpu", seed: int = 0
) -> dict[str, tuple[str, ...]]:
    """Return for each default layer the entries of the state dict that work towards it.

    The block of a layer is what works after the layer before it, up to itself; the last also
    has what comes after its layer, so that every entry is in exactly one block. An entry is
    taken where its module first works: at the end of the module's first call if it calls no
    other module, else at its beginning, since class tokens, positional embeddings and the like
    may be used from then on. What a module holds in parts that are not called themselves
    (parametrizations, the projections of attention) is its own; so is what the whole network
    holds in modules it does not call, which is the first block's. Entries that share one tensor
    (tied weights) are together in the first of their blocks.

    Returns
    -------
    Layer name → names of parameters and buffers as in `model.module.state_dict()`, in its order;
    layers in the order of execution. A layer before which no parameter works (pooling) has none.

    Raises
    ------
    CaptureError
        The network cannot be run on the data, or no layer can be recorded.
    """
    rows = np.arange(min(EXAMPLES, len(data.test)))
    inputs = Inputs.of(model, data, np.arange(0), rows)
    with placed(model.module, device) as module:
        run = trace(module, inputs.prepared(inputs.few(EXAMPLES), module), seed)
    layers = sorted((la.order, la.name) for la in default_layers(run) if not la.reason)
    if not layers:
        raise CaptureError("none of the layers can be probed, so the network has no blocks.")
    names, ends = [name for _, name in layers], [order for order, _ in layers]
    moments = _moments(model.module, run)
    found: dict[str, list[str]] = {name: [] for name in names}
    for key, moment in moments.items():
        place = int(np.searchsorted(ends, moment))
        found[names[min(place, len(names) - 1)]].append(key)
    return {name: tuple(keys) for name, keys in found.items()}


def _moments(module: nn.Module, run: Trace) -> dict[str, float]:
    """Return for each entry of the state dict the moment of the run at which it first works."""
    began: dict[str, float] = {}
    for call in run.root.walk():
        # past the start: what the module is given is a layer of that moment
        moment = call.end if call.is_leaf else call.start + 0.5
        began[call.module] = min(moment, began.get(call.module, moment))
    names = {id(part): name for name, part in named_modules(unwrap(module)).items()}
    parts = dict(module.named_modules(remove_duplicate=False))
    moments: dict[str, float] = {}
    tensors: dict[int, float] = {}
    state = module.state_dict(keep_vars=True)
    for key, value in state.items():
        moments[key] = _moment(key, parts, names, began)
        tensors[id(value)] = min(moments[key], tensors.get(id(value), moments[key]))
    return {key: tensors[id(value)] for key, value in state.items()}


def _moment(
    key: str, parts: dict[str, nn.Module], names: dict[int, str], began: dict[str, float]
) -> float:
    """Return when the nearest module around an entry that is called first works."""
    holder = key
    while holder:
        holder = holder.rpartition(".")[0]
        name = names.get(id(parts.get(holder)))
        if name is not None and name in began:
            return began[name]
    return 0.0
