"""Features as plain hooks and torch-geometric's pooling give them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from repprobe.capture import capture
from repprobe.feeding import Fed

from .conftest import make_model
from .graph_networks import POOLS


def run(net, data, **kwargs):
    """Return the features of all training and test rows."""
    return capture(make_model(net), data, **{"train_rows": np.arange(len(data.train)), **kwargs})


@torch.inference_mode()
def hooked(net, part):
    """Return a part as one batch, and name -> activation as plain hooks see them."""
    batch = Fed.of(part.inputs(np.arange(len(part))), make_model(net).preprocessing, 1.0)
    seen: dict[str, torch.Tensor] = {"input": batch.x}
    calls: Counter[str] = Counter()

    def hook(name):
        def note(_module, _args, out):
            seen[f"{name}_{calls[name]}" if calls[name] else name] = out.clone()
            calls[name] += 1

        return note

    named = [(name, module) for name, module in net.named_modules() if name]
    handles = [module.register_forward_hook(hook(name)) for name, module in named]
    seen["output"] = batch.run(net)
    for handle in handles:
        handle.remove()
    return batch, seen


def expected(net, data, name, mode):
    """Return the features of a layer as plain hooks and global pooling give them."""
    rows = []
    for batch, seen in (hooked(net.eval(), part) for part in (data.train, data.test)):
        value = seen[name].flatten(1)
        if batch.nodes is not None:
            value = value[batch.nodes] if len(value) == len(batch.x) else value
        elif len(value) == len(batch.x):
            value = POOLS[mode](value, batch.graph, batch.count)
        elif len(value) == batch.edges.shape[1]:
            value = POOLS[mode](value, batch.graph[batch.edges[0]], batch.count)
        rows.append(value)
    return torch.cat(rows).numpy()
