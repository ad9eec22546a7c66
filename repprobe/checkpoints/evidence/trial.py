"""A network on trial: a copy of it answers, and the network itself stays as it is."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.errors import CaptureError
from repprobe.feeding import Fed
from repprobe.memory_format import fastest_format

if TYPE_CHECKING:
    from repprobe.checkpoints.evidence.sample import Sample

_VALUES = 1 << 18
"""Input values that go through the network at a time."""

_MOST = 256
"""Examples that go through the network at a time, at most."""

_PRODUCTS, _FEWEST = 100_000_000_000, 64
"""Products that one pass over a sample may take on a CPU, and examples that it has at least."""

_RAW = Preprocessing.parse("none")


@dataclass(frozen=True, eq=False)
class Trial:
    """A network that can be run on samples; made by `on_trial`.

    Attributes
    ----------
    module : the copy, in evaluation mode, on the device.
    """

    module: nn.Module
    device: torch.device

    def output(self, sample: Sample, preprocessing: Preprocessing) -> Tensor:
        """Return the network's answers (n, C), float32, on the CPU.

        Raises
        ------
        CaptureError
            The network cannot take these inputs, or does not put out a row of scores for each.
        """
        found = []
        for batch, answer in self._answers(sample, preprocessing):
            scores = _scores(answer)
            if scores is None or len(scores) != batch.count:
                raise CaptureError("the network puts out no scores per example.")
            found.append(scores.reshape(batch.count, -1).float().cpu())
        return torch.cat(found)

    def run(self, sample: Sample, preprocessing: Preprocessing) -> None:
        """Run the network and drop what it puts out; raises CaptureError as `output` does."""
        for _ in self._answers(sample, preprocessing):
            pass

    def runs(self, sample: Sample, preprocessing: Preprocessing) -> bool:
        """Say whether the network can take such inputs."""
        try:
            self.output(sample.first(2), preprocessing)
        except CaptureError:
            return False
        return True

    def _answers(self, sample: Sample, preprocessing: Preprocessing) -> Iterator[tuple[Fed, Any]]:
        values = max(1, sample.raw[0].size)
        size = max(1, min(_MOST, _VALUES // values))
        dtype = next((p.dtype for p in self.module.parameters() if p.is_floating_point()), None)
        for start in range(0, len(sample), size):
            raw = sample.raw[start : start + size]
            batch = Fed.of(raw, preprocessing, sample.unit).to(self.device, dtype)
            try:
                answer = batch.in_format(fastest_format(self.module, batch)).run(self.module)
            except Stopped:
                continue
            except Exception as error:  # whatever a network does with inputs it is not made for
                lines = str(error).strip().splitlines() or [type(error).__name__]
                raise CaptureError(
                    f"the network cannot be run on the data: {lines[0][:160].rstrip('.: ')}."
                ) from None
            yield batch, answer


def affordable(trial: Trial, sample: Sample) -> int:
    """Return how many examples a network is tried on: on the CPU fewer of a large one.

    Told by the products that its linear layers and convolutions take, so that it does not depend
    on how busy a computer is.
    """
    if trial.device.type != "cpu":
        return len(sample)
    products = 0

    def count(layer: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        nonlocal products
        weight = getattr(layer, "weight", None)
        if isinstance(output, Tensor) and isinstance(weight, Tensor):
            products += output.numel() * weight[0].numel()

    kinds = (nn.Linear, nn.modules.conv._ConvNd)
    handles = [
        m.register_forward_hook(count) for m in trial.module.modules() if isinstance(m, kinds)
    ]
    try:
        trial.runs(sample, _RAW)
    finally:
        for handle in handles:
            handle.remove()
    each = max(1, products // min(2, len(sample)))
    return max(_FEWEST, min(len(sample), _PRODUCTS // each))


class Stopped(Exception):
    """Raised by a hook that has seen enough of a batch."""


@contextlib.contextmanager
def on_trial(module: nn.Module, device: torch.device | str = "cpu") -> Iterator[Trial]:
    """Give a copy of a network to try things on; the random states are put back afterwards.

    The copy shares the parameters where they are on the device already.

    Raises
    ------
    CaptureError
        The network cannot be copied.
    """
    place = torch.device(device)
    shared: dict[int, Any] = {id(p): p for p in module.parameters() if p.device == place}
    try:
        twin = copy.deepcopy(module, shared).to(place)
    except Exception as error:  # whatever a module of any kind holds
        raise CaptureError(f"the network cannot be copied: {type(error).__name__}.") from None
    for part in twin.modules():
        part.training = False  # `eval` may be overridden to do more
    with _random_state(), torch.inference_mode():
        yield Trial(twin, place)


@contextlib.contextmanager
def _random_state() -> Iterator[None]:
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(list(devices)):
        try:
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002
            torch.manual_seed(0)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


def _scores(output: Any) -> Tensor | None:
    """Return the answer (n, C) or (n,): what is called `logits`, else the first such tensor."""
    found = list(_tensors(output))
    named = [t for name, t in found if name == "logits"]
    return next(iter([*named, *(t for _, t in found)]), None)


def _tensors(output: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(output, Tensor):
        if output.is_floating_point() and output.ndim in (1, 2):
            yield name, output
        return
    entries: list[tuple[str, Any]] = []
    if isinstance(output, Mapping):
        entries = [(str(key), value) for key, value in output.items()]
    elif isinstance(output, tuple | list):
        names = getattr(output, "_fields", [""] * len(output))
        entries = list(zip(names, output, strict=True))
    elif is_dataclass(output) and not isinstance(output, type):
        entries = [(field.name, getattr(output, field.name)) for field in fields(output)]
    for key, value in entries:
        yield from _tensors(value, key)
