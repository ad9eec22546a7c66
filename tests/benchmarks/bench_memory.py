"""Peak memory of streaming ridge over a process that only runs the network."""

from __future__ import annotations

import json
import subprocess
import sys

from .harness import Comparison, Report

GIB = 1 << 30

JOB = """
import json, resource, sys
import numpy as np
from repprobe import layers
from repprobe.checkpoints import Model, Preprocessing
from repprobe.zoo import build
from tests.benchmarks.bench_capture import forward, images
count, probing = int(sys.argv[1]), sys.argv[2] == "probe"
network = build("cifar-resnet", depth=20, num_classes=10).eval()
data = images(count, 32)
model = Model("net", network, "net", Preprocessing.parse("imagenet"))
from dataclasses import replace
from repprobe.data import SubsetPart
every = np.arange(count)
data = replace(data, test=SubsetPart(data.train, every[count * 5 // 6 :]),
               train=SubsetPart(data.train, every[: count * 5 // 6]))
if probing:
    run = layers(model, data, probe="ridge", layers=["all"], clean="all")
    assert len(run.scores.summary()) >= 48
else:
    for start in range(0, count, 256):
        rows = every[start : start + 256]
        x = model.preprocessing.apply(data.train.inputs(rows % len(data.train)), 255.0)
        forward(network, [x])()
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
"""


def run(report: Report) -> None:
    """60,000 and 120,000 images, all 48 leaves at a width of 1,024."""
    compare(report, 60_000)


def compare(report: Report, count: int) -> None:
    """Measure both processes at `count` images, and ours at twice as many."""
    bare, ours, twice = (peak(count, "bare"), peak(count, "probe"), peak(2 * count, "probe"))
    twice_bare = peak(2 * count, "bare")
    extra, twice_extra = ours - bare, twice - twice_bare
    report.add(
        Comparison(
            f"memory, ridge on 48 leaves of {count:,} images",
            f"{extra / GIB:.2f} GiB over the bare network",
            f"{bare / GIB:.2f} GiB",
            0.0,
            0.0,
            extra / GIB,
            2.5,
            None,
            "a peak in GiB, not a time",
        )
    )
    report.add(
        Comparison(
            f"memory, the same with {2 * count:,} images",
            f"{twice_extra / GIB:.2f} GiB over the bare network",
            f"{extra / GIB:.2f} GiB",
            0.0,
            0.0,
            twice_extra / extra,
            1.05,
            None,
            "a ratio of peaks, not of times",
        )
    )


def peak(count: int, what: str) -> int:
    """Return the bytes that a process of its own held at its peak."""
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(count), what], check=True, capture_output=True, text=True
    )
    return int(json.loads(done.stdout.splitlines()[-1]))
