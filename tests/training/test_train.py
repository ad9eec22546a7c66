"""The verb: what it trains, writes and returns."""

import random
from importlib.metadata import version

import numpy as np
import pytest
import torch

from repprobe.checkpoints import load_model
from repprobe.data import ArrayPart, Data, draws, load_data
from repprobe.errors import OutputError, RepprobeError, UnknownNameError, UsageError
from repprobe.noise import corrupt
from repprobe.training import train

QUICK = {"arch_args": {"width": 2}, "limit": 100, "epochs": 2, "device": "cpu"}


def quick(out, arch="small-cnn", data="digits", **settings):
    return train(arch, data, out=out, **{**QUICK, **settings})


def entries(path):
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A run with noise and a method of two networks, and the records as they came."""
    records, out = [], tmp_path_factory.mktemp("runs") / "noisy.pt"
    settings = {"noise": "symmetric:0.5", "method": "co-teaching", "seed": 3}
    return quick(out, on_epoch=records.append, **settings), records


def test_the_checkpoint_carries_everything(noisy, digits):
    run, _ = noisy
    found = entries(run.path)
    rows = found["train_rows"].numpy()
    labels = corrupt("symmetric:0.5", digits, seed=3, rows=rows)
    assert found["architecture"] == "zoo:small-cnn"
    assert found["arguments"] == {"num_classes": 10, "in_channels": 1, "width": 2}
    assert (found["noise"], found["seed"], found["method"]) == ("symmetric:0.5", 3, "co-teaching")
    assert found["noise_rate"] == labels.rate == run.noise.rate
    assert found["mutual_information"] == labels.mutual_information
    assert found["networks"] == 2
    assert found["method_arguments"] == {"rate": labels.rate, "ramp": 10}
    assert len(rows) == 100
    assert (np.diff(rows) > 0).all()
    assert found["noisy_labels"].tolist() == labels.labels.tolist()
    np.testing.assert_array_equal(found["transition"].numpy(), labels.transition)
    assert (found["epoch"], found["epochs"]) == (2, 2)
    assert found["history"] == list(run.history)
    assert (found["data"], found["data_fingerprint"]) == ("digits", digits.fingerprint)
    assert found["settings"] == run.settings
    assert found["versions"]["torch"] == version("torch")
    assert found["state_dict"].keys() == found["state_dict_2"].keys()
    weights = [found[key]["linear.weight"] for key in ("state_dict", "state_dict_2")]
    assert not torch.equal(*weights)
    assert len(found["optimizers"]) == 2


def test_load_model_opens_it_and_it_scores_what_the_history_says(tmp_path, digits):
    run = quick(tmp_path / "a.pt", epochs=3, noise="pair:0.3")
    model = load_model(run.path)
    assert model.preprocessing.found == "checkpoint"
    assert model.notes == ()
    assert (model.metadata["noise"], model.metadata["method"]) == ("pair:0.3", "ce")
    inputs = model.preprocessing.apply(digits.test.inputs(np.arange(len(digits.test))), digits.unit)
    with torch.no_grad():
        predicted = model.module(inputs).argmax(1).numpy()
    assert (predicted == digits.test.labels).mean() == pytest.approx(run.history[-1]["test"])


def test_of_two_networks_load_model_opens_the_first_and_says_so(noisy):
    run, _ = noisy
    model = load_model(run.path)
    assert torch.equal(model.module.linear.weight, entries(run.path)["state_dict"]["linear.weight"])
    assert any("state_dict_2" in note for note in model.notes)


def test_records_come_as_they_are_kept(noisy):
    run, records = noisy
    assert records == list(run.history)
    assert [record["epoch"] for record in records] == [1, 2]
    for record in records:
        assert record.keys() == {
            *("epoch", "loss", "noisy_train", "clean_train", "memorized", "test", "test_each"),
            *("learning_rate", "seconds"),
        }
    assert records[0]["learning_rate"] == pytest.approx(2e-3)
    assert records[1]["learning_rate"] == pytest.approx(1e-3)  # half a cosine of two epochs


def test_it_learns_and_does_not_mind_noise_much(tmp_path):
    run = train("small-cnn", "digits", out=tmp_path / "a.pt", noise="symmetric:0.4", epochs=5)
    last = run.history[-1]
    assert last["test"] > 0.8
    assert last["clean_train"] > last["noisy_train"] > 0.4
    assert last["memorized"] < 0.2


def test_the_callers_random_state_and_switches_are_kept(tmp_path):
    before = torch.get_rng_state(), str(np.random.get_state()), random.getstate()  # noqa: NPY002
    quick(tmp_path / "a.pt", noise="symmetric:0.3", method="mixup")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert str(np.random.get_state()) == before[1]  # noqa: NPY002
    assert random.getstate() == before[2]
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()


def test_the_seed_decides_and_the_callers_random_state_does_not(tmp_path):
    weights = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(hash(name) % 1000)
        found = entries(quick(tmp_path / f"{name}.pt", seed=seed).path)
        weights[name] = found["state_dict"]["linear.weight"]
    assert torch.equal(weights["a"], weights["b"])
    assert not torch.equal(weights["a"], weights["c"])


def test_no_epochs_give_the_network_as_it_begins(tmp_path):
    begun = entries(quick(tmp_path / "a.pt", epochs=0).path)
    trained = entries(quick(tmp_path / "b.pt", keep_every=2).path)
    kept = entries(tmp_path / "b-epoch-000.pt")
    for key, value in begun["state_dict"].items():
        assert torch.equal(value, kept["state_dict"][key])
    assert begun["history"] == []
    last = entries(tmp_path / "b-epoch-002.pt")
    assert torch.equal(last["state_dict"]["linear.weight"], trained["state_dict"]["linear.weight"])
    assert "optimizers" not in last
    assert load_model(tmp_path / "b-epoch-002.pt").metadata["epoch"] == 2
    assert not (tmp_path / "b-epoch-001.pt").exists()


def test_a_loss_that_is_no_number_stops_and_the_last_good_checkpoint_stays(tmp_path, one_line):
    settings = {"optimizer": "sgd", "learning_rate": 1e20, "schedule": "constant", "batch_size": 25}
    with pytest.raises(RepprobeError) as caught:
        quick(tmp_path / "a.pt", "mlp", arch_args={"hidden": [4]}, epochs=50, **settings)
    one_line(caught, "loss became", "epoch 1, step ", "1e+20", tmp_path / "a.pt", "of epoch 0")
    left = entries(tmp_path / "a.pt")
    assert left["epoch"] == 0
    assert all(value.isfinite().all() for value in left["state_dict"].values())
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


# its running mean overflows at the first step, what it answers in training does not
SPOILT = """
import torch
from torch import nn

class Network(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.linear = nn.Linear(64, num_classes)
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x):
        if self.training:
            self.mean += float("inf")
        return self.linear(x.flatten(1))
"""


def test_weights_spoilt_by_the_last_step_are_not_kept(tmp_path, one_line):
    (tmp_path / "net.py").write_text(SPOILT)
    with pytest.raises(RepprobeError) as caught:
        quick(tmp_path / "a.pt", f"{tmp_path / 'net.py'}:Network", arch_args={}, epochs=1)
    one_line(caught, "'mean' became infinite", "epoch 1, step 2", "of epoch 0")
    assert entries(tmp_path / "a.pt")["epoch"] == 0


def test_buffers_that_were_infinite_from_the_start_are_no_fault(tmp_path):
    (tmp_path / "net.py").write_text(
        SPOILT.replace("torch.zeros(())", "torch.full((2,), float('-inf'))").replace(
            "self.mean += float", "self.mean *= float"
        )
    )
    run = quick(tmp_path / "a.pt", f"{tmp_path / 'net.py'}:Network", arch_args={})
    assert len(run.history) == 2


def test_after_ctrl_c_the_finished_epochs_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("repprobe.training.loop.SAVE_EVERY", 0.0)

    def interrupt(record):
        if record["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        quick(tmp_path / "a.pt", epochs=4, on_epoch=interrupt)
    assert str(caught.value) == (
        f"2 of 4 epochs are kept in {tmp_path / 'a.pt'}; the same command goes on"
    )
    assert quick(tmp_path / "a.pt", epochs=4).resumed_from == 2


def test_only_some_epochs_are_measured_but_the_last_is(tmp_path):
    run = quick(tmp_path / "a.pt", epochs=5, evaluate_every=2)
    assert [record["epoch"] for record in run.history if "test" in record] == [2, 4, 5]
    assert all("loss" in record for record in run.history)


def test_a_last_batch_of_one_is_no_trouble_for_batch_norm(tmp_path):
    images = np.random.default_rng(0).random((9, 4)).astype(np.float32)
    part = ArrayPart(images, np.arange(9) % 3)
    data = Data("tiny", part, part, "classification", ("a", "b", "c"), 1.0, "f")
    source = tmp_path / "net.py"
    source.write_text(
        "from torch import nn\n"
        "def build(num_classes, in_features):\n"
        "    return nn.Sequential(nn.Linear(in_features, 4), nn.BatchNorm1d(4), "
        "nn.Linear(4, num_classes))\n"
    )
    run = train(f"{source}:build", data, out=tmp_path / "a.pt", epochs=1, batch_size=4)
    assert entries(run.path)["arguments"] == {"num_classes": 3, "in_features": 4}


def test_images_of_three_channels_are_augmented_and_normalized_per_channel(tmp_path):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, 3, 8, 8)).astype(np.uint8)
    images[:, 1] //= 4
    part = ArrayPart(images, np.arange(12) % 2)
    data = Data("photos", part, part, "classification", ("a", "b"), 255.0, "f")
    run = train("small-cnn", data, out=tmp_path / "a.pt", epochs=1, arch_args={"width": 2})
    assert run.settings["augment"] is True
    assert entries(run.path)["arguments"]["in_channels"] == 3
    values = images.transpose(1, 0, 2, 3).reshape(3, -1) / 255
    mean, std = (
        [float(v) for v in side.split(",")] for side in entries(run.path)["preprocess"].split("/")
    )
    np.testing.assert_allclose(mean, values.mean(1), rtol=1e-3)
    np.testing.assert_allclose(std, values.std(1), rtol=1e-3)
    plain = train(
        *("small-cnn", data),
        out=tmp_path / "b.pt",
        epochs=1,
        arch_args={"width": 2},
        augment=False,
    )
    assert plain.settings["augment"] is False


def test_a_torchvision_network_is_told_the_number_of_classes(tmp_path):
    generator = np.random.default_rng(0)
    part = ArrayPart(generator.random((4, 3, 32, 32), np.float32), np.arange(4) % 2)
    data = Data("photos", part, part, "classification", ("a", "b"), 1.0, "f")
    run = train("torchvision:squeezenet1_1", data, out=tmp_path / "a.pt", epochs=1)
    model = load_model(run.path)
    assert (model.architecture, model.arguments["num_classes"]) == ("torchvision:squeezenet1_1", 2)


def test_nothing_is_printed(tmp_path, capfd):
    quick(tmp_path / "a.pt", noise="symmetric:0.2")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changed", "kind", "named"),
    [
        ({"arch": "small-cn"}, UsageError, ["small-cn", "zoo:NAME"]),
        ({"arch": "zoo:small-cn"}, UnknownNameError, ["small-cn", "small-cnn"]),
        ({"arch_args": {"depth": 3}}, UnknownNameError, ["depth"]),
        (
            {"arch": "torchvision:resnet18", "arch_args": {"in_chans": 3}},
            UsageError,
            ["cannot be run", "3"],
        ),
        ({"arch": "cifar-resnet", "arch_args": {"num_classes": 3}}, UsageError, ["(2, 3)", "10"]),
        ({"method": "elrr"}, UnknownNameError, ["elrr", "elr"]),
        ({"method": "mse"}, UsageError, ["mse", "regression", "ce"]),
        ({"method_args": {"q": 1}}, UnknownNameError, ["q"]),
        ({"method": "co-teaching"}, UsageError, ["rate"]),
        ({"noise": "symetric:0.4"}, UnknownNameError, ["symetric", "symmetric"]),
        ({"noise": "gaussian:0,1:0.4"}, UsageError, ["gaussian"]),
        ({"noise": "symmetric:1.4"}, UsageError, ["1.4"]),
        ({"limit": 100_000}, UsageError, ["100,000", "training examples"]),
        ({"limit": 3}, UsageError, ["3", "10 classes"]),
        ({"preprocess": "imagenet"}, UsageError, ["imagenet", "3 channels"]),
        ({"preprocess": "imgnet"}, UsageError, ["imgnet"]),
        ({"momentum": 0.9}, UsageError, ["momentum", "sgd"]),
        ({"device": "tpu9"}, UsageError, ["tpu9"]),
        ({"precision": "16"}, UsageError, ["precision 16", "GPU"]),
        ({"method": "elr", "devices": 2}, UsageError, ["elr", "one device"]),
        ({"method": "forward", "devices": 2}, UsageError, ["forward", "one device"]),
        ({"method": "dividemix"}, UsageError, ["dividemix", "10 epochs of warm-up"]),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, one_line, changed, kind, named):
    settings = {"noise": None, **changed}
    with pytest.raises(kind) as caught:
        quick(tmp_path / "a.pt", **settings)
    one_line(caught, *named)
    assert list(tmp_path.iterdir()) == []


def test_where_it_cannot_write(tmp_path, one_line):
    (tmp_path / "file").write_text("x")
    for out, named in (
        (tmp_path / "file" / "a.pt", "file"),
        (tmp_path, "folder"),
        (tmp_path / "a.safetensors", ".pt"),
    ):
        with pytest.raises((OutputError, UsageError)) as caught:
            quick(out)
        one_line(caught, named)


def test_progress_is_told_by_stage(tmp_path, monkeypatch):
    monkeypatch.setattr("repprobe.training.loop.TELL_EVERY", -1.0)
    told = []
    quick(tmp_path / "a.pt", progress=lambda *step: told.append(step))
    assert [step for step in told if step[0] == "read"] == [("read", 100, 100), ("read", 359, 359)]
    assert [step for step in told if step[0] == "train"] == [("train", k, 2) for k in range(3)]
    assert [step[1] for step in told if step[0] == "epoch"] == [1, 2, 1, 2]
    assert told[2] == ("train", 0, 2)


@pytest.mark.parametrize("settings", [{"precision": "bf16"}, {"recipe": "paper"}])
def test_other_precision_and_recipe(tmp_path, settings):
    run = quick(tmp_path / "a.pt", **settings)
    weights = entries(run.path)["state_dict"]["linear.weight"]
    assert weights.dtype == torch.float32
    assert weights.isfinite().all()


def test_the_limit_draws_apart_from_the_clean_labels(tmp_path):
    run = train("small-cnn", "digits", out=tmp_path / "x.pt", **{**QUICK, "epochs": 0})
    rows = entries(run.path)["train_rows"].numpy()
    labels = load_data("digits").train.labels
    (clean,) = draws(labels, [100], [0], "classification")
    assert len(rows) == 100
    # 100 of 1,437 share 7 by chance; with the same random numbers they would be the same ones
    assert len(np.intersect1d(rows, clean.rows)) < 20
