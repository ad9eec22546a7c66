"""Is planted damage found? Blocks of trained clean networks are spoiled; where is the onset seen?

    python analyses/planted.py [JOBS]

Four small networks (MLP, CNN, ResNet, graph network), three seeds of each, trained on clean
labels. The blocks from k on are given fresh weights or their weights are shuffled, or strong noise
is added to those of block k alone, for every k; the untouched network is the reference. A
diagnosis sees 1,000 clean labels and one test part; the truth of each case is measured on other
examples, with several draws of clean labels. Then nothing is planted: networks trained with other
seeds are compared with one, and with three, of their twins. Writes `figures/planted`; what is
finished is kept in `runs/planted`, and the same command goes on from there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cells import Row, kept, markdown, run_cells, write_table

if TYPE_CHECKING:
    from repprobe import Data, Diagnosis, Model, Scores
    from repprobe.data import Part

RUNS, FIGURES = Path("runs/planted"), Path("figures/planted")

SEEDS, TWINS = (0, 1, 2), (0, 1, 2, 3, 4, 5)
"""Of the networks that damage is planted in, and of those that are compared with one another."""

CLEAN, TRUE_DRAWS = 1000, 3
"""Clean labels of every probe, and the draws of them that the truth is the mean of."""

FIRST_TRUE_DRAW = 1000
"""Seed; the diagnosis takes draw 0."""

MARGIN = 0.01
MARGINS = (0.0, MARGIN)
"""What the comparisons of twins are tried with; planted damage with the second."""


@dataclass(frozen=True)
class Network:
    """A network to be trained, and how its layers are probed.

    `parts` gives the examples it is trained on, those of the diagnosis and those of the truth.
    """

    arch: str
    parts: Callable[[], tuple[Data, Data, Data]]
    arch_args: dict[str, Any]
    epochs: int
    batch_size: int | None = None


@cache
def images() -> tuple[Data, Data, Data]:
    """Return three parts of Fashion-MNIST; the truth has 15,000 test examples."""
    from repprobe import load_data

    data = load_data("fashion-mnist")
    clean = _rows(data.train, 10_000, 30_000)
    return (
        replace(data, train=_rows(data.train, 0, 10_000)),
        replace(data, train=clean),
        replace(data, train=clean, test=_rows(data.train, 30_000, 45_000)),
    )


@cache
def graphs() -> tuple[Data, Data, Data]:
    """Return the parts of `images`, with 10,000 test examples each, every image as a graph."""
    trained_on, seen, unseen = images()
    trained_on = replace(
        trained_on,
        name="fashion-mnist patches",
        train=patches(trained_on.train),
        test=patches(seen.test),
        unit=1.0,
        fingerprint=f"{trained_on.fingerprint} patches",
    )
    clean = patches(_rows(seen.train, 0, 5000))
    return (
        trained_on,
        replace(trained_on, train=clean),
        replace(trained_on, train=clean, test=patches(_rows(unseen.test, 0, 10_000))),
    )


def patches(part: Part) -> Part:
    """Return a graph per image: 16 nodes, its patches of 7 × 7, neighbours joined.

    A node's features are its 49 pixels and where it lies, all from 0 to 1.
    """
    from repprobe.data.graphs.parts import GraphPart

    count = len(part)
    pixels = np.asarray(part.inputs(np.arange(count))).reshape(count, 4, 7, 4, 7)
    x = np.empty((count, 4, 4, 51), np.float32)
    x[..., :49] = pixels.transpose(0, 1, 3, 2, 4).reshape(count, 4, 4, 49) / 255
    x[..., 49:] = np.stack(np.mgrid[:4, :4], axis=-1) / 3
    node = np.arange(16).reshape(4, 4)
    across, down = (node[:, :-1], node[:, 1:]), (node[:-1], node[1:])
    edges = np.stack([np.append(a, b) for a, b in zip(across, down, strict=True)])
    return GraphPart(
        x.reshape(-1, 51),
        16 * np.arange(count + 1),
        np.tile(edges, count),
        edges.shape[1] * np.arange(count + 1),
        part.labels,
        mirrored=True,
    )


NARROW = Path(__file__).with_name("narrow.py")

NETWORKS = {
    "MLP": Network("zoo:mlp", images, {"hidden": [96, 24]}, 10),
    "CNN": Network(f"{NARROW}:cnn", images, {}, 10),
    "ResNet": Network(f"{NARROW}:resnet", images, {}, 10),
    "GNN": Network(f"{NARROW}:gnn", graphs, {}, 5, batch_size=64),
}

WIDTH = 128
"""Most features per layer: above those of every layer, so that the raw input alone is pooled."""


def fresh_weights(model: Model, keys: Sequence[str], seed: int) -> Model:
    """Return a copy in which these entries are those of an untrained network."""
    from repprobe.training.architecture import fresh

    state = fresh(model.architecture, model.arguments, 10_000 + seed).state_dict()
    return _with(model, {key: state[key] for key in keys})


def shuffled_weights(model: Model, keys: Sequence[str], seed: int) -> Model:
    """Return a copy in which the values of each parameter are in another order."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    parameters = dict(model.module.named_parameters())
    new = {}
    for key in (key for key in keys if key in parameters):
        values = parameters[key].detach()
        order = torch.randperm(values.numel(), generator=generator)
        new[key] = values.flatten()[order].view_as(values)
    return _with(model, new)


def noisy_weights(model: Model, keys: Sequence[str], seed: int) -> Model:
    """Return a copy with Gaussian noise on weights, five times as large as they spread."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    parameters = dict(model.module.named_parameters())
    new = {}
    for key in (key for key in keys if key in parameters and parameters[key].ndim > 1):
        values = parameters[key].detach()
        noise = torch.randn(values.shape, generator=generator)
        new[key] = values + 5 * values.std() * noise
    return _with(model, new)


def _with(model: Model, entries: dict[str, Any]) -> Model:
    module = deepcopy(model.module)
    module.load_state_dict({**module.state_dict(), **entries})
    return replace(model, module=module)


PLANTINGS = {
    "fresh weights from k on": (fresh_weights, True),
    "shuffled weights from k on": (shuffled_weights, True),
    "noise on the weights of k": (noisy_weights, False),
}
"""What is planted, and whether in all blocks from k on."""


def plantings(model: Model, blocks: dict[str, tuple[str, ...]], seed: int) -> Iterator[Any]:
    """Yield the kind, the layer k and the spoiled network, for every block that has weights."""
    names = list(blocks)
    for kind, (spoil, onwards) in PLANTINGS.items():
        for place, layer in enumerate(names):
            if blocks[layer]:
                spoiled = names[place:] if onwards else [layer]
                keys = [key for name in spoiled for key in blocks[name]]
                yield kind, layer, spoil(model, keys, seed)


def cases(network: str, seed: int) -> list[Row]:
    """Return a row per planting in one network."""
    return kept(RUNS / f"{network}-{seed}.json", partial(_cases, network, seed))


def _cases(network: str, seed: int) -> list[Row]:
    from repprobe.capture.blocks import blocks

    model = trained(network, seed)
    _, seen, unseen = NETWORKS[network].parts()
    reference = replace(model, name="reference")
    found = scores(reference, seen)
    true = scores(reference, unseen, seed=FIRST_TRUE_DRAW, seeds=TRUE_DRAWS)
    rows = []
    for kind, layer, spoiled in plantings(model, blocks(model, seen), seed):
        case = replace(spoiled, name="planted")
        told = against(found + scores(case, seen), ["reference"])
        probed = scores(case, unseen, seed=FIRST_TRUE_DRAW, seeds=TRUE_DRAWS)
        truth = {d.layer: d.damage for d in against(true + probed, ["reference"]).damages}
        layers = [name for name in truth if name != "output"]
        worse = [name for name in layers if truth[name].value > MARGIN]
        record = told.damage(layer)
        assert record is not None
        rows.append(
            {
                "network": network,
                "seed": seed,
                "planted": kind,
                "k": layer,
                "place": layers.index(layer) + 1,
                "true_damage": truth[layer].value,
                "true_low": truth[layer].low,
                "true_high": truth[layer].high,
                "true_onset": worse[0] if worse else "",
                "damage": record.damage.value,
                "low": record.damage.low,
                "high": record.damage.high,
                "onset": told.onset or "",
                "layers_late": layers.index(told.onset) - layers.index(layer) if told.onset else "",
            }
        )
    return rows


def twins(network: str) -> list[Row]:
    """Return a row per network and choice of references, none of them damaged."""
    return kept(RUNS / f"{network}-twins.json", partial(_twins, network))


def _twins(network: str) -> list[Row]:
    seen = NETWORKS[network].parts()[1]
    every = {
        str(seed): scores(replace(trained(network, seed), name=str(seed)), seen) for seed in TWINS
    }
    rows = []
    for model in every:
        others = [name for name in every if name != model]
        for references in (*combinations(others, 1), *combinations(others, 3)):
            table = sum((every[name] for name in references), every[model])
            for margin in MARGINS:
                told = against(table, references, margin)
                largest = max((d for d in told.damages if d.layer != "output"), key=_damage)
                rows.append(
                    {
                        "network": network,
                        "model": model,
                        "references": " ".join(references),
                        "count": len(references),
                        "margin": margin,
                        "onset": told.onset or "",
                        "largest_damage": largest.damage.value,
                        "there": largest.layer,
                    }
                )
    return rows


def trained(network: str, seed: int) -> Model:
    """Return the network trained on clean labels; without its origin, which tells of noise."""
    from repprobe import load_model, train

    plan, out = NETWORKS[network], RUNS / f"{network}-{seed}.pt"
    train(
        plan.arch,
        plan.parts()[0],
        out=out,
        arch_args=plan.arch_args,
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        seed=seed,
        evaluate_every=plan.epochs,
    )
    return replace(load_model(out, arch=plan.arch), origin=None)


def scores(model: Model, data: Data, **settings: Any) -> Scores:
    """Return the scores of every layer."""
    from repprobe import layers

    return layers(model, data, probe="ridge", clean=CLEAN, width=WIDTH, **settings).scores


def against(scores: Scores, references: Sequence[str], margin: float = MARGIN) -> Diagnosis:
    """Return the diagnosis of the one network that is no reference."""
    from repprobe import diagnose

    (found,) = diagnose(scores, references=references, margin=margin)
    return found


def _damage(record: Any) -> float:
    return float(record.damage.value)


def _rows(part: Any, first: int, end: int) -> Any:
    from repprobe.data import SubsetPart

    return SubsetPart(part, np.arange(first, end))


def cell(network: str, seed: int | None) -> list[Row]:
    """Return the plantings in one network, or the comparisons of twins."""
    return twins(network) if seed is None else cases(network, seed)


def summary(rows: list[Row]) -> str:
    """Return per network and planting how often the onset was k."""
    header = [
        *("network", "planted", "cases", "no harm at k"),
        *("harm at k", "onset is k", "later", "none", "onset before k"),
        "onset where harm truly begins, of all",
    ]
    lines = []
    keys = list(dict.fromkeys((r["network"], r["planted"]) for r in rows))
    for network, planted in [*keys, ("all", "all")]:
        some = [
            r for r in rows if (network, planted) in ((r["network"], r["planted"]), ("all",) * 2)
        ]
        harmed = [r for r in some if r["true_damage"] > MARGIN]
        late = [r["layers_late"] for r in harmed]
        right = sum(each == 0 for each in late)
        counts = (
            *(len(some), len(some) - len(harmed), len(harmed)),
            f"{right} ({100 * right / max(1, len(harmed)):.1f} %)",
            *(sum(each != "" and each > 0 for each in late), late.count("")),
            sum(r["layers_late"] != "" and r["layers_late"] < 0 for r in some),
            sum(r["onset"] == r["true_onset"] for r in some),
        )
        lines.append([network, planted, *map(str, counts)])
    return markdown(header, lines)


def alarms(rows: list[Row]) -> str:
    """Return how often an onset is reported between networks trained with other seeds."""
    header = [
        "network",
        *(f"{c} reference{'s' * (c > 1)}, margin {m:g}" for c in (1, 3) for m in MARGINS),
    ]
    lines = []
    for network in [*dict.fromkeys(r["network"] for r in rows), "all"]:
        line = [network]
        for count in (1, 3):
            for margin in MARGINS:
                some = [
                    r["onset"] != ""
                    for r in rows
                    if network in (r["network"], "all")
                    and (r["count"], r["margin"]) == (count, margin)
                ]
                line.append(f"{sum(some)} of {len(some)} ({100 * np.mean(some):.1f} %)")
        lines.append(line)
    return markdown(header, lines)


def draw(rows: list[Row], path: Path) -> None:
    """Draw every case at its true damage, coloured by where the onset was seen."""
    import matplotlib

    matplotlib.use("agg")
    import pandas as pd
    import seaborn as sns

    from repprobe.report.style import look

    late = [r["layers_late"] for r in rows]
    seen = ["none" if x == "" else "k" if x == 0 else "later" if x > 0 else "earlier" for x in late]
    frame = pd.DataFrame(rows).assign(
        onset=seen, true_damage=[100 * r["true_damage"] for r in rows]
    )
    with look():
        grid = sns.catplot(
            frame,
            x="true_damage",
            y="network",
            hue="onset",
            hue_order=["k", "later", "none", "earlier"],
            col="planted",
            kind="strip",
            height=3.2,
            aspect=1.2,
            size=4,
        )
        for axes in grid.axes.flat:
            axes.axvline(100 * MARGIN, color="0.6", linewidth=1, zorder=0)
        grid.set(xscale="symlog", xlim=(-2, 40), xticks=(-1, 0, 1, 10))
        for axes in grid.axes.flat:
            axes.xaxis.set_major_formatter("{x:g}")
        grid.set_axis_labels("true damage at k, points", "")
        grid.set_titles("{col_name}")
        grid.figure.savefig(path.with_suffix(".png"), dpi=150, bbox_inches="tight")
        grid.figure.savefig(path.with_suffix(".svg"), bbox_inches="tight")


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    cells = [(n, s) for n in NETWORKS for s in (*SEEDS, None)]
    rows = run_cells(cell, cells, jobs)
    planted = [row for row in rows if "planted" in row]
    compared = [row for row in rows if "references" in row]
    write_table(FIGURES / "cases.csv", planted)
    write_table(FIGURES / "twins.csv", compared)
    draw(planted, FIGURES / "planted")
    print(summary(planted), alarms(compared), sep="\n")


if __name__ == "__main__":
    main()
