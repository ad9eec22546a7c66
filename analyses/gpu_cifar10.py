"""Where does noise damage networks of full size? CIFAR-10 on a GPU, so many minutes each.

    python analyses/gpu_cifar10.py [MINUTES]

Trains CNN9, an MLP and a PreAct ResNet-18 on 80 % uniform and on 80 % flipped labels, by
cross-entropy and DivideMix with the settings of their papers, whose schedules do not depend on
the end; then probes every network with 2,000 clean labels. Training is kept in
`runs/gpu-cifar10`, and another call goes on with it; figures go to `figures/gpu/cifar10.json`
after each network. Without a CUDA device it says so and exits with 2.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cells import Row

DATA, DEVICE = "cifar10", "cuda"
ARCHITECTURES = ("cnn9", "mlp", "preact-resnet18")
NOISES = ("uniform:0.8", "flipped:0.8")
METHODS = ("ce", "dividemix")
SETTINGS: dict[str, Any] = {"recipe": "paper", "evaluate_every": 5}
RUNS, TABLE = Path("runs/gpu-cifar10"), Path("figures/gpu/cifar10.json")


class _TimeIsUp(Exception):
    """Ends a run after an epoch; its checkpoint is a second old at most."""


def train_for(minutes: float, out: Path, arch: str, noise: str, method: str) -> None:
    """Train until the time is up or all epochs are done."""
    from repprobe import train

    start = time.monotonic()

    def look_at_the_clock(record: Row) -> None:
        if time.monotonic() - start > 60 * minutes:
            raise _TimeIsUp

    run = {"noise": noise, "method": method, "device": DEVICE, **SETTINGS}
    with suppress(_TimeIsUp):
        train(arch, DATA, out=out, on_epoch=look_at_the_clock, **run)


def cell(minutes: float, arch: str, noise: str, method: str) -> Row:
    """Train one network and probe it."""
    import torch

    from repprobe import layers

    out = RUNS / f"{arch}-{noise.replace(':', '-')}-{method}.pt"
    train_for(minutes, out, arch, noise, method)
    run = layers(out, DATA, clean=2000, seeds=3, device=DEVICE)
    scores = run.scores.where(metric="accuracy", split="test", group="all")
    return {
        "architecture": arch,
        "noise": noise,
        "method": method,
        "history": torch.load(out, weights_only=True)["history"],
        "verdict": run.info["verdict"],
        "layers": [
            {"layer": s.layer, "seed": s.seed, "accuracy": s.value, "low": s.low, "high": s.high}
            for s in scores
        ],
    }


def main() -> int:
    import torch

    if not torch.cuda.is_available():
        print("gpu_cifar10: there is no CUDA device; nothing was trained.", file=sys.stderr)
        return 2
    from repprobe.provenance import describe_versions

    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    found: dict[str, Any] = {
        "command": ["python", "analyses/gpu_cifar10.py", f"{minutes:g}"],
        "device": torch.cuda.get_device_name(),
        "versions": describe_versions(),
        "networks": [],
    }
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    for arch in ARCHITECTURES:
        for noise in NOISES:
            for method in METHODS:
                found["networks"].append(cell(minutes, arch, noise, method))
                TABLE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
                print(arch, noise, method, found["networks"][-1]["verdict"], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
