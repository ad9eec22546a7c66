"""The checks: engines agree, training works, torch against cuML, the job against its pass."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torchvision

import repprobe
from repprobe.checkpoints import Model, Preprocessing, load_model
from repprobe.data import ArrayPart, Data
from repprobe.probes.engines import LabelSet, get_engine
from repprobe.probes.engines import Path as Fits
from repprobe.probes.fitting import GRIDS
from tests.benchmarks.harness import Report, machine

ROOT = Path(__file__).resolve().parents[2]
ON_GPU = "(torch-cuda or cuml) and not stand-in"
"""The parameters of the agreement tests that need a GPU."""
JOB_DEMAND = 1.5


def missing() -> str | None:
    """Say what this machine lacks for the checks, None if nothing."""
    if not torch.cuda.is_available():
        return "there is no CUDA device"
    if find_spec("cuml") is None:
        return "cuml is not installed: pip install 'repprobe[gpu]'"
    return None


def check_agreement(out: Path, select: str = ON_GPU) -> bool:
    """Run the agreement tests that `select` names, write how they ended, return if they passed.

    A test that was skipped proves nothing: it counts as a failure.
    """
    tests = "tests/probes/engines/test_agreement.py"
    command = [sys.executable, "-m", "pytest", tests, "-rs", "-p", "no:cacheprovider", "-k", select]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    passed = done.returncode == 0 and "SKIPPED" not in done.stdout
    found = {"machine": machine(), "passed": passed, "output": done.stdout[-4000:].splitlines()}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return passed


def check_training(out: Path, device: str = "cuda", images: int = 128, width: float = 1.0) -> bool:
    """Train CNN9 for two steps an epoch, write how it went, return if all went well.

    Cross-entropy and DivideMix, which comes to its division in the second epoch; in float32, and
    on a GPU in half precision.
    """
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (images, 3, 32, 32), np.uint8)
    part = ArrayPart(pixels, np.arange(images) % 10)
    data = Data("noise", part, part, "classification", tuple("abcdefghij"), 255.0, "noise")
    runs = []
    for method, arguments in (("ce", {}), ("dividemix", {"warmup": 1})):
        for precision in ("32", "16") if device.startswith("cuda") else ("32",):
            with tempfile.TemporaryDirectory() as folder:
                trained = repprobe.train(
                    *("cnn9", data),
                    out=Path(folder) / "a.pt",
                    noise="symmetric:0.4",
                    method=method,
                    method_args=arguments,
                    arch_args={"width": width},
                    epochs=2,
                    batch_size=images // 2,
                    precision=precision,
                    device=device,
                )
                weights = load_model(trained.path).module.state_dict()
            losses = [record["loss"] for record in trained.history]
            good = bool(np.isfinite(losses).all()) and all(
                bool(w.isfinite().all()) for w in weights.values()
            )
            seconds = [record["seconds"] for record in trained.history]
            runs.append(
                {"method": method, "precision": precision, "losses": losses, "seconds": seconds}
                | {"passed": good}
            )
    passed = all(run["passed"] for run in runs)
    out.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": machine(), "passed": passed, "runs": runs}
    out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return passed


def time_engines(
    report: Report,
    names: tuple[str, str] = ("torch", "cuml"),
    device: str = "cuda",
    n: int = 50_000,
    width: int = 2048,
    classes: int = 100,
    pairs: int = 3,
) -> None:
    """Time a logistic path, ridge and neighbours by two engines on features in the form of blobs.

    The logistic path has four points and five folds, ridge the usual grid, leaving out one.
    """
    generator = np.random.default_rng(0)
    y = generator.integers(0, classes, n)
    x = generator.standard_normal((n, width), np.float32)
    x += generator.standard_normal((classes, width), np.float32)[y] * np.float32(0.1)
    labels, targets = LabelSet(y, classes), np.eye(classes, dtype=np.float32)[y]
    folds = np.arange(n) % 5
    ours, peer = (get_engine(name, device) for name in names)
    size = f"{n:,} × {width:,}"

    def compare(what: str, work: Callable[[repprobe.probes.engines.Engine], Fits]) -> None:
        first, second = work(ours), work(peer)
        point = np.isin(first.regularization, second.regularization)
        other = np.isin(second.regularization, first.regularization)
        equal = bool(np.allclose(first.objective[point], second.objective[other], rtol=1e-4))
        report.compare(
            f"{what}, {size} × {classes}",
            (ours.name, lambda: work(ours)),
            (peer.name, lambda: work(peer)),
            equal=equal,
            pairs=pairs,
        )

    grid = GRIDS["logistic"][2:10:2]
    compare("logistic path", lambda e: e.logistic(x, [labels], grid, folds, whole=True)[0])
    compare("ridge path", lambda e: e.ridge(x, [targets], GRIDS["ridge"], None)[0])
    few = x[: max(1, n // 10)]
    found = [e.neighbours(x, few, 50, False) for e in (ours, peer)]
    report.compare(
        f"50 neighbours of {len(few):,} among {size}",
        (ours.name, lambda: ours.neighbours(x, few, 50, False)),
        (peer.name, lambda: peer.neighbours(x, few, 50, False)),
        equal=bool((found[0] == found[1]).mean() > 0.999),
        pairs=pairs,
    )


def time_job(
    report: Report,
    device: str = "cuda",
    images: int = 5000,
    side: int = 224,
    batch: int = 256,
    pairs: int = 3,
) -> None:
    """Time `repprobe.layers` on a ResNet-18, files and figures included, against its bare pass.

    Both read, scale and move the same generated images, half of them for training.
    """
    generator = np.random.default_rng(0)
    parts = [
        ArrayPart(
            generator.integers(0, 256, (images, 3, side, side), np.uint8), np.arange(images) % 10
        )
        for _ in range(2)
    ]
    data = Data("noise", *parts, "classification", tuple("abcdefghij"), 255.0, "noise")
    torch.manual_seed(0)
    module = torchvision.models.resnet18().eval().to(device)
    model = Model("resnet18", module, "resnet18", Preprocessing.parse("imagenet"))

    def bare() -> None:
        with torch.inference_mode():
            for part in parts:
                for start in range(0, images, batch):
                    raw = part.inputs(np.arange(start, min(start + batch, images)))
                    module(model.preprocessing.apply(raw, data.unit).to(device)).cpu()

    for probe, demand in (("ridge", JOB_DEMAND), ("logistic", None)):

        def job(probe: str = probe) -> None:
            with tempfile.TemporaryDirectory() as folder:
                repprobe.layers(
                    model,
                    data,
                    out=Path(folder) / "run",
                    probe=probe,
                    clean="all",
                    device=device,
                    batch_size=batch,
                )

        report.compare(
            f"ResNet-18 at {side}, {2 * images:,} images, {probe}",
            ("repprobe.layers", job),
            ("bare forward pass", bare),
            demand=demand,
            pairs=pairs,
        )
