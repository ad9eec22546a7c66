"""`settle`: the hypothesis that labelled clean data speak for, and how clearly they do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repprobe.checkpoints.preprocessing import NAMED, Preprocessing
from repprobe.checkpoints.recovery.hypotheses import Hypotheses
from repprobe.checkpoints.recovery.recovered import Recovered, Rival
from repprobe.checkpoints.recovery.running import Runner
from repprobe.checkpoints.recovery.search import FINALISTS, race, scaled_down
from repprobe.checkpoints.recovery.slope import SLOPES, nearest
from repprobe.checkpoints.recovery.trials import LEAST_LOSS, UNCOMMON, Bench, Candidate, Trial
from repprobe.data.dataset import Data
from repprobe.errors import CheckpointError

EXAMPLES, LEAST_EXAMPLES = 3000, 1000
"""Training examples that are looked at, at most; of large networks fewer, down to the least."""

MOMENTS, BLOCK = 50_000_000, 2048
"""Values that the data's own mean and standard deviation are taken of, at most; inputs at once."""

EQUAL = 1e-4
"""Outputs are the same where they differ by at most this share of their standard deviation."""

SURE, CLEAR = 6.0, 0.03
"""Standard errors and nats by which the best leads where it is certain."""

AGREES = 0.1
"""Mismatch at the batch norms up to which a network may be the one they were trained in."""


def settle(
    found: Hypotheses,
    tensors: Mapping[str, Tensor],
    data: Data,
    preprocessings: Sequence[Preprocessing] | None = None,
    seed: int = 0,
) -> Recovered:
    """Find the hypothesis under which a network answers labelled clean data best.

    Hypotheses race on training examples, first many on few, then a few on many, jointly with the
    preprocessings. The cross-entropy of the network's own answers decides, and how well what
    reaches its batch norms agrees with the statistics they keep.

    Parameters
    ----------
    found : what is consistent with the tensors; see `hypotheses`.
    tensors : the state dict, by the same keys.
    data : with clean labels in the order of the network's outputs.
    preprocessings : that come into question; without it those in common use, and the data's own
        mean and standard deviation.
    seed : of the examples that are drawn.

    Raises
    ------
    CheckpointError
        The data are of no use here, or under no hypothesis does the network tell classes apart.
    """
    _check(found, data)
    examples = max(LEAST_EXAMPLES, int(EXAMPLES * scaled_down(found.work)))
    raw, labels = _sample(data, examples, seed)
    ways = _ways(preprocessings, found.channels, data)
    x = Preprocessing("", (), (), channels=found.channels).arrange(raw)
    bench = Bench(Runner(found.chain, tensors), x, labels, data.unit, ways)
    heat = race(found.geometries, found.chain, bench, found.work)
    if not heat:
        raise CheckpointError(f"none of the plain networks that fit '{found.label}' can be run.")
    final = _final(heat, bench)
    best = _chosen(final)
    other = _with_slope(best, bench, found)
    if other is not None:
        final = sorted([other, *(t for t in final if t.candidate != other.candidate)], key=_loss)
        best = other
    chance = 1 / len(np.unique(labels))
    error = math.sqrt(best.accuracy * (1 - best.accuracy) / len(labels))
    if best.accuracy - 5 * error < 1.5 * chance:
        raise CheckpointError(
            f"'{found.label}' could be a plain network, but under none of {len(bench.tried):,} "
            f"hypotheses do its answers tell the classes of {data.name} apart (accuracy "
            f"{best.accuracy:.1%} at best); give --arch."
        )
    rivals = [_rival(other, best, bench, found) for other in final if not _same(other, best)]
    rivals.sort(key=lambda rival: rival.loss)
    return Recovered(
        layers=best.candidate.hypothesis.layers(found.chain),
        preprocessing=ways[best.candidate.preprocessing],
        hypotheses=found.count * len(ways),
        tried=len(bench.tried),
        examples=len(labels),
        accuracy=best.accuracy,
        loss=best.loss,
        mismatch=best.mismatch if _has_norms(found) else None,
        rivals=tuple(rivals[:FINALISTS]),
        certain=_certain(best, rivals, chance, found),
    )


def _check(found: Hypotheses, data: Data) -> None:
    if data.task != "classification" or data.of_graphs:
        raise CheckpointError(
            f"'{found.label}' is recovered by how it classifies images or vectors, which "
            f"{data.name} does not have; give --arch."
        )
    if found.classes < len(data.classes):
        raise CheckpointError(
            f"'{found.label}' has {found.classes} outputs, and {data.name} {len(data.classes)} "
            "classes; give the data it was trained on, or --arch."
        )


def _sample(data: Data, examples: int, seed: int) -> tuple[Tensor, NDArray[np.int64]]:
    """Return raw training inputs in random order, as float32, and their labels."""
    order = np.random.default_rng(seed).permutation(len(data.train))[:examples]
    rows = np.sort(order)
    raw = data.train.inputs(rows)
    assert isinstance(raw, np.ndarray)
    back = np.searchsorted(rows, order)
    labels = np.asarray(data.train.labels)[order].astype(np.int64)
    return torch.from_numpy(raw[back].astype(np.float32)), labels


def _ways(given: Sequence[Preprocessing] | None, channels: str, data: Data) -> list[Preprocessing]:
    """Return the preprocessings; the data's own mean and standard deviation come last."""
    if given is not None:
        return list(given)
    prefix = f"{channels}:" if channels else ""
    mean, std = _own_moments(Preprocessing("", (), (), channels=channels), data)
    names = [name for name in NAMED if len(NAMED[name][0]) in (1, len(mean))]
    names.sort(key=lambda name: name != "unit")
    own = "/".join(",".join(f"{v:.4f}" for v in side) for side in (mean, std))
    return [
        Preprocessing.parse(f"{prefix}{name}", found="candidate")
        for name in dict.fromkeys([*names, "none", own])
    ]


def _own_moments(way: Preprocessing, data: Data) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of the training part, per channel where it has any.

    Of a part of more than `MOMENTS` values as many are taken.
    """
    most = max(1, MOMENTS // math.prod(data.input_shape))
    rows = np.sort(np.random.default_rng(0).permutation(len(data.train))[:most])
    sums: list[tuple[float, Tensor, Tensor]] = []
    for start in range(0, len(rows), BLOCK):
        part = data.train.inputs(rows[start : start + BLOCK])
        assert isinstance(part, np.ndarray)
        x = way.arrange(torch.from_numpy(part.astype(np.float32))).double() / data.unit
        axes = (0, 2, 3) if x.ndim == 4 else tuple(range(x.ndim))
        sums.append((len(x) / len(rows), x.mean(axes), x.square().mean(axes)))
    mean = sum(share * one for share, one, _ in sums)
    square = sum(share * two for share, _, two in sums)
    assert isinstance(mean, Tensor) and isinstance(square, Tensor)
    std = (square - mean.square()).clamp(min=1e-8).sqrt()
    return mean.reshape(-1).tolist(), std.reshape(-1).tolist()


def _final(heat: Sequence[Trial], bench: Bench) -> list[Trial]:
    """Try the best of the race on all examples, the best by their cost first."""
    leaders = list(heat[: FINALISTS // 2])
    rest = sorted(heat[FINALISTS // 2 :], key=lambda t: t.loss)
    leaders += rest[: FINALISTS - len(leaders)]
    return bench.run([t.candidate for t in leaders], len(bench))


def _chosen(final: Sequence[Trial]) -> Trial:
    """Return the commonest that no rarer one beats by more than chance and its rarity.

    It has to beat it with the logits as they are and with the best factor on them, too: networks
    that know their examples by heart gain by whatever makes their logits larger.
    """
    ranked = sorted(_agreeing(final), key=lambda t: t.candidate.hypothesis.surprise)
    best = ranked[0]
    for other in ranked[1:]:
        rarer = other.candidate.hypothesis.surprise - best.candidate.hypothesis.surprise
        asked = UNCOMMON * rarer * max(best.loss, LEAST_LOSS)
        leads = (
            _lead(other.losses, best.losses),
            _lead(other.rescaled, best.rescaled),
        )
        if all(nats - error > asked for nats, error in leads):
            best = other
    return best


def _with_slope(best: Trial, bench: Bench, found: Hypotheses) -> Trial | None:
    """Return the trial with ReLUs as leaky as those of the training; None where it has others."""
    hypothesis, place = best.candidate.hypothesis, best.candidate.preprocessing
    if len(set(hypothesis.activations)) != 1 or hypothesis.activations[0] not in SLOPES:
        return None
    x = bench.preprocessings[place].scale(bench.raw.clone(), bench.unit)
    act = nearest(hypothesis.layers(found.chain), bench.runner.tensors, x, bench.labels)
    acts = (act,) * len(hypothesis.activations)
    candidate = Candidate(replace(hypothesis, activations=acts), place)
    return next(iter(bench.run([candidate], len(bench))), None)


def _loss(trial: Trial) -> float:
    return trial.loss


def _agreeing(final: Sequence[Trial]) -> list[Trial]:
    """Leave out trials whose batch norms speak against them, beside the others'."""
    least = min(trial.mismatch for trial in final)
    return [trial for trial in final if trial.mismatch <= 1.5 * least + 0.01]


def _lead(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    """Return by how many nats the first losses are lower, and the standard error of that."""
    gain = other - one
    return float(gain.mean()), float(gain.std(ddof=1)) / math.sqrt(len(gain))


def _same(one: Trial, other: Trial) -> bool:
    spread = float(one.output.std())
    return float((one.output - other.output).abs().max()) <= EQUAL * max(spread, 1e-12)


def _rival(trial: Trial, best: Trial, bench: Bench, found: Hypotheses) -> Rival:
    nats, error = _lead(best.losses, trial.losses)
    return Rival(
        layers=trial.candidate.hypothesis.layers(found.chain),
        preprocessing=bench.preprocessings[trial.candidate.preprocessing],
        accuracy=trial.accuracy,
        loss=trial.loss,
        nats=nats,
        errors=nats / error if error > 0 else 0.0,
        agreement=float((trial.output.argmax(1) == best.output.argmax(1)).float().mean()),
    )


def _has_norms(found: Hypotheses) -> bool:
    return any(layer.kind == "batch_norm" for layer in found.chain)


def _certain(best: Trial, rivals: Sequence[Rival], chance: float, found: Hypotheses) -> bool:
    """Say whether the best leads every other beyond doubt.

    A network that hardly tells the classes apart leads by what its training has not done yet.
    """
    if best.accuracy < (1 + chance) / 2 or (_has_norms(found) and best.mismatch > AGREES):
        return False
    return all(rival.nats >= CLEAR and rival.errors >= SURE for rival in rivals)
