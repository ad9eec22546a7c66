"""He et al.'s residual networks for CIFAR: 6n+2 layers in three stages of n blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from repprobe.errors import UsageError
from repprobe.zoo.arguments import require_one_of, require_positive

HEADS = ("linear", "fc", "classifier")


@dataclass(frozen=True)
class Naming:
    """What the published code calls the stem, the stages and the parts of a block.

    `zeros` says where shortcut A of that code puts its zero channels: on "both" sides of the old
    ones, or at the "end".
    """

    stem: tuple[str, str]
    stage: str
    block: tuple[str, str, str, str]
    zeros: str


NAMINGS = {
    "layer": Naming(("conv1", "bn1"), "layer{}", ("conv1", "bn1", "conv2", "bn2"), "both"),
    "stage": Naming(
        ("conv_1_3x3", "bn_1"), "stage_{}", ("conv_a", "bn_a", "conv_b", "bn_b"), "end"
    ),
}


class CifarResNet(nn.Module):
    """ResNet-20, -32, -44, -56, -110, … (arXiv 1512.03385, section 4.2).

    Module tree and state-dict keys are those of the public implementations that most CIFAR
    checkpoints come from: activations and pooling are functional, every block has a
    shortcut module (an empty `nn.Sequential` where nothing is to be done).

    Parameters
    ----------
    depth : 6n + 2, i.e. 8, 14, 20, …
    num_classes : number of outputs.
    width : channels of the first stage; the second and third have two and four times as many.
    in_channels : channels of the input (b, in_channels, height, width).
    shortcut : where the size changes: "A" subsamples and pads with zero channels, without
        parameters; "B" projects (1×1 convolution and batch norm).
    head : name of the final layer, "linear", "fc" or "classifier".
    branch : name of the shortcut modules, "shortcut" or "downsample".
    naming : "layer" (`conv1`, `layer1.0.conv1`, …) or "stage" (`conv_1_3x3`, `stage_1.0.conv_a`,
        …), as in the code that the incremental-learning and pruning literature share, where
        shortcut A puts all zero channels behind the old ones.

    Raises
    ------
    UsageError
        An argument has a value that cannot be used.
    """

    def __init__(
        self,
        depth: int = 20,
        num_classes: int = 10,
        width: int = 16,
        in_channels: int = 3,
        shortcut: str = "A",
        head: str = "linear",
        branch: str = "shortcut",
        naming: str = "layer",
    ) -> None:
        super().__init__()
        require_positive(depth=depth, num_classes=num_classes, width=width, in_channels=in_channels)
        if depth < 8 or depth % 6 != 2:
            raise UsageError(f"depth must be 6n + 2 (8, 14, 20, 26, 32, …), not {depth}.")
        require_one_of("shortcut", shortcut, ("A", "B"))
        require_one_of("head", head, HEADS)
        require_one_of("branch", branch, ("shortcut", "downsample"))
        require_one_of("naming", naming, NAMINGS)
        self.head, self.branch, self.naming = head, branch, NAMINGS[naming]
        conv, norm = self.naming.stem
        self.add_module(conv, nn.Conv2d(in_channels, width, 3, padding=1, bias=False))
        self.add_module(norm, nn.BatchNorm2d(width))
        blocks, before = (depth - 2) // 6, width
        for stage, after in enumerate((width, 2 * width, 4 * width), start=1):
            strides = [1 if stage == 1 else 2, *([1] * (blocks - 1))]
            layer = nn.Sequential()
            for stride in strides:
                layer.append(BasicBlock(before, after, stride, shortcut, branch, self.naming))
                before = after
            self.add_module(self.naming.stage.format(stage), layer)
        self.add_module(head, nn.Linear(before, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, height, width) to logits (b, num_classes)."""
        conv, norm = map(self.get_submodule, self.naming.stem)
        x = F.relu(norm(conv(x)))
        for stage in (1, 2, 3):
            x = self.get_submodule(self.naming.stage.format(stage))(x)
        x = F.avg_pool2d(x, x.shape[2:]).flatten(1)
        logits: Tensor = self.get_submodule(self.head)(x)
        return logits


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut: relu(f(x) + shortcut(x))."""

    def __init__(
        self, before: int, after: int, stride: int, shortcut: str, branch: str, naming: Naming
    ) -> None:
        super().__init__()
        self.branch, self.names = branch, naming.block
        conv1, norm1, conv2, norm2 = naming.block
        self.add_module(conv1, nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False))
        self.add_module(norm1, nn.BatchNorm2d(after))
        self.add_module(conv2, nn.Conv2d(after, after, 3, padding=1, bias=False))
        self.add_module(norm2, nn.BatchNorm2d(after))
        self.add_module(branch, _shortcut(before, after, stride, shortcut, naming.zeros))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, before, height, width) to (b, after, height / stride, width / stride)."""
        conv1, norm1, conv2, norm2 = map(self.get_submodule, self.names)
        out = norm2(conv2(F.relu(norm1(conv1(x)))))
        return F.relu(out + self.get_submodule(self.branch)(x))


class SubsampleAndPad(nn.Module):
    """Shortcut A: every second pixel, and zero channels on both sides of the old ones, or last."""

    def __init__(self, before: int, after: int, stride: int, zeros: str) -> None:
        super().__init__()
        first = (after - before) // 2 if zeros == "both" else 0
        self.stride = stride
        self.padding = (first, after - before - first)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, before, height, width) to (b, after, height / stride, width / stride)."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, *self.padding))


def _shortcut(before: int, after: int, stride: int, kind: str, zeros: str) -> nn.Module:
    if stride == 1 and before == after:
        return nn.Sequential()
    if kind == "A":
        return SubsampleAndPad(before, after, stride, zeros)
    return nn.Sequential(
        nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
    )


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the arguments off the first convolution, the first stage and the final layer."""
    naming = "stage" if "stage_1.0.conv_a.weight" in shapes else "layer"
    names = NAMINGS[naming]
    first = shapes.get(f"{names.stem[0]}.weight", ())
    head = next((name for name in HEADS if f"{name}.weight" in shapes), HEADS[0])
    last = shapes.get(f"{head}.weight", ())
    stage = names.stage.format(1)
    blocks = sum(f"{stage}.{i}.{names.block[0]}.weight" in shapes for i in range(len(shapes)))
    if len(first) != 4 or len(last) != 2 or not blocks:
        return None
    branch = "downsample" if any(".downsample." in key for key in shapes) else "shortcut"
    projects = any(f".{branch}." in key for key in shapes)
    guess = {
        "depth": 6 * blocks + 2,
        "num_classes": last[0],
        "width": first[0],
        "in_channels": first[1],
        "shortcut": "B" if projects else "A",
        "head": head,
        "branch": branch,
    }
    return guess if naming == "layer" else {**guess, "naming": naming}
