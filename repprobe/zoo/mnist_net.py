"""The two networks of PyTorch's MNIST example: that of today, and that of before 2019."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from repprobe.zoo.arguments import require_one_of, require_positive

FORMS = {"today": (3, 32, 64, 128), "earlier": (5, 10, 20, 50)}
"""Form → kernel size, channels of the convolutions, width of the hidden linear layer."""


class MnistNet(nn.Module):
    """Two convolutions and two linear layers; the output is log-probabilities.

    Parameters
    ----------
    num_classes : number of outputs.
    in_channels : channels of the input (b, in_channels, height, width).
    form : "today": 3×3 convolutions of 32 and 64 channels, one pooling behind both; "earlier":
        5×5 convolutions of 10 and 20 channels, a pooling behind each, before its ReLU.
    side : height and width of what the first linear layer is given; for images of 28×28 it is 12
        today and was 4 earlier.

    Raises
    ------
    UsageError
        An argument has a value that cannot be used.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        form: str = "today",
        side: int | None = None,
    ) -> None:
        super().__init__()
        require_one_of("form", form, FORMS)
        kernel, one, two, hidden = FORMS[form]
        side = (12 if form == "today" else 4) if side is None else side
        require_positive(num_classes=num_classes, in_channels=in_channels, side=side)
        self.form = form
        self.conv1 = nn.Conv2d(in_channels, one, kernel)
        self.pool1 = nn.Identity() if form == "today" else nn.MaxPool2d(2)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(one, two, kernel)
        self.pool2 = nn.MaxPool2d(2)
        self.relu2 = nn.ReLU()
        self.dropout1 = nn.Dropout(0.25) if form == "today" else nn.Dropout2d(0.5)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(two * side * side, hidden)
        self.relu3 = nn.ReLU()
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(hidden, num_classes)
        self.log_softmax = nn.LogSoftmax(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, height, width) to log-probabilities (b, num_classes)."""
        x = self.relu1(self.pool1(self.conv1(x)))
        # of the maximum and ReLU the order is without effect; whole channels are dropped before
        x = self.relu2(self.pool2(self.dropout1(self.conv2(x))))
        x = self.dropout2(self.relu3(self.fc1(self.flatten(x))))
        logs: Tensor = self.log_softmax(self.fc2(x))
        return logs


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the form off the sizes, all of which have to be those of the example."""
    one, two = shapes.get("conv1.weight", ()), shapes.get("conv2.weight", ())
    hidden, last = shapes.get("fc1.weight", ()), shapes.get("fc2.weight", ())
    if not (len(one) == len(two) == 4 and len(hidden) == len(last) == 2):
        return None
    sizes = (one[2], one[0], two[0], hidden[0])
    form = next((name for name, known in FORMS.items() if known == sizes), None)
    side = math.isqrt(hidden[1] // two[0])
    # of images of 28×28 and of 32×32; of others it is no longer that example's
    if form is None or side not in ((12, 14) if form == "today" else (4, 5)):
        return None
    return {"num_classes": last[0], "in_channels": one[1], "form": form, "side": side}
