"""Small data sets to give noise to."""

import numpy as np

from repprobe.data import ArrayPart, Data, Graphs
from repprobe.data.names import KNOWN

CIFAR10 = KNOWN["cifar10"].classes


def made(labels, classes=10, *, inputs=None, unit=1.0, name="made", instance_labels=None):
    """Classification with these labels; `classes` are names, or how many there are."""
    if isinstance(classes, int):
        classes = [str(c) for c in range(classes)]
    labels = np.asarray(labels, np.int64)
    if inputs is None:
        inputs = np.zeros((len(labels), 2), np.float32)
    part = ArrayPart(inputs, labels)
    return Data(
        *(name, part, part, "classification", tuple(classes), unit, "made"),
        instance_labels=instance_labels,
    )


def made_targets(targets, *, instance_labels=None):
    """Regression with these targets."""
    targets = np.asarray(targets, np.float64)
    part = ArrayPart(np.zeros((len(targets), 2), np.float32), targets)
    return Data(
        *("made", part, part, "regression", (), 1.0, "made"), instance_labels=instance_labels
    )


class GraphPart:
    """Graphs of one node."""

    whole = False

    def __init__(self, labels):
        self.labels = np.asarray(labels, np.int64)

    def __len__(self):
        return len(self.labels)

    def inputs(self, indices):
        n = len(indices)
        return Graphs(np.zeros((n, 1), np.float32), np.zeros((2, 0), np.int64), np.arange(n), n)
