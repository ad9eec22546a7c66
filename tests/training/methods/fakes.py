"""A training set, an epoch and a loop, as small as methods can do with."""

import torch
from torch import nn

from repprobe.feeding import Fed
from repprobe.training.methods.border import Batch


class Network(nn.Module):
    """A small classifier with batch norm and dropout, that takes `Fed`."""

    def __init__(self, features, outputs, seed=0, dropout=0.1):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(
            nn.Linear(features, 32),
            nn.BatchNorm1d(32),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(32, outputs),
        )

    def forward(self, inputs):
        return self.layers(inputs.x)


class Examples:
    """Vectors in memory; views differ by a little noise; a last batch of one is left out."""

    device = torch.device("cpu")

    def __init__(self, x, labels, classes, batch_size=32, jitter=0.05):
        self.x, self.labels, self.classes = x, labels, classes
        self.batch_size, self.jitter = batch_size, jitter
        self.generator = torch.Generator()

    def __len__(self):
        return len(self.labels)

    def batches(self, rows=None, *, views=1):
        rows = torch.arange(len(self)) if rows is None else rows
        order = rows[torch.randperm(len(rows), generator=self.generator)]
        for some in order.split(self.batch_size):
            if len(some) > 1:
                x = [self._view(some) for _ in range(views)]
                yield Batch(some, tuple(Fed(v, len(some)) for v in x), self.labels[some])

    def _view(self, rows):
        noise = torch.randn(self.x[rows].shape, generator=self.generator)
        return self.x[rows] + self.jitter * noise


class Epoch:
    def __init__(self, number, epochs, examples, networks, seed=0):
        self.number, self.epochs, self.examples, self.networks = number, epochs, examples, networks
        self.generator = torch.Generator().manual_seed(1000 * seed + number)

    def answers(self, network):
        was = network.training
        network.train(False)
        with torch.no_grad():
            answers = network(Fed(self.examples.x, len(self.examples)))
        network.train(was)
        return answers


def learn(method, networks, optimizers, examples, epochs, first=0, last=None):
    """Train as the loop does; returns the losses of every turn, None where a network rests."""
    told = []
    for number in range(first, epochs if last is None else last):
        torch.manual_seed(number)
        examples.generator.manual_seed(number)
        epoch = Epoch(number, epochs, examples, networks)
        for network in networks:
            network.train()
        for turn in method.turns(epoch):
            losses = method.losses(epoch, turn)
            assert all(network.training for network in networks)
            assert len(losses) == len(networks)
            for loss, optimizer in zip(losses, optimizers, strict=True):
                if loss is not None:
                    assert loss.shape == () and torch.isfinite(loss)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
            told.append([None if loss is None else loss.item() for loss in losses])
    return told


def made_networks(method, features, outputs, learning_rate=0.01):
    networks = [Network(features, outputs, seed) for seed in range(method.networks)]
    return networks, [torch.optim.Adam(n.parameters(), learning_rate) for n in networks]


def blobs(n=600, classes=3, seed=0):
    """Well separated classes in the plane: x (n, 2), labels (n,)."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    angles = 2 * torch.pi * labels / classes
    centres = 3 * torch.stack([angles.cos(), angles.sin()], 1)
    return centres + 0.5 * torch.randn(n, 2, generator=generator), labels


def symmetric_noise(labels, rate, classes, seed=0):
    """A share of the labels becomes any other class."""
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(len(labels), generator=generator) < rate
    shift = torch.randint(1, classes, (len(labels),), generator=generator)
    return torch.where(wrong, (labels + shift) % classes, labels)


def accuracy(network, x, labels):
    network.eval()
    with torch.no_grad():
        return (network(Fed(x, len(x))).argmax(1) == labels).float().mean().item()
