"""Features of every layer from one pass."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from repprobe.capture import capture, list_layers
from repprobe.capture.pooling import Pooling
from repprobe.capture.recorder import Recorder
from repprobe.capture.trace import trace
from repprobe.data.dataset import ArrayPart, Data
from repprobe.errors import CaptureError, DataError, UnknownNameError, UsageError

from .conftest import everything, fed, make_data, make_model
from .networks import (
    CifarResNet,
    InPlace,
    Lambda,
    Outputs,
    Recurrent,
    Restless,
    SmallCNN,
    Tokens,
    Twice,
    Volumes,
    Waves,
)


def run(net, data, preprocess="none", **kwargs):
    kwargs.setdefault("train_rows", np.arange(len(data.train)))
    return capture(make_model(net, preprocess), data, **kwargs)


def check(features, name, expected):
    np.testing.assert_allclose(features[name], expected.numpy(), atol=1e-5)


@torch.inference_mode()
def test_in_place_operations_do_not_change_what_was_recorded():
    net, data = InPlace(), make_data(1, 8, 8)
    features = run(net, data, layers=["all"], pool="none")
    x = torch.from_numpy(everything(data))
    conv = net.conv(x)
    check(features, "conv", conv.flatten(1))
    check(features, "relu", conv.relu().flatten(1))
    check(features, "hidden", net.hidden(conv.relu().flatten(1)))


@torch.inference_mode()
def test_a_module_called_twice_yields_two_layers():
    net, data = Twice(), make_data(6)
    features = run(net, data, layers=["layer", "layer_1"])
    first = net.layer(torch.from_numpy(everything(data)))
    check(features, "layer", first)
    check(features, "layer_1", net.layer(first.relu()))


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "added"),
    [("pair[0]", 1), ("pair[1][1]", 3), ('table["b"]["c"]', 5), ('record["first"]', 6)],
)
def test_members_of_outputs(name, added):
    net, data = Outputs(), make_data(6)
    features = run(net, data, layers=[name])
    check(features, name, net.stem(torch.from_numpy(everything(data))) + added)


def test_what_cannot_be_probed_is_left_out_with_the_reason():
    features = run(Outputs(), make_data(6), layers=["all"])
    assert features.skipped == {
        "index": "int64 values, not floating point",
        "empty": "empty",
        "constant": "no axis counts the examples",
        "mixed": "one axis holds examples and positions together",
        "number": "puts out a int, no tensor",
    }


def test_the_answer_is_found_among_the_outputs():
    features = run(Outputs(), make_data(6))
    np.testing.assert_array_equal(features.output, features["head"])


@torch.inference_mode()
@pytest.mark.parametrize("pool", ["auto", "cls", "last"])
def test_sequences(pool):
    net, data = Tokens(), make_data(5, words=11)
    net.eval()
    features = run(net, data, layers=["encoder.layers.0"], pool=pool)
    x = net.encoder.layers[0](net.embedding(torch.from_numpy(everything(data)).long()))
    check(features, "encoder.layers.0", {"auto": x.mean(1), "cls": x[:, 0], "last": x[:, -1]}[pool])


@torch.inference_mode()
def test_states_whose_batch_axis_is_the_second():
    net, data = Recurrent(), make_data(4, 5)
    features = run(net, data, layers=["lstm[1][0]"], pool="none", batch_size=7)
    hidden = net.lstm(torch.from_numpy(everything(data)))[1][0]
    check(features, "lstm[1][0]", hidden.transpose(0, 1).flatten(1))


@torch.inference_mode()
def test_maps_of_one_axis():
    net, data = Waves().eval(), make_data(2, 300)
    features = run(net, data, layers=["body.2"])
    x = net.body[:3](torch.from_numpy(everything(data)))
    check(features, "body.2", F.adaptive_avg_pool1d(x, 170).flatten(1))


@torch.inference_mode()
def test_maps_of_three_axes():
    net, data = Volumes(), make_data(1, 8, 8, 8)
    features = run(net, data, layers=["act"])
    x = net.act(net.conv(torch.from_numpy(everything(data))))
    check(features, "act", F.adaptive_avg_pool3d(x, (6, 6, 7)).flatten(1))


@torch.inference_mode()
def test_default_layers_of_a_residual_network_with_the_last_hidden_representation():
    net, data = CifarResNet(blocks=1).eval(), make_data(3, 32, 32, n=8)
    features = run(net, data)
    assert features.layers == (
        "input",
        "bn1",
        "layer1.0",
        "layer2.0",
        "layer3.0",
        "linear.input",
        "linear",
    )
    assert features.widths == {
        "input": 972,
        "bn1": 1024,
        "layer1.0": 1024,
        "layer2.0": 960,
        "layer3.0": 1024,
        "linear.input": 64,
        "linear": 10,
    }
    x = torch.from_numpy(everything(data))
    check(features, "input", F.adaptive_avg_pool2d(x, 18).flatten(1))
    last = net.layer3(net.layer2(net.layer1(net.bn1(net.conv1(x)).relu())))
    check(features, "linear.input", last.mean((2, 3)))
    check(features, "layer3.0", F.avg_pool2d(last, 2).flatten(1))
    np.testing.assert_allclose(features.output, net(x).numpy(), atol=1e-5)


def test_the_network_runs_once_per_batch():
    class Counting(nn.Sequential):
        seen = 0

        def forward(self, x):
            Counting.seen += len(x)
            return super().forward(x)

    run(Counting(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), make_data(6))
    assert Counting.seen == 30 + 2 + 3 + 2  # all examples, and the few that the trace takes


def test_rows_are_the_training_rows_in_order_then_the_test_rows():
    data = make_data(6)
    features = run(nn.Linear(6, 3), data, train_rows=np.array([7, 2, 11]), test_rows=np.arange(4))
    expected = np.concatenate([data.train.array[[2, 7, 11]], data.test.array[:4]])
    np.testing.assert_array_equal(features["input"], expected)
    assert features.train_count == 3
    np.testing.assert_array_equal(features.train_rows, [2, 7, 11])
    np.testing.assert_array_equal(features.test("input"), data.test.array[:4])


@pytest.mark.parametrize("size", [1, 7, 30])
def test_the_size_of_batches_does_not_matter(size):
    net, data = SmallCNN().eval(), make_data(1, 8, 8)
    whole, parts = run(net, data, batch_size=30), run(net, data, batch_size=size)
    for name in whole.layers:
        np.testing.assert_allclose(parts[name], whole[name], atol=1e-6)


def test_two_captures_are_equal_to_the_last_bit():
    net, data = CifarResNet(blocks=1), make_data(3, 16, 16)
    first, second = run(net, data, width=50), run(net, data, width=50)
    for name in first.layers:
        np.testing.assert_array_equal(first[name], second[name])


def test_preprocessing_comes_first():
    x = np.full((4, 3, 8, 8), 255, np.uint8)
    part = ArrayPart(x, np.zeros(4, np.int64))
    data = Data("white", part, part, "classification", ("a",), 255.0, "white")
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    features = run(net, data, "imagenet")
    expected = (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(features["input"][0].reshape(3, 64)[:, 0], expected, rtol=1e-5)


def wrapped(kind, net):
    if kind == "DataParallel":
        return nn.DataParallel(net)
    if kind == "compiled":
        return torch.compile(net, backend="eager")
    if kind == "compiled in place":
        net.compile(backend="eager")
        return net
    if kind == "compiled part":
        net.layer1 = torch.compile(net.layer1, backend="eager")
        return net
    net.layer2 = nn.DataParallel(net.layer2)
    net.layer2.device_ids = [0, 1]  # as on a machine with two GPUs
    return net


@pytest.mark.parametrize(
    "kind", ["DataParallel", "compiled", "compiled in place", "compiled part", "parallel part"]
)
def test_wrapped_networks_give_the_same_layers_and_values(kind):
    net, data = CifarResNet(blocks=1).eval(), make_data(3, 8, 8)
    expected = run(net, data, layers=["all"])
    outside = wrapped(kind, net)
    features = run(outside, data, layers=["all"])
    assert features.layers == expected.layers
    for name in expected.layers:
        np.testing.assert_allclose(features[name], expected[name], atol=1e-6)
    assert getattr(net.layer2, "device_ids", [0, 1]) == [0, 1]


def test_a_compiled_network_that_has_run_before_still_calls_the_hooks():
    net, data = SmallCNN().eval(), make_data(1, 8, 8)
    compiled = torch.compile(net, backend="eager")
    compiled(torch.from_numpy(everything(data)))
    assert run(compiled, data).layers == run(net, data).layers


def test_networks_that_are_not_deterministic_are_told():
    (note,) = run(Restless(), make_data(6)).notes
    assert "from layer 'two' on" in note


def test_nan_and_infinity_are_counted_per_layer():
    def spoil(x):
        x = x.clone()
        x[x[:, 0] > 1] = torch.nan
        x[x[:, 0] < -1] = torch.inf
        return x

    data = make_data(6)
    features = run(
        nn.Sequential(nn.Identity(), Lambda(spoil), nn.Linear(6, 3)), data, layers=["all"]
    )
    spoilt = int((abs(everything(data)[:, 0]) > 1).sum())
    assert spoilt > 0
    assert features.non_finite == {"input": 0, "0": 0, "1": spoilt, "2": spoilt}


def test_nan_is_counted_where_the_pooling_does_not_see_it():
    def spoil(x):
        x = x.clone()
        x[0, 2] = -torch.inf
        return x

    net = nn.Sequential(nn.Linear(5, 5), Lambda(spoil), Lambda(lambda x: x.sum(1)))
    features = run(net, make_data(4, 5), layers=["1"], pool="cls", batch_size=30)
    assert features.non_finite["1"] == 2  # one in the batch of each part


def test_a_layer_that_changes_its_shape_between_batches_is_left_out_with_the_reason():
    net = nn.Sequential(nn.Linear(6, 6), Lambda(lambda x: x[:, : 3 + len(x) // 20]))
    features = run(net, make_data(6), layers=["0", "1"], batch_size=20)
    assert features.layers == ("input", "0")
    assert "its shape changes between batches" in features.skipped["1"]


def test_an_answer_that_changes_its_width_is_no_answer():
    net = nn.Sequential(nn.Linear(6, 6), Lambda(lambda x: x[:, : 3 + len(x) // 20]))
    assert run(net, make_data(6), layers=["0"], batch_size=20).output is None


def test_an_output_without_scores_is_no_answer():
    assert run(nn.Sequential(nn.Conv2d(1, 2, 3)), make_data(1, 8, 8)).output is None


def test_nothing_that_can_be_recorded_is_an_error():
    net = nn.Sequential(Lambda(lambda x: x[:, : 3 + len(x) // 20]))
    with pytest.raises(CaptureError, match="none of the layers can be probed"):
        run(net, make_data(6), layers=["0"], batch_size=20)


def test_float64_networks_are_given_float64():
    features = run(nn.Sequential(nn.Linear(6, 3)).double(), make_data(6))
    assert features["0"].dtype == np.float32


def test_progress_counts_examples():
    seen = []
    run(nn.Linear(6, 3), make_data(6), batch_size=8, progress=lambda *a: seen.append(a))
    assert seen == [("capture", done, 30) for done in (8, 16, 20, 28, 30)]


def test_a_failure_while_reading_comes_through_as_it_is():
    class Broken(ArrayPart):
        def inputs(self, indices):
            if 15 in indices:
                raise DataError("image 15 cannot be decoded.")
            return super().inputs(indices)

    data = make_data(6)
    data = Data(**{**vars(data), "train": Broken(data.train.array, data.train.labels)})
    with pytest.raises(DataError, match=r"image 15 cannot be decoded\."):
        run(nn.Linear(6, 3), data, batch_size=4)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        (
            {"layers": ["lineer"]},
            UnknownNameError,
            "no layer is named 'lineer'; did you mean Linear",
        ),
        ({"pool": "average"}, UnknownNameError, "no pooling mode is named 'average'"),
        ({"width": 0}, UsageError, "the width must be 1 or more, not 0"),
        ({"batch_size": 0}, UsageError, "the batch size must be 1 or more, not 0"),
        ({"device": "gpu"}, UsageError, "the device 'gpu' cannot be used"),
        ({"train_rows": np.array([3, 20])}, DataError, "rows 0 to 19; there is no row 20"),
        ({"test_rows": np.array([-1])}, DataError, "rows 0 to 9; there is no row -1"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(kwargs, error, message):
    with pytest.raises(error) as caught:
        run(nn.Linear(6, 3), make_data(6), **kwargs)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_preprocessing_for_other_channels_is_refused():
    with pytest.raises(UsageError, match="is for 3 channels, the data have 1"):
        run(SmallCNN(), make_data(1, 8, 8), "imagenet")


def test_the_list_names_types_and_shapes():
    rows = list_layers(make_model(Outputs()), make_data(6))
    table = {row.name: row for row in rows}
    assert (table["stem"].type, table["stem"].shape) == ("Linear", (4,))
    assert [row.name for row in rows if row.default] == ["head.input", "head"]
    assert table["index"].reason == "int64 values, not floating point"
    assert table["unused"].reason == "the network does not call it"


def test_hooks_are_there_only_while_recording():
    net = nn.Sequential(nn.Linear(2, 2))
    (layer,) = trace(net, fed(torch.randn(3, 2))).layers
    recorder = Recorder(net, {layer: Pooling().plan(layer.shape, layer.layout)})
    with recorder.attached():
        assert len(net[0]._forward_hooks) == 1
    assert not net[0]._forward_hooks
