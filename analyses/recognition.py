"""Are networks told by names, shapes and order alone? All of torchvision and 300 of timm.

    python analyses/recognition.py

Every classifier of torchvision, and of every module of timm some of at most 120 million
parameters, gets random weights and 10 classes; its state dict is put under a wrapper's prefix, in
float16 or float32, half of them with all names changed. What is found is built, filled, and
compared with the original on a random input. Writes `figures/opening`; what is finished is kept
in `runs/recognition`, and the same command goes on from there.
"""

from __future__ import annotations

import gc
import random
import time
import warnings
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells import Row, kept, markdown, write_table

if TYPE_CHECKING:
    import torch
    from torch import nn

    from repprobe.checkpoints.recognition.identify import Candidate

RUNS, FIGURES = Path("runs/recognition"), Path("figures/opening")

CLASSES, TOLERANCE = 10, 1e-5
LARGEST, OF_TIMM = 120e6, 320
"""Parameters of the largest networks taken, and how many of timm are taken at least."""

PREFIXES = ("", "module.", "model.", "net.", "_orig_mod.", "module.model.", "backbone.", "encoder.")


def cases() -> list[str]:
    """Return the names of the networks, stratified over the modules of timm."""
    import timm
    import torchvision.models

    from repprobe.checkpoints.recognition.catalogue import catalogue

    known, _ = catalogue("timm")
    small = {
        f.architecture.partition(":")[2] for f in known if _parameters(f.at(CLASSES)) <= LARGEST
    }
    draw = random.Random(0)
    modules = [
        [n for n in sorted(timm.list_models(module=m)) if n in small] for m in timm.list_modules()
    ]
    for names in modules:
        draw.shuffle(names)
    taken: list[str] = []
    for depth in range(max(map(len, modules))):
        if len(set(taken)) >= OF_TIMM:
            break
        taken += [names[depth] for names in modules if depth < len(names)]
    own = torchvision.models.list_models(module=torchvision.models)
    return [f"torchvision:{n}" for n in own] + [f"timm:{n}" for n in dict.fromkeys(taken)]


def _parameters(shapes: dict[str, tuple[int, ...]]) -> int:
    import math

    return sum(math.prod(shape) for shape in shapes.values())


def case(architecture: str) -> list[Row]:
    """Return the row of one network."""
    name = architecture.replace(":", "-")
    return kept(RUNS / f"{name}.json", partial(trial, architecture))


def trial(architecture: str) -> list[Row]:
    """Save a network as a stranger would, and see what it is taken for."""
    import torch

    from repprobe.checkpoints.blueprint import shapes_of
    from repprobe.checkpoints.recognition.identify import identify
    from repprobe.checkpoints.recognition.pretrained import input_size
    from repprobe.errors import CheckpointError

    draw = random.Random(architecture)
    half, renamed = draw.random() < 0.5, draw.random() < 0.5
    prefix = draw.choice(PREFIXES)
    original = with_random_weights(architecture, draw.randrange(2**31))
    if half:
        for tensor in original.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())
    state = stored(original.state_dict(), prefix, half, renamed)
    size = input_size(architecture, {}) or (3, 224, 224)
    x = torch.randn(1, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        answer = original(x)
    del original
    row: Row = {
        "architecture": architecture,
        "stored": "float16" if half else "float32",
        "prefix": prefix,
        "renamed": renamed,
        "outcome": "refused",
        "found": "",
        "difference": "",
    }
    start = time.perf_counter()
    try:
        found = identify(shapes_of(state), architecture)
    except CheckpointError as error:
        return [{**row, "found": str(error), "seconds": time.perf_counter() - start}]
    row["seconds"] = time.perf_counter() - start
    row["found"] = " | ".join(" = ".join((c.architecture, *c.also)) for c in found)
    right = [c for c in found if architecture in (c.architecture, *c.also)]
    chosen = right[0] if right else found[0]
    row["difference"] = difference(chosen, state, x, answer)
    fits = row["difference"] <= TOLERANCE
    if len(found) == 1:
        row["outcome"] = "wrong" if not fits else "named" if right else "named as its like"
    else:
        row["outcome"] = "tie" if right and fits else "wrong"
    return [row]


def with_random_weights(architecture: str, seed: int) -> nn.Module:
    """Build a network whose every weight and statistic is random, so that each one counts.

    Only weights are set: constants that it makes for itself stay.
    """
    import torch

    from repprobe.checkpoints.blueprint import build_uninitialized
    from repprobe.checkpoints.recognition.fingerprints import builder, is_derived

    network = build_uninitialized(lambda: builder(architecture)(num_classes=CLASSES)).eval()
    drawn = torch.randn(2**20 + 7, generator=torch.Generator().manual_seed(seed)).repeat(2)
    for place, (key, tensor) in enumerate(network.state_dict().items()):
        if not tensor.is_floating_point() or is_derived(key) or not tensor.numel():
            continue
        noise = drawn[7919 * place % 2**20 :]
        if len(noise) < tensor.numel():
            noise = noise.repeat(-(-tensor.numel() // len(noise)))
        values = noise[: tensor.numel()].view(tensor.shape)
        last = key.rpartition(".")[2]
        if last == "running_var":
            tensor.copy_(0.5 + values.abs())
        elif tensor.ndim >= 2:
            tensor.copy_(values * (tensor.numel() / len(tensor)) ** -0.5)
        else:
            tensor.copy_(0.1 * values + (last in ("weight", "gamma", "gain", "scale")))
    return network


def stored(
    tensors: dict[str, torch.Tensor], prefix: str, half: bool, renamed: bool
) -> dict[str, torch.Tensor]:
    """Return a state dict as it lies in a stranger's file."""
    state = {}
    for place, (key, tensor) in enumerate(tensors.items()):
        own = f"part{place // 4}.tensor{place}" if renamed else key
        state[prefix + own] = tensor.half() if half and tensor.is_floating_point() else tensor
    return {k: v.clone() for k, v in state.items()}


def difference(
    candidate: Candidate, state: dict[str, torch.Tensor], x: torch.Tensor, answer: Any
) -> float:
    """Return how far the outputs of what was found lie from those of the original.

    In parts of the largest output, where that is above 1.
    """
    import torch

    from repprobe.checkpoints.architectures import build
    from repprobe.checkpoints.blueprint import shapes_of
    from repprobe.checkpoints.recognition.filling import arranged

    network, _ = build(candidate.architecture, candidate.arguments, shapes_of(state))
    network.load_state_dict(arranged(network.state_dict(), state, candidate.keys))
    with torch.no_grad():
        given = network.eval()(x)
    if given.shape != answer.shape or not answer.isfinite().all():
        return float("inf")
    return float((given - answer).abs().max() / max(1.0, float(answer.abs().max())))


def summary(rows: list[Row]) -> str:
    """Return, per library and kind of names, how many were told."""
    outcomes = ("named", "named as its like", "tie", "refused", "wrong")
    header = ["library", "names", "networks", *outcomes, "told, %", "seconds, median", "largest"]
    lines = []
    for library in ("torchvision", "timm"):
        for renamed in (False, True, None):
            some = [
                r
                for r in rows
                if r["architecture"].startswith(f"{library}:") and renamed in (r["renamed"], None)
            ]
            counts = Counter(r["outcome"] for r in some)
            told = len(some) - counts["refused"] - counts["wrong"]
            times = sorted(r["seconds"] for r in some)
            names = {False: "kept", True: "changed", None: "all"}[renamed]
            line = [library, names, str(len(some)), *(str(counts[o]) for o in outcomes)]
            line += [f"{100 * told / max(1, len(some)):.1f}"]
            line += [f"{times[len(times) // 2]:.2f}", f"{times[-1]:.2f}"]
            lines.append(line)
    return markdown(header, lines)


def main() -> None:
    warnings.simplefilter("ignore")
    rows = []
    listed = cases()
    for done, architecture in enumerate(listed, start=1):
        rows += case(architecture)
        gc.collect()
        print(f"{done}/{len(listed)}", rows[-1]["outcome"], architecture, flush=True)
    write_table(FIGURES / "recognition.csv", rows)
    (FIGURES / "recognition.md").write_text(summary(rows), encoding="utf-8")
    print(summary(rows))


if __name__ == "__main__":
    main()
