"""Are plain networks recovered from bare state dicts? Random nets, each trained for seconds.

    python analyses/recovery.py [N]

Nets of random layers are trained on the digits or on Fashion-MNIST, in one channel or three, with
a random preprocessing, and saved as bare state dicts under random names. Then their architecture
and preprocessing are recovered from the file and the data alone, and the outputs compared with
the original's. Writes `figures/opening/recovery.csv` and `recovery.md`; what is finished is kept
in `runs/recovery`, and the same command goes on from there.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from cells import Row, kept, markdown, write_table

if TYPE_CHECKING:
    from torch import nn

    from repprobe import Data
    from repprobe.checkpoints.preprocessing import Preprocessing

RUNS, FIGURES = Path("runs/recovery"), Path("figures/opening")

EXAMPLES = 6000
"""Training examples of Fashion-MNIST that a net sees, and the recovery is given."""

EPOCHS = {"digits": 30, "fashion-mnist": 6}
"""Epochs that a net is trained for, a few seconds each."""


@dataclass(frozen=True, eq=False)
class Net:
    """A trained net with what nobody is told.

    Attributes
    ----------
    module : the net, in evaluation mode.
    data : what it was trained on.
    preprocessing : of its inputs.
    words : what it is, for the table.
    """

    module: nn.Module
    data: Data
    preprocessing: Preprocessing
    words: str


def draw(seed: int, path: Path) -> Net:
    """Draw a net from the seed, and train it; its state dict is kept at `path`."""
    import torch

    rng = np.random.default_rng(seed)
    data = data_of(rng)
    channels, side = data.input_shape[0], data.input_shape[1]
    preprocessing = preprocessing_of(rng, data)
    torch.manual_seed(seed)
    layers, words = layers_of(rng, channels, side)
    module = under_names(rng, layers)
    if path.exists():
        module.load_state_dict(torch.load(path, weights_only=True))
    else:
        train(module, data, preprocessing, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(module.state_dict(), path)
    place = f"{data.name} {channels}×{side}×{side}"
    return Net(module.eval(), data, preprocessing, f"{place}: {words}")


def data_of(rng: np.random.Generator) -> Data:
    """Return the digits or a part of Fashion-MNIST, as they are or in three channels."""
    from repprobe import load_data
    from repprobe.data import ArrayPart

    name = str(rng.choice(["digits", "fashion-mnist"]))
    larger = 16 if name == "digits" and rng.random() < 0.5 else None
    data = load_data(name, image_size=larger)
    three = rng.random() < 0.4
    parts = []
    for part, most in ((data.train, EXAMPLES), (data.test, 1000)):
        rows = np.sort(np.random.default_rng(0).permutation(len(part))[:most])
        x = part.inputs(rows)
        parts.append(ArrayPart(np.repeat(x, 3, axis=1) if three else x, part.labels[rows]))
    return replace(data, train=parts[0], test=parts[1])


def preprocessing_of(rng: np.random.Generator, data: Data) -> Preprocessing:
    from repprobe.checkpoints.preprocessing import Preprocessing

    x = data.train.inputs(np.arange(len(data.train))) / data.unit
    axes = (0, 2, 3)
    own = "/".join(",".join(f"{v:.4f}" for v in values) for values in (x.mean(axes), x.std(axes)))
    names = ["unit", "0.5/0.5", own, "0.1307/0.3081"]
    if data.input_shape[0] == 3:
        names += ["imagenet", "cifar10"]
    return Preprocessing.parse(str(rng.choice(names)))


ACTIVATIONS = {
    "relu": lambda nn: nn.ReLU(),
    "tanh": lambda nn: nn.Tanh(),
    "leaky_relu:0.01": lambda nn: nn.LeakyReLU(),
    "leaky_relu:0.1": lambda nn: nn.LeakyReLU(0.1),
    "elu": lambda nn: nn.ELU(),
    "gelu": lambda nn: nn.GELU(),
    "sigmoid": lambda nn: nn.Sigmoid(),
}
SHARES = (0.36, 0.2, 0.16, 0.08, 0.06, 0.08, 0.06)


def layers_of(
    rng: np.random.Generator, channels: int, side: int
) -> tuple[list[tuple[str, nn.Module]], str]:
    """Return layers with their kinds, and words that say what was drawn."""
    from torch import nn

    act = str(rng.choice(list(ACTIVATIONS), p=SHARES))
    make = partial(ACTIVATIONS[act], nn)
    norm = bool(rng.random() < 0.4)
    pool = nn.MaxPool2d if rng.random() < 0.7 else nn.AvgPool2d
    number = int(rng.choice([0, 1, 2, 3], p=[0.1, 0.2, 0.45, 0.25]))
    kernel = int(rng.choice([3, 5], p=[0.65, 0.35])) if side > 8 else 3
    padded = bool(rng.random() < 0.5)
    strided = bool(rng.random() < 0.3)
    layers: list[tuple[str, nn.Module]] = []
    words, before = [], channels
    for _i in range(number):
        after = int(rng.choice([6, 8, 12, 16, 20, 24]))
        padding = kernel // 2 if padded else 0
        stride = 2 if strided and side > kernel + 2 and rng.random() < 0.7 else 1
        out = (side + 2 * padding - kernel) // stride + 1
        if out < 1:
            break
        layers.append(("conv", nn.Conv2d(before, after, kernel, stride, padding, bias=not norm)))
        if norm:
            layers.append(("bn", nn.BatchNorm2d(after)))
        layers.append(("act", make()))
        word = f"conv {after} {kernel}×{kernel} /{stride} +{padding}"
        side, before = out, after
        if stride == 1 and side >= 4 and rng.random() < 0.75:
            layers.append(("pool", pool(2)))
            side //= 2
            word += f" {'max' if pool is nn.MaxPool2d else 'avg'} 2"
        words.append(word)
    features = before * side * side
    if number and side > 1 and rng.random() < 0.25:
        layers.append(("pool", nn.AdaptiveAvgPool2d(1)))
        features = before
        words.append("global average")
    layers.append(("flatten", nn.Flatten()))
    for _ in range(int(rng.choice([0, 1, 2], p=[0.3, 0.4, 0.3])) + (number == 0)):
        after = int(rng.choice([32, 48, 64, 84, 120]))
        layers.append(("fc", nn.Linear(features, after)))
        if norm and rng.random() < 0.5:
            layers.append(("bn", nn.BatchNorm1d(after)))
        layers.append(("act", make()))
        if rng.random() < 0.3:
            layers.append(("drop", nn.Dropout(0.3)))
        words.append(f"linear {after}")
        features = after
    layers.append(("fc", nn.Linear(features, 10)))
    return layers, f"{', '.join(words) or 'linear'}; {act}{', batch norm' if norm else ''}"


def under_names(rng: np.random.Generator, layers: list[tuple[str, nn.Module]]) -> nn.Module:
    """Put the layers under the names of one of four habits."""
    from torch import nn

    habit = rng.choice(["sequential", "parts", "class", "own"])
    if habit == "sequential":
        return nn.Sequential(*(layer for _, layer in layers))
    cut = next(i for i, (kind, _) in enumerate(layers) if kind == "flatten")
    if habit == "parts":
        named = OrderedDict(
            features=nn.Sequential(*(layer for _, layer in layers[:cut])),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(*(layer for _, layer in layers[cut + 1 :])),
        )
        return nn.Sequential(named)
    words = {"conv": "conv", "bn": "bn", "fc": "fc"}
    if habit == "own":
        words = {"conv": "stem_c", "bn": "stem_n", "fc": "dense"}
    counts: dict[str, int] = {}
    found: OrderedDict[str, nn.Module] = OrderedDict()
    for kind, layer in layers:
        counts[kind] = counts.get(kind, 0) + 1
        found[f"{words.get(kind, kind)}{counts[kind]}"] = layer
    return nn.Sequential(found)


def train(module: nn.Module, data: Data, preprocessing: Preprocessing, seed: int) -> None:
    """Train with Adam, its learning rate falling to nothing along a cosine."""
    import torch

    x = preprocessing.apply(data.train.inputs(np.arange(len(data.train))), data.unit)
    y = torch.from_numpy(np.asarray(data.train.labels))
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS[data.name])
    generator = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS[data.name]):
        for rows in torch.randperm(len(y), generator=generator).split(64):
            if len(rows) > 1:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
                optimizer.step()
        schedule.step()


def recovered(seed: int) -> list[Row]:
    """Draw and train a net, recover it from its state dict and the data, and compare."""
    import torch

    from repprobe import zoo
    from repprobe.checkpoints.recovery import hypotheses, settle
    from repprobe.errors import CheckpointError

    path = RUNS / f"{seed}.pt"
    net = draw(seed, path)
    tensors = torch.load(path, weights_only=True)
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    rows = np.arange(len(net.data.test))
    raw, labels = net.data.test.inputs(rows), torch.from_numpy(net.data.test.labels)
    row: Row = {
        "seed": seed,
        "net": net.words,
        "preprocessing": net.preprocessing.name,
        "equal": False,
        "architecture_equal": False,
        "difference": "",
        "certain": False,
        "hypotheses": "",
        "tried": "",
        "lead_nats": "",
        "lead_errors": "",
        "said": "",
    }
    with torch.no_grad():
        prepared = net.preprocessing.apply(raw, net.data.unit)
        expected = net.module(prepared)
        row["test_accuracy"] = float((expected.argmax(1) == labels).float().mean())
        started = time.process_time()
        try:
            found = settle(hypotheses(shapes, net.data.input_shape, str(path)), tensors, net.data)
        except CheckpointError as error:
            return [{**row, "seconds": time.process_time() - started, "said": str(error)}]
        row["seconds"] = time.process_time() - started
        module = zoo.build("plain", **found.arguments)
        module.load_state_dict(tensors)
        own = module.eval()(found.preprocessing.apply(raw, net.data.unit))
        alike = module(prepared)
    spread = float(expected.std())
    difference = float((own - expected).abs().max()) / spread
    first = found.rivals[0] if found.rivals else None
    row |= {
        "equal": difference <= SAME,
        "architecture_equal": float((alike - expected).abs().max()) / spread <= 1e-5,
        "difference": difference,
        "certain": found.certain,
        "hypotheses": found.hypotheses,
        "tried": found.tried,
        "lead_nats": first.nats if first else "",
        "lead_errors": first.errors if first else "",
        "said": found.sentence,
    }
    return [row]


SAME = 1e-3
"""Outputs are equal where they differ by at most this share of their standard deviation: the
data's own mean and standard deviation are found from a sample of them, and rounded."""


def summary(rows: list[Row]) -> str:
    """Return what share was recovered, of all and by kind of net."""
    kinds = {
        "all": lambda net: True,
        "one channel": lambda net: " 1×" in net,
        "three channels": lambda net: " 3×" in net,
        "batch norm": lambda net: "batch norm" in net,
        "no batch norm": lambda net: "batch norm" not in net,
        "strided": lambda net: "/2" in net,
        "global average": lambda net: "global" in net,
        "no convolution": lambda net: "conv" not in net,
        **{act: (lambda net, act=act: f"; {act}" in net) for act in ACTIVATIONS},
    }
    header = ["nets", "number", "outputs equal", "architecture equal", "called certain"]
    header += ["of these wrong", "median seconds"]
    lines = []
    for kind, belongs in kinds.items():
        some = [row for row in rows if belongs(row["net"])]
        if not some:
            continue
        certain = [row for row in some if row["certain"]]
        counts = [len(some), sum(r["equal"] for r in some)]
        counts += [sum(r["architecture_equal"] for r in some), len(certain)]
        counts += [sum(not row["equal"] for row in certain)]
        seconds = f"{np.median([row['seconds'] for row in some]):.1f}"
        lines.append([kind, *map(str, counts), seconds])
    table = markdown(header, lines)
    wrong = [
        [str(r["seed"]), r["net"], r["preprocessing"], r["said"]] for r in rows if not r["equal"]
    ]
    if wrong:
        table += "\nNot recovered:\n\n"
        table += markdown(["seed", "net", "preprocessing", "what is said"], wrong)
    return table


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rows = []
    for seed in range(number):
        rows += kept(RUNS / f"{seed}.json", partial(recovered, seed))
        print(seed, rows[-1]["net"], "equal" if rows[-1]["equal"] else "NOT EQUAL", flush=True)
    write_table(FIGURES / "recovery.csv", rows)
    (FIGURES / "recovery.md").write_text(summary(rows), encoding="utf-8")
    print(summary(rows))


if __name__ == "__main__":
    main()
