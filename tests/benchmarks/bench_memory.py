"""Peak memory of streaming ridge over a process that only runs the network."""

from __future__ import annotations

import json
import subprocess
import sys

from .harness import Comparison, Report

GIB = 1 << 30

JOB = """
import json, resource, sys
from dataclasses import replace
import numpy as np
from repprobe import layers
from repprobe.checkpoints import Model, Preprocessing
from repprobe.data import SubsetPart
from repprobe.zoo import build
from tests.benchmarks.bench_capture import forward, images
count, probing = int(sys.argv[1]), sys.argv[2] == "probe"
network = build("cifar-resnet", depth=20, num_classes=10).eval()
data, every = images(count, 32), np.arange(count)
model = Model("net", network, "net", Preprocessing.parse("imagenet"))
learned, tested = every[: count * 5 // 6], every[count * 5 // 6 :]
data = replace(data, train=SubsetPart(data.train, learned), test=SubsetPart(data.train, tested))
if probing:
    run = layers(model, data, probe="ridge", layers=["all"], clean="all")
    assert len(run.scores.summary()) >= 48
else:  # a few batches reach the peak; all the images are held
    for start in range(0, 2560, 256):
        x = model.preprocessing.apply(data.train.inputs(every[start : start + 256]), 255.0)
        forward(network, [x])()
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
"""


def run(report: Report) -> None:
    """30,000 and 60,000 images, all 48 leaves at a width of 1,024."""
    compare(report, 60_000)


def compare(report: Report, count: int) -> None:
    """Measure what ridge adds to the network alone, at `count` images and at half as many."""
    whole, half = (peak(n, "probe") - peak(n, "bare") for n in (count, count // 2))
    for name, ratio, demand, note in (
        (
            f"memory, ridge on 48 leaves of {count:,} images",
            whole / GIB,
            2.5,
            "GiB over the bare network, not a ratio of times",
        ),
        (
            f"memory, {count:,} images to {count // 2:,}",
            whole / half,
            1.05,
            "a ratio of peaks, not of times",
        ),
    ):
        report.add(Comparison(name, "streaming ridge", "", 0.0, 0.0, ratio, demand, None, note))


def peak(count: int, what: str) -> int:
    """Return the bytes that a process of its own held at its peak."""
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(count), what], check=True, capture_output=True, text=True
    )
    return int(json.loads(done.stdout.splitlines()[-1]))
