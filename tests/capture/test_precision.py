"""Forward passes in half precision, and features that are kept in it."""

import numpy as np
import pytest
import torch
from torch import nn

from repprobe.capture import capture, replay, stream
from repprobe.capture.precision import fits_half
from repprobe.capture.store import FileStore, MemoryStore
from repprobe.errors import UnknownNameError, UsageError

from .conftest import make_data, make_model
from .networks import CifarResNet, Lambda, Recurrent, SmallCNN
from .test_streaming import Collector


def run(net, data, **kwargs):
    kwargs = {"train_rows": np.arange(20), **kwargs}
    return capture(make_model(net), data, **kwargs)


def seen_types(net, data, **kwargs):
    """Return the types that modules gave during a pass."""
    seen = {}
    for name, module in net.named_modules():
        if name:
            module.register_forward_hook(lambda m, a, o, name=name: seen.update({name: o.dtype}))
    run(net, data, **kwargs)
    return seen


@pytest.mark.parametrize("net", [CifarResNet(blocks=1), SmallCNN(), Recurrent()])
def test_bfloat16_is_near_float32(net):
    shape = {CifarResNet: (3, 16, 16), SmallCNN: (1, 8, 8), Recurrent: (4, 5)}[type(net)]
    if isinstance(net, Recurrent) and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("torch has no LSTM in bfloat16 for this processor under autocast")
    data = make_data(*shape)
    exact, half = run(net, data, layers=["all"]), run(net, data, layers=["all"], dtype="bfloat16")
    assert half.layers == exact.layers
    different = 0
    for name in exact.layers:
        assert half[name].dtype == np.float16
        scale = np.abs(exact[name]).max()
        np.testing.assert_allclose(half[name], exact[name], atol=0.04 * scale, err_msg=name)
        different += not np.array_equal(half[name], exact[name].astype(np.float16))
    assert different > len(exact.layers) / 2
    assert half.output.dtype == np.float32


def test_products_are_cast_and_parameters_are_not():
    net = nn.Sequential(nn.Linear(6, 5), Lambda(lambda x: x.float() + 1))
    types = seen_types(net, make_data(6), dtype="bfloat16")
    assert types == {"0": torch.bfloat16, "1": torch.float32}
    assert net[0].weight.dtype == torch.float32


def test_networks_in_half_precision_run_as_they_are():
    net = nn.Sequential(nn.Linear(6, 5).bfloat16(), Lambda(lambda x: x * 2)).eval()
    assert set(seen_types(net, make_data(6)).values()) == {torch.bfloat16}
    assert set(seen_types(net, make_data(6), dtype="bfloat16").values()) == {torch.bfloat16}


def test_pooling_stays_in_float32():
    """A mean over 4,096 ones and one 100 is 1.02; a sum in bfloat16 would stop at 256."""

    def spike(x):
        x = torch.ones(len(x), 1, 64, 64)
        x[:, 0, 0, 0] = 100
        return x

    net = nn.Sequential(Lambda(spike), nn.Conv2d(1, 2, 1, bias=False))
    nn.init.ones_(net[1].weight)
    features = run(net, make_data(1, 8, 8), layers=["1"], pool="mean", dtype="bfloat16")
    np.testing.assert_allclose(features["1"], 1 + 99 / 4096, rtol=1e-3)
    gridded = run(net, make_data(1, 8, 8), layers=["1"], width=20, dtype="bfloat16")
    np.testing.assert_allclose(gridded["1"][0, 0], 1 + 99 / 22**2, rtol=1e-3)


def test_a_sink_is_given_float32():
    net, data = SmallCNN().eval(), make_data(1, 8, 8)
    sink, again = Collector(), Collector()
    kwargs = {"train_rows": np.arange(20), "dtype": "bfloat16", "batch_size": 30}
    stream(make_model(net), data, sink=sink, **kwargs)
    features = capture(make_model(net), data, **kwargs)
    replay(features, again, 30)
    for name in features:
        np.testing.assert_array_equal(sink.array(name).astype(np.float16), again.array(name))


@pytest.mark.parametrize("memory_bytes", [None, 1])
def test_a_layer_that_float16_cannot_hold_goes_on_in_float32(memory_bytes, tmp_path):
    data = make_data(6)
    data.train.array[15] *= 1e5
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh())
    kwargs = {"layers": ["0", "1"], "batch_size": 5, "dtype": "bfloat16"}
    features = run(net, data, memory_bytes=memory_bytes, **kwargs)
    types = {name: features[name].dtype for name in features}
    assert types == {"input": np.float32, "0": np.float32, "1": np.float16}
    np.testing.assert_allclose(features["input"], run(net, data)["input"], rtol=1e-3, atol=1e-6)
    cached = [run(net, data, cache_dir=tmp_path, **kwargs) for _ in range(2)]
    for name in features:
        for other in cached:
            np.testing.assert_array_equal(other[name], features[name])
            assert other[name].dtype == features[name].dtype


@pytest.mark.parametrize(
    ("rows", "fits"),
    [
        ([[1.0, 0.0], [3.0, 1e-9]], True),
        ([[65504.0], [1.0]], True),
        ([[65520.0], [1.0]], False),
        ([[np.inf], [np.nan]], True),
        ([[1e-6], [2e-6]], False),
        ([[1e-6], [2e-4]], True),
        ([[0.0], [0.0]], True),
    ],
)
def test_what_float16_can_hold(rows, fits):
    assert fits_half(torch.tensor(rows)) is fits


@pytest.mark.parametrize("kind", [MemoryStore, FileStore])
def test_stores_keep_what_came_before_a_layer_went_on_in_float32(kind):
    store = kind(3000, half=True)
    store.begin({"a": 3, "b": 2})
    first = torch.randn(2999, 3)
    store.add("a", first)
    store.drop("b")
    store.add("a", torch.full((1, 3), 1e6))
    store.begin({"output": 1}, exact=True)
    store.add("output", torch.full((3000, 1), 1e6))
    arrays = store.arrays()
    assert list(arrays) == ["a", "output"]
    np.testing.assert_array_equal(arrays["a"][:2999], first.half().float().numpy())
    assert (arrays["a"][2999] == 1e6).all()
    assert (arrays["output"] == 1e6).all()
    store.abort()


def test_the_bound_on_memory_counts_the_bytes_of_each_type():
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    activations = 4 * 6 + 2 * 8 + 2 * 8
    needed = 30 * (2 * (6 + 8 + 3) + 4 * 3) + 2 * 30 * activations
    kwargs = {"layers": ["1", "2"], "dtype": "bfloat16"}
    assert run(net, make_data(6), memory_bytes=needed, **kwargs).folder is None
    assert run(net, make_data(6), memory_bytes=needed - 1, **kwargs).folder is not None


def test_float16_on_the_cpu_is_refused():
    with pytest.raises(UsageError, match="take --dtype bfloat16"):
        run(nn.Linear(6, 3), make_data(6), dtype="float16")


def test_an_unknown_type_has_near_matches():
    with pytest.raises(UnknownNameError, match="did you mean bfloat16 or float16"):
        run(nn.Linear(6, 3), make_data(6), dtype="bf16")
