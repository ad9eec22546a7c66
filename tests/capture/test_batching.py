"""Batches that fit: by estimate beforehand, and by halving where memory turns out to be short."""

import itertools
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from repprobe.capture import capture, stream
from repprobe.capture.batching import batch_size, example_bytes, within
from repprobe.capture.trace import EXAMPLES, trace
from repprobe.data.dataset import ArrayPart, Data
from repprobe.errors import CaptureError

from .conftest import fed, make_data, make_model
from .networks import BasicBlock, Lambda, SmallCNN
from .test_streaming import Collector

ROOT = Path(__file__).resolve().parents[2]

SHORTAGES = [
    MemoryError("Unable to allocate 3.00 GiB"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate "
        "memory: you tried to allocate 8000000 bytes. Error code 12 (Cannot allocate memory)"
    ),
]


class Greedy(nn.Module):
    """Fails above so many examples, after its first layer and the trace; notes batch sizes."""

    def __init__(self, most, error=SHORTAGES[0], sizes=None, spare=3):
        super().__init__()
        self.one, self.two = nn.Linear(6, 5), nn.Linear(5, 3)
        self.most, self.error, self.spare = most, error, spare
        self.calls = itertools.count()  # what is no list, the guard does not put back
        self.note = (lambda size: None) if sizes is None else sizes.append

    def forward(self, x):
        x = self.one(x)
        self.note(len(x))
        if next(self.calls) >= self.spare and len(x) > self.most:
            raise self.error
        return self.two(x)


def run(net, data, **kwargs):
    return capture(make_model(net), data, **{"train_rows": np.arange(20), **kwargs})


def same(a, b):
    assert a.layers == b.layers
    for name in a:
        np.testing.assert_allclose(a[name], b[name], atol=1e-6)
    np.testing.assert_allclose(a.output, b.output, atol=1e-6)


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda e: type(e).__name__)
def test_a_batch_that_does_not_fit_is_run_again_in_halves(error):
    data, sizes = make_data(6), []
    data.train.array[3] = np.nan
    net = Greedy(5, error, sizes)
    features = run(net, data, batch_size=16, layers=["all"], pool="max")
    assert sizes[3:] == [16, 8, *[4] * 5, 4, 4, 2]
    assert features.notes == (
        "batches of 16 examples did not fit into memory; they were lowered to 4.",
    )
    net.most = 100
    expected = run(net, data, batch_size=4, layers=["all"], pool="max")
    same(features, expected)
    assert features.non_finite == expected.non_finite == {"input": 1, "one": 1, "two": 1}
    assert expected.notes == ()


def test_a_chosen_batch_is_halved_as_well():
    sizes = []
    run(Greedy(5, sizes=sizes), make_data(6))
    assert sizes[3] == 20
    assert sizes[-8:] == [4, 4, 4, 4, 4, 4, 4, 2]


def test_a_sink_is_given_each_row_once():
    data, sink = make_data(6), Collector()
    net = Greedy(5)
    stream(make_model(net), data, sink=sink, train_rows=np.arange(20), batch_size=16)
    net.most = 100
    expected = run(net, data)
    for name in expected:
        np.testing.assert_allclose(sink.array(name), expected[name], atol=1e-6)


def test_a_single_example_that_does_not_fit_is_an_error_that_says_what_to_do():
    with pytest.raises(CaptureError, match="not enough memory for a single example; free some"):
        run(Greedy(0), make_data(6), batch_size=4)
    with pytest.raises(CaptureError, match="not enough memory for a single example"):
        run(Greedy(0, spare=0), make_data(6))


def test_memory_that_is_short_while_reading_lowers_the_batch_too():
    class Large(ArrayPart):
        def inputs(self, indices):
            if len(indices) > 5:
                raise MemoryError
            return super().inputs(indices)

    data = make_data(6)
    large = Data(**{**vars(data), "train": Large(data.train.array, data.train.labels)})
    net = nn.Linear(6, 3)
    same(run(net, large, batch_size=16), run(net, data))


def test_a_shortage_in_the_sink_comes_through():
    class Full(Collector):
        def add(self, name, rows):
            raise MemoryError("the sink is full")

    with pytest.raises(MemoryError, match="the sink is full"):
        stream(make_model(nn.Linear(6, 3)), make_data(6), sink=Full(), train_rows=np.arange(20))


def test_memory_that_is_really_short():
    """A child process may not grow: whole batches would take 1.2 GB, a few examples 20 MB."""
    code = """
        import resource
        import numpy as np, torch
        from torch import nn
        from repprobe.capture import capture
        from tests.capture.conftest import make_data, make_model

        torch.set_num_threads(1)
        net = nn.Sequential(nn.Conv2d(1, 64, 3), nn.ReLU(), nn.Conv2d(64, 4, 3), nn.Flatten(),
                            nn.Linear(4 * 124 * 124, 3))
        data = make_data(1, 128, 128, n=120)
        rows = np.arange(120)
        whole = capture(make_model(net), data, train_rows=rows, batch_size=8)
        size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + 300_000_000,) * 2)
        features = capture(make_model(net), data, train_rows=rows, batch_size=120,
                           memory_bytes=100 << 30)
        assert features.notes[0].startswith("batches of 120 examples did not fit into memory")
        for name in whole:
            np.testing.assert_allclose(features[name], whole[name], atol=1e-4)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def traced(net, *shape):
    return trace(net, fed(torch.randn(EXAMPLES, *shape)))


@pytest.mark.parametrize(
    ("net", "shape", "values"),
    [
        (nn.Linear(6, 8), (6,), 6 + 8),
        (nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)), (6,), 6 + 8 + 8),
        # inside conv2: what the block and the convolution were given, and what it puts out
        (nn.Sequential(BasicBlock(4, 4, 1)), (4, 5, 5), 3 * 100),
        (nn.Sequential(nn.Linear(6, 8).double()).double(), (6,), 2 * (6 + 8)),
    ],
)
def test_what_lives_together_is_counted(net, shape, values):
    x = torch.randn(EXAMPLES, *shape, dtype=next(net.parameters()).dtype)
    assert example_bytes(trace(net, fed(x))) == 2 * 4 * values


@pytest.mark.parametrize(
    ("size", "bound", "expected"), [(64, 6400, 64), (64, 6399, 32), (100, 3000, 25), (7, 5, 1)]
)
def test_a_batch_is_halved_until_it_is_within_the_bound(size, bound, expected):
    assert within(size, 100, bound) == expected


def test_an_explicit_batch_beyond_the_bound_is_lowered_and_said():
    net, sizes = SmallCNN().eval(), []
    net.register_forward_hook(lambda m, a, o: sizes.append(len(o)))
    data = make_data(1, 8, 8)
    bound = 6 * example_bytes(traced(net, 1, 8, 8))
    sizes.clear()
    features = run(net, data, batch_size=20, memory_bytes=bound)
    assert sizes[3:] == [5, 5, 5, 5, 5, 5]
    (note,) = features.notes
    assert "more than --memory allows; 5 were taken" in note
    sizes.clear()
    assert run(net, data, memory_bytes=bound).notes == ()
    assert sizes[3:] == [4] * 5 + [4, 4, 2]


def test_a_chosen_batch_suits_the_largest_activation():
    cpu = torch.device("cpu")
    assert batch_size(traced(nn.Linear(6, 3), 6), cpu) == 1024
    wide = nn.Sequential(nn.Linear(2, 1 << 16), Lambda(lambda x: x[:, :2]))
    assert batch_size(traced(wide, 2), cpu) == 64
