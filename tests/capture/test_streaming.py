"""Features that go to a sink while the network runs, and features that are played again."""

import numpy as np
import pytest
import torch
from torch import nn

from repprobe.capture import capture, replay, stream
from repprobe.errors import CaptureError

from .conftest import make_data, make_model
from .networks import Lambda, SmallCNN


class Collector:
    """A sink that keeps everything and notes in which order it came."""

    def __init__(self):
        self.widths = None
        self.batches = []
        self.rows = {}
        self.dropped = []

    def begin(self, widths):
        assert self.widths is None
        self.widths = dict(widths)
        self.mean = torch.zeros(1)

    def add(self, name, rows):
        assert rows.dtype == torch.float32
        assert rows.shape[1] == self.widths[name]
        assert name not in self.dropped
        self.batches.append((name, len(rows)))
        self.rows.setdefault(name, []).append(rows)
        self.mean += rows.mean()

    def drop(self, name):
        self.dropped.append(name)

    def array(self, name):
        return torch.cat(self.rows[name]).numpy()


def run(net, data, sink, **kwargs):
    kwargs.setdefault("train_rows", np.arange(len(data.train)))
    return stream(make_model(net), data, sink=sink, **kwargs)


def test_a_sink_is_given_what_capture_keeps():
    net, data = SmallCNN().eval(), make_data(1, 8, 8)
    kwargs = {"train_rows": np.array([7, 2, 11]), "test_rows": np.arange(4), "batch_size": 2}
    sink = Collector()
    done = run(net, data, sink, **kwargs)
    kept = capture(make_model(net), data, **kwargs)
    assert tuple(sink.widths) == done.layers == kept.layers
    assert sink.widths == done.widths == kept.widths
    for name in kept:
        np.testing.assert_array_equal(sink.array(name), kept[name])
    np.testing.assert_array_equal(done.output, kept.output)
    np.testing.assert_array_equal(done.train_rows, [2, 7, 11])
    assert (len(done), done.train_count) == (7, 3)


def test_batches_never_straddle_the_parts():
    sink = Collector()
    run(nn.Sequential(nn.Linear(6, 3)), make_data(6), sink, layers=["0"], batch_size=12)
    assert sink.batches == [(n, size) for size in (12, 8, 10) for n in ("input", "0")]


def test_features_that_were_kept_are_played_layer_by_layer(tmp_path):
    net, data = SmallCNN().eval(), make_data(1, 8, 8)
    first, again = Collector(), Collector()
    done = run(net, data, first, batch_size=8)
    kwargs = {"train_rows": np.arange(20), "batch_size": 8, "cache_dir": tmp_path}
    features = capture(make_model(net), data, **kwargs)
    replay(features, again, 8)
    assert again.batches == [(name, size) for name in done.layers for size in (8, 8, 4, 8, 2)]
    assert again.widths == first.widths
    for name in done.layers:
        np.testing.assert_array_equal(again.array(name), first.array(name))


def test_rows_with_nan_come_through_and_are_counted():
    data = make_data(6)
    data.train.array[3] = np.nan
    sink = Collector()
    done = run(nn.Sequential(nn.Linear(6, 3)), data, sink)
    assert done.non_finite == {"input": 1, "0": 1}
    assert np.isnan(sink.array("0")).any(1).nonzero()[0].tolist() == [3]


def test_a_layer_that_fails_is_dropped_and_gets_no_more_rows():
    net = nn.Sequential(nn.Linear(6, 6), Lambda(lambda x: x[:, : 3 + len(x) // 20]))
    sink = Collector()
    done = run(net, make_data(6), sink, layers=["0", "1"], batch_size=15)
    assert tuple(sink.widths) == ("input", "0", "1")
    assert sink.dropped == []
    done = run(net, make_data(6), again := Collector(), layers=["0", "1"], batch_size=20)
    assert again.dropped == ["1"]
    assert done.layers == ("input", "0")
    assert "its shape changes between batches" in done.skipped["1"]


def test_a_sink_gets_no_rows_when_nothing_can_be_recorded():
    net = nn.Sequential(Lambda(lambda x: x[:, : 3 + len(x) // 20]))
    sink = Collector()
    with pytest.raises(CaptureError, match="none of the layers can be probed"):
        run(net, make_data(6), sink, layers=["0"], batch_size=20)
    assert sink.rows == {}


def test_tensors_that_a_sink_makes_are_ordinary_ones():
    sink = Collector()
    run(nn.Linear(6, 3), make_data(6), sink)
    assert not sink.mean.is_inference()
    sink.mean += 1


def test_what_a_sink_raises_comes_through():
    class Full(Collector):
        def add(self, name, rows):
            raise OSError("full")

    net = nn.Linear(6, 3)
    with pytest.raises(OSError, match="full"):
        run(net, make_data(6), Full())
    assert not net._forward_hooks
