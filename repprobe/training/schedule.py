"""How the learning rate falls over the epochs, from a line of text."""

from __future__ import annotations

import math
from collections.abc import Callable

from repprobe.errors import UnknownNameError, UsageError

FORMS = {
    "constant": "constant",
    "cosine": "cosine",
    "linear": "linear:80",
    "step": "step:0.1@40,80",
    "exponential": "exponential:0.99",
    "halve": "halve:50",
}
"""Name → an example of each form."""

Schedule = Callable[[int, int], float]
"""(epoch 0, 1, …; epochs in all) → factor of the first learning rate."""


def parse(text: str) -> Schedule:
    """Read a schedule.

    `constant`; `cosine`, half a cosine from 1 to 0; `linear:E`, 1 up to epoch E, then straight to
    0; `step:F@E,E,…`, times F at each of these epochs; `exponential:F`, times F each epoch;
    `halve:E`, times ½ every E epochs. Epochs count from 0.

    Raises
    ------
    UnknownNameError
        There is no schedule of that name.
    UsageError
        Its numbers cannot be used.
    """
    name, _, rest = text.partition(":")
    if name not in FORMS:
        raise UnknownNameError.near("schedule", name, FORMS, f"Take {', '.join(FORMS.values())}.")
    try:
        return _parsed(name, rest)
    except ValueError:
        raise UsageError(
            f"the schedule '{text}' cannot be read; write it as {FORMS[name]}."
        ) from None


def follows_end(text: str) -> bool:
    """Say whether a schedule depends on the number of epochs in all."""
    return text.partition(":")[0] in ("cosine", "linear")


def _parsed(name: str, rest: str) -> Schedule:
    """Return the schedule; raises ValueError where `rest` does not fit the name."""
    if name in ("constant", "cosine"):
        if rest:
            raise ValueError
        return _constant if name == "constant" else _cosine
    if name == "linear":
        start = _epoch(rest)
        return lambda epoch, epochs: min(1.0, (epochs - epoch) / max(1, epochs - start))
    if name == "halve":
        every = _epoch(rest)
        return lambda epoch, epochs: 0.5 ** (epoch // every)
    if name == "exponential":
        rate = _factor(rest)
        return lambda epoch, epochs: rate**epoch
    factor, _, places = rest.partition("@")
    step, milestones = _factor(factor), [_epoch(place) for place in places.split(",")]
    if milestones != sorted(milestones):
        raise ValueError
    return lambda epoch, epochs: step ** sum(epoch >= place for place in milestones)


def _constant(epoch: int, epochs: int) -> float:
    return 1.0


def _cosine(epoch: int, epochs: int) -> float:
    return (1 + math.cos(math.pi * epoch / epochs)) / 2


def _epoch(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def _factor(text: str) -> float:
    if not 0 < float(text) <= 1:
        raise ValueError
    return float(text)
