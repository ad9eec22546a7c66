"""Sketches: which examples are kept, and that streams and kept features give the same."""

from __future__ import annotations

import numpy as np
import torch

from repprobe.capture import Features, replay
from repprobe.capture.tee import Tee
from repprobe.similarity import Sketch, SketchSink
from repprobe.similarity.sketch import spread_rows


def features(train=7, test=23):
    rng = np.random.default_rng(0)
    arrays = {
        "input": rng.normal(size=(train + test, 4)).astype(np.float32),
        "fc": rng.normal(size=(train + test, 6)).astype(np.float16),
    }
    return Features(arrays, np.arange(train), np.arange(test))


def test_examples_are_evenly_spread_and_never_more_than_there_are():
    assert spread_rows(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert spread_rows(3, 5).tolist() == [0, 1, 2]
    assert len(spread_rows(0, 5)) == 0
    many = spread_rows(10_000)
    assert len(np.unique(many)) == 1000
    assert set(np.diff(many)) == {10}


def test_a_sketch_holds_test_rows_as_they_were():
    kept = features()
    sketch = Sketch.of(kept, 5)
    assert list(sketch.layers) == ["input", "fc"]
    for name, rows in sketch.layers.items():
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows, kept.test(name)[sketch.examples])


def test_a_stream_gives_the_same_sketch_whatever_its_batches_are():
    kept = features()
    wanted = Sketch.of(kept, 10)
    for batch in (1, 4, 100):
        sink = SketchSink(kept.train_count, 23, 10)
        replay(kept, sink, batch)
        assert sink.sketch.examples.tolist() == wanted.examples.tolist()
        for name, rows in wanted.layers.items():
            np.testing.assert_array_equal(sink.sketch.layers[name], rows)


def test_a_dropped_layer_is_in_no_sketch():
    sink = SketchSink(0, 2)
    sink.begin({"input": 1, "fc": 1})
    sink.add("fc", torch.ones(1, 1))
    sink.drop("fc")
    assert list(sink.sketch.layers) == ["input"]


def test_a_tee_hands_everything_to_each_sink():
    class Notes:
        def __init__(self):
            self.told = []

        def begin(self, widths):
            self.told.append(("begin", dict(widths)))

        def add(self, name, rows):
            self.told.append(("add", name, rows.tolist()))

        def drop(self, name):
            self.told.append(("drop", name))

    one, two = Notes(), Notes()
    tee = Tee(one, two)
    tee.begin({"input": 1})
    tee.add("input", torch.ones(1, 1))
    tee.drop("input")
    assert (
        one.told
        == two.told
        == [
            ("begin", {"input": 1}),
            ("add", "input", [[1.0]]),
            ("drop", "input"),
        ]
    )
