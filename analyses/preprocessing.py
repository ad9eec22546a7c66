"""Is the preprocessing of a network found from labelled clean data, and is "certain" ever wrong?

    python analyses/preprocessing.py

Small networks are trained on the digits, Fashion-MNIST and CIFAR-10, each with a preprocessing
drawn among those that are looked for; with and without batch norm, with and without random crops
and mirroring. The file's word on the preprocessing is dropped, then it is found again. Writes
`figures/opening/preprocessing.csv` and `.md`; networks are kept in `runs/preprocessing`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cells import Row, markdown, write_table
from torch import nn

from repprobe import Preprocessing

if TYPE_CHECKING:
    from repprobe import Data, Model

RUNS, FIGURES = Path("runs/preprocessing"), Path("figures/opening")

SEED = 0

GREY = ("unit", "half", "mnist", "own", "none")
COLOUR = ("unit", "half", "imagenet", "cifar10", "cifar100", "own", "none")
ORDERS = ("", "", "bgr:")
"""Of three channels a third is learned with blue first."""

OTHER = ("0.3/0.6", "0.5/0.25", "0.2/1")
"""Preprocessings that are not looked for: none of the candidates may then be called certain."""

EXAMPLES = 1000


@dataclass(frozen=True)
class Case:
    """A kind of network, and the data it is trained on; `augment` None says that it cannot be."""

    arch: str
    data: str
    limit: int
    epochs: int
    arch_args: dict[str, Any]
    augment: tuple[bool, ...] = (False, True)
    repeats: int = 3


PLAIN = "analyses/preprocessing.py:plain_cnn"

CASES = (
    Case("small-cnn", "digits", 1437, 4, {"width": 6}, (False,), 5),
    Case(PLAIN, "digits", 1437, 6, {}, (False,), 4),
    Case("mlp", "digits", 1437, 6, {"width": 0.125}, (False,), 4),
    Case("small-cnn", "fashion-mnist", 3000, 3, {"width": 6}, repeats=4),
    Case(PLAIN, "fashion-mnist", 4000, 4, {}),
    Case("mlp", "fashion-mnist", 4000, 4, {"width": 0.25}, (False,)),
    Case("small-cnn", "cifar10", 3000, 4, {"width": 8}, repeats=8),
    Case(PLAIN, "cifar10", 6000, 6, {}, repeats=4),
)


def plain_cnn(num_classes: int = 10, in_channels: int = 1) -> nn.Module:
    """Return a network without batch norm for images of any size."""
    return nn.Sequential(
        nn.Conv2d(in_channels, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(384, num_classes),
    )


def cells() -> Iterator[tuple[Case, bool, str, int]]:
    """Yield every network: its case, whether it is augmented, its preprocessing and its seed."""
    rng = np.random.default_rng(SEED)
    seed = 0
    for case in CASES:
        colour = case.data == "cifar10"
        for augment in case.augment:
            names = rng.permutation(COLOUR if colour else GREY)
            for repeat in range(case.repeats):
                order = rng.choice(ORDERS) if colour else ""
                yield case, augment, f"{order}{names[repeat % len(names)]}", seed
                seed += 1
    for case in CASES:
        for other in OTHER:
            yield case, case.augment[-1], other, seed
            seed += 1


def trained(case: Case, augment: bool, preprocess: str, seed: int) -> Path:
    """Train a network unless it is there."""
    import repprobe

    path = RUNS / f"{seed:02}.pt"
    if not path.exists():
        repprobe.train(
            case.arch,
            _data(case.data),
            out=path,
            limit=case.limit,
            epochs=case.epochs,
            arch_args=case.arch_args,
            augment=augment,
            preprocess=_told(preprocess, case.data),
            seed=seed,
            evaluate_every=case.epochs,
        )
    return path


def _told(preprocess: str, data: str) -> str:
    """Return what `train` is told: "own" in the numbers of all training examples."""
    import torch

    from repprobe.training.inputs import usual_preprocessing

    if not preprocess.endswith("own"):
        return preprocess
    found = _data(data)
    raw = torch.from_numpy(np.asarray(found.train.inputs(np.arange(min(10000, len(found.train))))))
    return preprocess.replace("own", usual_preprocessing(raw, found.unit))


@cache
def _data(name: str) -> Data:
    """Return the data with a test part of 300, on which nothing depends here."""
    from repprobe import load_data
    from repprobe.data import SubsetPart

    data = load_data(name)
    return replace(data, test=SubsetPart(data.test, np.arange(300)))


def measured(case: Case, augment: bool, preprocess: str, seed: int) -> Row:
    """Find the preprocessing of a network whose file does not tell it."""
    import torch

    from repprobe import load_model
    from repprobe.checkpoints.evidence import find_preprocessing

    saved = torch.load(trained(case, augment, preprocess, seed), weights_only=True)
    bare = RUNS / "bare.pt"
    torch.save({"state_dict": saved["state_dict"]}, bare)
    arch = case.arch if ":" in case.arch else f"zoo:{case.arch}"
    model = load_model(bare, arch=arch, arch_args=saved["arguments"])
    data = _data(case.data)
    began = time.perf_counter()
    found = find_preprocessing(model, data, examples=EXAMPLES)
    seconds = time.perf_counter() - began
    return {
        "seed": seed,
        "architecture": case.arch.rpartition(":")[2],
        "batch norm": "yes" if case.arch == "small-cnn" else "no",
        "data": case.data,
        "augmented": "yes" if augment else "no",
        "learned with": preprocess,
        "found": found.preprocessing.name,
        "by": found.preprocessing.found,
        "certain": "yes" if found.certain else "no",
        "right": "yes" if _is(found.preprocessing, saved["preprocess"], data) else "no",
        "margin": "" if found.margin is None else f"{found.margin:.3g}",
        "test accuracy": f"{_accuracy(model, found.preprocessing, data):.3f}",
        "as learned": f"{_accuracy(model, Preprocessing.parse(saved['preprocess']), data):.3f}",
        "seconds": f"{seconds:.1f}",
    }


def _is(found: Preprocessing, true: str, data: Data) -> bool:
    """Say whether what was found is what was learned with, but for the sample's own numbers."""
    from repprobe.checkpoints.evidence.candidates import alike
    from repprobe.checkpoints.evidence.sample import Sample

    few = Sample.of(data, 10)
    assert few is not None
    return alike(found, Preprocessing.parse(true), few)


def _accuracy(model: Model, preprocessing: Preprocessing, data: Data) -> float:
    """Return the network's own accuracy on the 300 test examples."""
    import torch

    raw = np.asarray(data.test.inputs(np.arange(len(data.test))))
    with torch.no_grad():
        answers = model.module(preprocessing.apply(raw, data.unit)).argmax(1).numpy()
    return float((answers == data.test.labels).mean())


def summary(rows: list[Row]) -> str:
    """Return what came out, in Markdown."""
    lines = []
    kinds = {
        "batch norm": [r for r in rows if r["batch norm"] == "yes"],
        "no batch norm": [r for r in rows if r["batch norm"] == "no"],
        "all": rows,
    }
    for known in (True, False):
        for kind, chosen in kinds.items():
            those = [r for r in chosen if (r["learned with"] not in OTHER) == known]
            sure = [r for r in those if r["certain"] == "yes"]
            lines.append(
                (
                    kind if known else f"{kind}, with one that is no candidate",
                    str(len(those)),
                    str(sum(r["right"] == "yes" for r in those)) if known else "–",
                    str(len(sure)),
                    str(sum(r["right"] == "no" for r in sure)),
                    f"{_lost(those):.1f}",
                )
            )
    header = ("networks", "number", "found", "called certain", "certain and wrong", "points lost")
    return f"""# Is the preprocessing of a network found?

{markdown(header, lines)}
Found on {EXAMPLES:,} clean training examples. *Points lost*: mean accuracy on 300 test examples \
with the preprocessing it was learned with, less that with the one found. What agrees within 4 % \
of a standard deviation counts as the same. The thresholds of \
`find_preprocessing` were settled on these very networks. Every network: `preprocessing.csv`.

Made by `python analyses/preprocessing.py`.
"""


def _lost(rows: list[Row]) -> float:
    lost = [float(r["as learned"]) - float(r["test accuracy"]) for r in rows]
    return 100 * sum(lost) / len(lost)


def main() -> None:
    """Train what is not there yet, measure all, and write the tables."""
    rows = []
    for cell in cells():
        rows.append(measured(*cell))
        print(*rows[-1].values(), flush=True)
    write_table(FIGURES / "preprocessing.csv", rows)
    (FIGURES / "preprocessing.md").write_text(summary(rows), encoding="utf-8")
    (RUNS / "bare.pt").unlink()


if __name__ == "__main__":
    main()
