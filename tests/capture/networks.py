"""Small networks of every kind that capture has to read."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Lambda(nn.Module):
    """A function as a module, as the CIFAR ResNets use for their parameter-free shortcuts."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with an option-A shortcut (He et al. 2016, section 4.2)."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Sequential()
        if stride != 1 or width_in != width:
            pad = width // 4
            self.shortcut = Lambda(lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, pad, pad)))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += self.shortcut(x)
        return F.relu(y)


class CifarResNet(nn.Module):
    """He et al.'s ResNet for CIFAR, of depth 6n+2, with functional ReLUs and pooling."""

    def __init__(self, blocks: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, blocks, 1)
        self.layer2 = self._stage(16, 32, blocks, 2)
        self.layer3 = self._stage(32, 64, blocks, 2)
        self.linear = nn.Linear(64, classes)

    @staticmethod
    def _stage(width_in: int, width: int, blocks: int, stride: int) -> nn.Sequential:
        first = BasicBlock(width_in, width, stride)
        return nn.Sequential(first, *(BasicBlock(width, width, 1) for _ in range(blocks - 1)))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.layer3(self.layer2(self.layer1(y)))
        y = F.avg_pool2d(y, y.size(3)).flatten(1)
        return self.linear(y)


class SmallCNN(nn.Module):
    """Convolutions with functional ReLUs, modules for pooling."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 8, 3, padding=1)
        self.fc1 = nn.Linear(8 * 2 * 2, 16)
        self.fc2 = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class InPlace(nn.Module):
    """An in-place ReLU, module and function, right after what is to be recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.hidden = nn.Linear(4 * 6 * 6, 7)
        self.fc = nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        return self.fc(self.hidden(x.flatten(1)).relu_())


class Outputs(nn.Module):
    """Modules that put out tuples, dictionaries, dataclasses, whole numbers and nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(6, 4)
        self.pair = Lambda(lambda x: (x + 1, (x + 2, x + 3)))
        self.table = Lambda(lambda x: {"a": x + 4, "b": {"c": x + 5}})
        self.record = Lambda(lambda x: Record(x + 6, None))
        self.index = Lambda(lambda x: x.argmax(1))
        self.empty = Lambda(lambda x: x[:, :0])
        self.constant = Lambda(lambda x: torch.ones(7))
        self.mixed = Lambda(lambda x: x.reshape(-1, 2))
        self.number = Lambda(lambda x: 3)
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x)
        for module in (self.index, self.empty, self.constant, self.mixed, self.number):
            module(x)
        x = self.pair(x)[1][0] + self.table(x)["b"]["c"] + self.record(x).first
        return {"features": x[:, None], "logits": self.head(x)}


@dataclass
class Record:
    """What some networks put out."""

    first: Tensor
    second: Tensor | None


class Twice(nn.Module):
    """One module called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)
        self.act = nn.ReLU()
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.layer(self.act(self.layer(x)))))


class Tokens(nn.Module):
    """A transformer that classifies sequences of tokens by its first one."""

    def __init__(self, words: int = 11, width: int = 8, depth: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        layer = nn.TransformerEncoderLayer(width, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(x))[:, 0])


class Recurrent(nn.Module):
    """An LSTM: a tuple of tuples, and states whose batch axis is the second."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 6, num_layers=2, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(x)
        return self.head(hidden[-1])


class Waves(nn.Module):
    """Convolutions over 1-d maps."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(2, 6, 3, padding=1),
            nn.BatchNorm1d(6),
            nn.ReLU(),
            nn.Conv1d(6, 8, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean(2))


class Volumes(nn.Module):
    """Convolutions over 3-d maps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 4, 3, padding=1)
        self.act = nn.ReLU()
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.conv(x)).mean((2, 3, 4)))


class Restless(nn.Module):
    """Random even in evaluation mode, from its second layer on."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(6, 8)
        self.two = Lambda(lambda x: F.dropout(x, 0.5, training=True))
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.one(x)))


class Meddler(nn.Module):
    """Changes its own buffers, attributes and the random state; can be told to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros(1))
        self.register_buffer("last", torch.zeros(2))
        self.body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.head = nn.Linear(8, 3)
        self.memory: dict[str, Tensor] = {}
        self.calls = 0
        self.fail_at = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        legacy = float(np.random.rand())  # noqa: NPY002 - its global state must not change
        self.last = torch.rand(2) + legacy + random.random()
        self.memory["x"] = x
        self.cached = x
        self.calls += 1
        setattr(self, f"call_{self.calls}", x)
        y = self.body(x)
        if self.calls == self.fail_at:
            raise RuntimeError("told to fail\nhere is more")
        return self.head(y)
