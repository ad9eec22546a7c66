"""The main job as a process of its own, start to end, against the bare forward pass."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from repprobe.checkpoints import load_model
from repprobe.data import draws, load_data

from .bench_capture import forward
from .harness import Comparison, Report, interleaved

CHECKPOINT = Path(__file__).parents[2] / ".." / "shared" / "checkpoints" / "resnet20-cifar10.th"
ALLOWANCE = 4.0
"""Seconds that starting, loading and drawing may take besides."""


def run(report: Report) -> None:
    """ResNet-20 on CIFAR-10 with the default probe."""
    name = "repprobe layers, ResNet-20, CIFAR-10, whole process"
    if not CHECKPOINT.is_file() or "REPPROBE_DATA" not in os.environ:
        report.skip(name, "needs the shared checkpoint and REPPROBE_DATA")
        return
    model, data = load_model(CHECKPOINT, preprocess="imagenet"), load_data("cifar10")
    (draw,) = draws(data.train.labels, [5000], [0], data.task)
    inputs = np.concatenate(
        [data.train.inputs(np.sort(draw.rows)), data.test.inputs(np.arange(len(data.test)))]
    )
    prepared = model.preprocessing.apply(inputs, data.unit).split(256)
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "run")
        command = [str(Path(sys.executable).with_name("repprobe")), "layers", str(CHECKPOINT)]
        command += ["--data", "cifar10", "--preprocess", "imagenet", "--out", out]

        def process() -> None:
            subprocess.run(command, check=True, capture_output=True)

        timing = interleaved(process, forward(model.module, prepared))
    ratio = (timing.ours - ALLOWANCE) / timing.peer
    report.add(
        Comparison(
            name,
            "the process less 4 s",
            "bare forward pass",
            timing.ours,
            timing.peer,
            ratio,
            3.0,
        )
    )
