"""`intervene`: one block at a time is rewound, then retrained, and the network measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.interventions.causal import Causal, Intervention
from repprobe.probes.differences import UNKNOWN, Difference, paired
from repprobe.probes.scores import ALL, Score, Scores

if TYPE_CHECKING:
    from torch import Tensor, nn

    Versions = Iterator[tuple[str, nn.Module]]
    """A layer, and the network after an intervention on its block."""

    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data
    from repprobe.interventions.own import OwnTest

Progress = Callable[[str, int, int], None]

Outcomes = NDArray[np.float64]

Parts = Mapping[str, tuple[str, ...]]
"""Layer → the entries of the state dict of its block."""

LIMIT = 2000
"""Test examples that a network is measured on after each intervention, at most."""

SEEN = 20_000
"""Examples that a block is retrained on, counted as often as they are seen."""

EPOCHS = (5, 50)
"""Fewest and most epochs of retraining."""


def intervene(
    model: Model,
    data: Data,
    *,
    rows: NDArray[np.int64],
    earlier: Model | None = None,
    limit: int = LIMIT,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> tuple[Scores, Causal]:
    """Rewind and retrain a network's blocks, one at a time, and measure its own answers.

    *Rewound* (Zhang et al. 2022, arXiv 1902.01996; Stephenson et al. 2021, arXiv 2105.14602):
    the parameters and buffers of one block are those of the earlier network, everything else
    stays as it is. The statistics of batch norm are rewound with the block they belong to and
    not estimated anew, neither there nor in the blocks behind it, as in those papers: the
    figure is that of exactly this mixture of two networks.

    *Retrained*: one block alone learns on from the clean labels, the others frozen, by
    `tune` with its early stopping; after 20,000 examples seen, but for 5 epochs at least and 50
    at most.

    Only where rewinding gains does it tell which block holds the harm. Retraining tells where it
    can be mended: later blocks learn to make up for an earlier one's damage, all the better the
    fewer the clean labels.

    Blocks are those of `capture.blocks.blocks`; those without parameters are left out. The network
    itself is not touched: all is done to copies.

    Parameters
    ----------
    rows : (n,) rows of the training part, the clean labels to be retrained on.
    earlier : the network as it once was; None takes its initialization, which for a checkpoint
        of `train` is the very one of that run, else random weights of the seed.
    limit : test examples that are measured at most, evenly spread over the test part.
    progress : called with ("rewind", blocks done, blocks) and ("retrain", …).

    Returns
    -------
    scores : a row "rewound" and a row "retrained" per block, with 95 % intervals over test
        examples; `order` counts the default layers from 1.
    causal : the same as differences from the unchanged network, on the same examples.

    Raises
    ------
    UsageError
        The earlier network is of another architecture, there are too few clean labels, or the
        network does not answer for these data.
    CaptureError
        The network cannot be run on the data.
    """
    from repprobe.capture.blocks import blocks
    from repprobe.device import usable_device
    from repprobe.interventions.earlier import earlier_state
    from repprobe.interventions.own import OwnTest
    from repprobe.training.architecture import outputs

    device = str(usable_device(device))
    before = earlier_state(model, earlier, seed)
    own = OwnTest(model, data, limit, seed, device)
    module = own.placed(model.module)
    layers = blocks(model, data, device=device, seed=seed)
    parameters = {name for name, _ in model.module.named_parameters(remove_duplicate=False)}
    parts = {layer: keys for layer, keys in layers.items() if parameters.intersection(keys)}
    orders = {layer: place for place, layer in enumerate(layers, start=1)}
    width = outputs(data)
    blank = Score(model.name, "", 0, width, "none", None, 0, "", "test", ALL, "", math.nan)
    unchanged, answered = own.of(module, blank)
    scores = Scores()

    def intervention(stage: str, base: Score, versions: Versions) -> Intervention:
        values, after = [], {}
        for layer, version in versions:
            row, after[layer] = own.of(version, replace(base, layer=layer, order=orders[layer]))
            scores.rows.append(row)
            values.append(row.value)
            if progress:
                progress(stage, len(values), len(parts))
        changes = [_difference(outcomes, answered) for outcomes in after.values()]
        return _with_alike(Intervention.of_changes(list(after), values, changes), after)

    earlier_blocks = _rewound(module, parts, before.state)
    rewound = intervention("rewind", replace(blank, metric="rewound"), earlier_blocks)
    tuned_blocks = _retrained(model, data, rows, parts, own, seed, device)
    base = replace(blank, metric="retrained", clean_labels=len(rows), seed=seed)
    retrained = intervention("retrain", base, tuned_blocks)
    causal = Causal(
        model=model.name,
        metric=own.metric,
        own=unchanged.value,
        examples=len(own.rows),
        of=len(data.test),
        earlier=before.name,
        clean_labels=len(rows),
        rewound=rewound,
        retrained=retrained,
    )
    return scores, causal


def _with_alike(done: Intervention, after: Mapping[str, Outcomes]) -> Intervention:
    """Add which blocks are not told apart from the best, from the outcomes after each."""
    best = done.best
    if best is None:
        return done
    alike = (
        effect.layer
        for effect in done.effects
        if effect.layer != best.layer
        and math.isfinite(effect.value)
        and not _difference(after[best.layer], after[effect.layer]).interval().low > 0
    )
    return replace(done, alike=tuple(alike))


def _rewound(module: nn.Module, parts: Parts, earlier: dict[str, Tensor]) -> Versions:
    """Yield the network with one block rewound after the other, always the same copy of it."""
    tensors = module.state_dict()
    for layer, keys in parts.items():
        kept = {key: tensors[key].clone() for key in keys if key in earlier}
        for key in kept:
            tensors[key].copy_(earlier[key])
        yield layer, module
        for key, value in kept.items():
            tensors[key].copy_(value)


def _retrained(
    model: Model,
    data: Data,
    rows: NDArray[np.int64],
    parts: Parts,
    own: OwnTest,
    seed: int,
    device: str,
) -> Versions:
    """Yield copies of the network of which one block has gone on learning."""
    from repprobe.data import ArrayPart
    from repprobe.training.inputs import read_raw
    from repprobe.tuning import tune

    rows = np.sort(rows)
    raw = read_raw(data.train, rows, lambda *_: None)
    if raw is not None:  # read once for all blocks
        data = replace(data, train=ArrayPart(raw.numpy(), data.train.labels[rows]))
        rows = np.arange(len(rows))
    epochs = min(max(SEEN // max(len(rows), 1), EPOCHS[0]), EPOCHS[1])
    for layer, keys in parts.items():
        tuned = tune(model, data, rows, keys=keys, epochs=epochs, seed=seed, device=device)
        yield layer, own.placed(tuned.module)


def _difference(one: Outcomes, other: Outcomes) -> Difference:
    """Return the paired difference of two versions' figures; NaN where one has none."""
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return UNKNOWN
    return paired((one - other)[None])
