"""Features that were never captured, folds that were never drawn, and what tensors weigh."""

import gc

import numpy as np
import torch

from repprobe.data import draws


class MadeFeatures(dict):
    """Layer → array (n, width), the first `train_count` rows for training."""

    def __init__(self, train_count, **layers):
        super().__init__(layers)
        self.train_count = train_count

    @property
    def layers(self):
        return tuple(self)

    @property
    def non_finite(self):
        return {name: int((~np.isfinite(x).all(axis=1)).sum()) for name, x in self.items()}


def dealt(labels, task="classification"):
    """Return the fold (n,) of each of these clean labels."""
    (draw,) = draws(labels, ["all"], [0], task)
    folds = np.empty(len(labels), np.int64)
    folds[draw.rows] = draw.folds
    return folds


def held():
    """Return the bytes of all tensors that are alive."""
    gc.collect()
    storages = {
        o.untyped_storage().data_ptr(): o.untyped_storage().nbytes()
        for o in gc.get_objects()
        if type(o) is torch.Tensor
    }
    return sum(storages.values())
