"""The preprocessings that a network on trial may have been trained with."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from repprobe.checkpoints.evidence.sample import Sample
from repprobe.checkpoints.preprocessing import Preprocessing

GREY = ("unit", "half", "mnist", "none")
COLOUR = (
    *("unit", "half", "imagenet", "cifar10", "cifar100"),
    # the standard deviations within an image, which many networks for CIFAR-10 are trained with
    "0.4914,0.4822,0.4465/0.2023,0.1994,0.2010",
    "none",
)

ALIKE = 0.04
"""Two preprocessings are the same in effect where means differ by at most this many standard
deviations, and standard deviations by at most this share."""

_BLOCK = 1024


def candidates(sample: Sample, channels: str) -> list[Preprocessing]:
    """Return what is looked for, with none twice in effect: named ones, then the data's own.

    Parameters
    ----------
    channels : "" where the network takes the channels of the data, else "rgb" or "grey"; three
        channels are tried with red and with blue first.
    """
    count = {"rgb": 3, "grey": 1}.get(channels, sample.raw.shape[1])
    prefixes = [f"{channels}:" if channels else ""]
    if count == 3 and sample.raw.shape[1] == 3:
        prefixes.append("bgr:")
    names: tuple[str, ...] = GREY if count == 1 else COLOUR
    if count == 3 and sample.raw.shape[1] == 1:
        names = (*COLOUR, "mnist")
    own = own_values(sample, prefixes[0])
    found: list[Preprocessing] = []
    for name in (*names, own):
        for prefix in prefixes:
            one = Preprocessing.parse(f"{prefix}{name}", found="candidate")
            if not any(alike(one, other, sample) for other in found):
                found.append(one)
    return found


def own_values(sample: Sample, prefix: str = "") -> str:
    """Return mean and standard deviation of the sample per channel, as MEAN/STD to four digits.

    They are of the channels that `prefix` brings the images to; a channel without spread is only
    centred.
    """
    way = Preprocessing.parse(f"{prefix}none")
    sums = []
    for start in range(0, len(sample), _BLOCK):
        values = way.apply(sample.raw[start : start + _BLOCK], 1.0).double() / sample.unit
        sums.append((values.mean((0, 2, 3)), values.square().mean((0, 2, 3)), len(values)))
    shares = np.array([count for *_, count in sums]) / len(sample)
    mean = sum(share * first.numpy() for share, (first, _, _) in zip(shares, sums, strict=True))
    square = sum(share * second.numpy() for share, (_, second, _) in zip(shares, sums, strict=True))
    std = np.sqrt(np.maximum(np.asarray(square) - np.asarray(mean) ** 2, 0))
    std[std < 1e-8] = 1.0
    return "/".join(",".join(f"{v:.4g}" for v in side) for side in (np.asarray(mean), std))


def alike(one: Preprocessing, other: Preprocessing, sample: Sample) -> bool:
    """Say whether two preprocessings of the same sample are the same in effect."""
    if sample.raw.shape[1] == 3 and one.channels != other.channels:
        return False
    pairs = zip(_lines(one, sample.unit), _lines(other, sample.unit), strict=True)
    return all(
        abs(mean - mean2) <= ALIKE * min(std, std2) and abs(math.log(std / std2)) <= ALIKE
        for (mean, std), (mean2, std2) in pairs
    )


def around(one: Preprocessing, unit: float, off: float) -> list[Preprocessing]:
    """Return four that are off, by so many standard deviations or by that share of one."""
    mean, std = (one.mean, one.std) if one.mean else ((0.0,), (1 / unit,))
    found = []
    for shift, factor in ((-off, 1.0), (off, 1.0), (0.0, 1 - off), (0.0, 1 / (1 - off))):
        means = tuple(m + shift * s for m, s in zip(mean, std, strict=True))
        stds = tuple(s * factor for s in std)
        found.append(replace(one, name=f"near {one.name}", mean=means, std=stds))
    return found


def _lines(one: Preprocessing, unit: float) -> list[tuple[float, float]]:
    """Return mean and standard deviation of each of three channels; `none` leaves raw values."""
    mean, std = (one.mean, one.std) if one.mean else ((0.0,), (1 / unit,))
    if len(mean) == 1:
        mean, std = mean * 3, std * 3
    return list(zip(mean, std, strict=True))
