"""Whole pickled networks with something odd among their attributes."""

import os
from functools import partial

import torch
from torch import nn

from .building import Reduced, attack, harmless, touch


@harmless
def recurrent_layer_of_trillions(path, canary):
    layer = nn.LSTM(2, 2)
    layer.num_layers = 1 << 40
    layer._all_weights = [[1]]
    torch.save(layer, path)


@harmless
def shadowed_forward(path, canary):
    layer = nn.Linear(2, 2)
    layer.forward = nn.functional.relu
    torch.save(layer, path)


@attack
def inspector_with_code(path, canary):
    """Text in PyG's inspector becomes code when its own `__setstate__` runs."""
    from torch_geometric.nn import GCNConv

    layer = GCNConv(2, 2)
    layer.inspector._signature_dict["message"].param_dict["x_j"] = Reduced(os.system, touch(canary))
    torch.save(layer, path)


@harmless
def laughs_among_the_attributes(path, canary):
    layer = nn.Linear(2, 2)
    layer.values = ()
    for _ in range(60):
        layer.values = (layer.values, layer.values)
    torch.save(layer, path)


@harmless
def partial_of_terabytes(path, canary):
    layer = nn.TransformerEncoderLayer(2, 1)
    layer.activation = partial(nn.Linear, 1 << 40)
    torch.save(layer, path)
