"""A quick training of a graph network on one of the paper's tasks."""

import numpy as np
import torch

from repprobe import zoo
from repprobe.checkpoints import Preprocessing
from repprobe.data import load_data
from repprobe.feeding import Fed


def last_loss_and_variance(name, task, epochs):
    """Train a narrow network with Adam; return its loss in the last epoch, and the targets'."""
    data = load_data(f"{task}:400").train
    random = np.random.default_rng(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = zoo.build(name, hidden=32)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(epochs):
        losses = []
        for rows in np.split(random.permutation(400), 25):
            batch = Fed.of(data.inputs(rows), Preprocessing.parse("none"), 1.0)
            target = torch.tensor(data.labels[rows], dtype=torch.float32)
            loss = (batch.run(network).squeeze(1) - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return np.mean(losses), data.labels.var()
