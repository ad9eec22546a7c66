"""What the user can mend about `repprobe train`: exit status 2, one clear line, nothing written."""

import json

import numpy as np
import pytest

SMALL = ("--arch-arg", "width=2", "--epochs", 1)


@pytest.fixture
def refused(repprobe, tmp_path):
    """Call `train`; it must refuse in one line that names all of `named`."""

    def call(*arguments, arch="small-cnn", data="digits", out="noisy.pt", named):
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        result = repprobe("train", arch, "-d", data, "-o", out, *arguments)
        assert result.status == 2, result
        assert result.out == ""
        assert len(result.err.splitlines()) == 1, result.err
        assert result.err.startswith("repprobe: ")
        for name in named:
            assert name in result.err
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        return result.err

    return call


@pytest.fixture
def images(tmp_path):
    """A set of eight-pixel images with two named classes."""
    generator = np.random.default_rng(0)
    np.savez(
        tmp_path / "set.npz",
        x_train=generator.integers(0, 255, (40, 8, 8)).astype(np.uint8),
        y_train=np.arange(40) % 4,
        x_test=generator.integers(0, 255, (20, 8, 8)).astype(np.uint8),
        y_test=np.arange(20) % 4,
    )
    return "set.npz"


@pytest.fixture
def numbers(tmp_path):
    """A regression of six numbers."""
    x = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    y = 10 + x @ np.arange(6.0)
    np.savez(tmp_path / "toy.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    return "toy.npz"


@pytest.mark.parametrize(
    ("law", "named"),
    [
        ("symetric:0.5", ["symetric", "symmetric"]),
        ("noise", ["noise", "uniform"]),
        ("uniform:1.5", ["1.5", "between 0 and 1"]),
        ("pair:-0.1", ["-0.1", "between 0 and 1"]),
        ("symmetric:half", ["half", "symmetric:R"]),
        ("symmetric", ["symmetric:R"]),
        ("flipped:0.4", ["digits", "flipped:"]),
        ("flipped:3>x8:0.4", ["x8"]),
        ("human:worse", ["cifar10"]),
        ("human:wurst", ["wurst", "worse"]),
        ("matrix:nowhere.npy", ["nowhere.npy"]),
        ("file:nowhere.npy", ["nowhere.npy"]),
        ("gaussian:0,1:0.5", ["gaussian", "regression", "symmetric:R"]),
    ],
)
def test_laws_that_cannot_be_used(refused, law, named):
    refused("--noise", law, *SMALL, named=named)


def test_a_map_file_with_an_unknown_class(refused, tmp_path):
    (tmp_path / "map.json").write_text(json.dumps({"3": "eihgt"}))
    refused("--noise", "flipped:map.json:0.4", *SMALL, named=["eihgt"])


def test_a_matrix_whose_rows_do_not_sum_to_1(refused, tmp_path):
    matrix = np.eye(10)
    matrix[4, 5] = 0.2
    np.save(tmp_path / "matrix.npy", matrix)
    refused("--noise", "matrix:matrix.npy", *SMALL, named=["matrix.npy", "row 4", "1.2"])


def test_labels_of_another_length(refused, tmp_path, images):
    np.save(tmp_path / "labels.npy", np.zeros(39, np.int64))
    refused("--noise", "file:labels.npy", *SMALL, data=images, named=["labels.npy", "39", "40"])


def test_laws_and_methods_of_the_wrong_task(refused, numbers):
    regression = {"arch": "mlp", "data": numbers}
    refused("--noise", "uniform:0.5", **regression, named=["uniform", "gaussian:MEAN,STD:R"])
    refused("--method", "gce", **regression, named=["gce", "mse"])
    refused("--method", "mse", *SMALL, named=["mse", "ce"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--method", "dividmix"], ["dividmix", "dividemix"]),
        (["--method", "gce", "--method-arg", "p=0.7"], ["'p'", "gce", "q"]),
        (["--method", "gce", "--method-arg", "q=2"], ["q", "2"]),
        (["--method", "gce", "--method-arg", "q=high"], ["q", "high"]),
        (["--method-arg", "0.7"], ["--method-arg", "KEY=VALUE"]),
        (["--method", "forward", "--method-arg", "transition=nowhere.npy"], ["nowhere.npy"]),
        (["--recipe", "papers"], ["papers", "paper"]),
        (["--schedule", "cosin"], ["cosin", "cosine"]),
        (["--schedule", "step:0.1"], ["step:0.1", "step:0.1@40,80"]),
        (["--optimizer", "sdg"], ["sdg", "sgd"]),
        (["--lr", "0"], ["learning rate"]),
        (["--lr", "-1"], ["learning rate", "-1"]),
        (["--lr", "nan"], ["learning rate", "nan"]),
        (["--lr", "fast"], ["--lr"]),
        (["--epochs", "-1"], ["--epochs"]),
        (["--epochs", "ten"], ["--epochs"]),
        (["--batch-size", "1"], ["--batch-size"]),
        (["--momentum", "1.5", "--optimizer", "sgd"], ["momentum", "1.5"]),
        (["--momentum", "0.9", "--optimizer", "adam"], ["momentum", "sgd"]),
        (["--weight-decay", "-1"], ["weight decay", "-1"]),
        (["--limit", "99999"], ["99,999", "1,438"]),
        (["--limit", "5"], ["5"]),
        (["--precision", "64"], ["64", "32"]),
        (["--device", "tpu9"], ["tpu9"]),
        (["--devices", "0"], ["--devices"]),
        (["--devices", "2", "--method", "elr"], ["elr", "one device"]),
        (["--keep-every", "0"], ["--keep-every"]),
        (["--seed", "-1"], ["--seed"]),
        (["--schedule", "step:0.1@80,40"], ["step:0.1@80,40", "step:0.1@40,80"]),
        (["--limit", "9"], ["9 training examples are too few for 10 classes"]),
        (["--preprocess", "imagnet"], ["imagnet", "imagenet"]),
        (["--preprocess", "imagenet"], ["channel"]),
        (["--arch-arg", "widht=4"], ["widht", "width"]),
        (["--arch-arg", "width=0"], ["width"]),
        (["--nonsense"], ["--nonsense"]),
    ],
)
def test_options_with_values_that_cannot_be_used(refused, arguments, named):
    refused(*arguments, named=named)


@pytest.mark.parametrize(
    ("arch", "named"),
    [
        ("smal-cnn", ["smal-cnn", "small-cnn"]),
        ("zoo:cnn8", ["cnn8", "cnn9"]),
        ("torchvision:resnet19", ["resnet19", "resnet18"]),
        ("nowhere.py:build", ["nowhere.py"]),
        ("nowhere.py", ["nowhere.py:FUNCTION"]),
        ("max-sum-gnn", ["max-sum-gnn cannot be run on 'digits', which holds no graphs."]),
    ],
)
def test_architectures_that_do_not_exist_or_do_not_fit(refused, arch, named):
    refused(arch=arch, named=named)


def test_an_unknown_data_set(refused):
    refused(data="digit", named=["digit", "digits"])


def test_a_checkpoint_must_be_named(repprobe):
    result = repprobe("train", "small-cnn", "-d", "digits")
    assert result.status == 2
    assert "--out" in result.err


@pytest.mark.parametrize(
    ("out", "named"),
    [
        ("noisy.safetensors", ["noisy.safetensors", ".pt"]),
        ("noisy.png", ["noisy.png", "picture", "'noisy.pt'"]),
        ("noisy.svg", ["noisy.svg", "picture", "'noisy.pt'"]),
        ("file/noisy.pt", ["'file' is no folder"]),
        ("file/deeper/noisy.pt", ["'file' is no folder"]),
        ("folder", ["folder", "noisy.pt"]),
        ("/proc/noisy.pt", ["/proc"]),
    ],
)
def test_places_that_cannot_be_written(refused, tmp_path, out, named):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    refused(*SMALL, out=out, named=named)


def test_files_that_are_no_run_are_never_replaced(refused, tmp_path):
    import torch

    (tmp_path / "notes.pt").write_text("dear diary\n")
    refused(*SMALL, out="notes.pt", named=["notes.pt", "--restart"])
    torch.save({"linear.weight": torch.zeros(10, 4)}, tmp_path / "model.pt")
    refused(*SMALL, out="model.pt", named=["model.pt", "no run can go on from it", "--restart"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--arch-arg", "width=4"], ["width", "2", "4"]),
        (["--noise", "pair:0.2"], ["noise", "none", "pair:0.2"]),
        (["--method", "gce"], ["method", "ce", "gce"]),
        (["--seed", "1"], ["seed", "0", "1"]),
        (["--lr", "0.1"], ["learning rate", "0.1"]),
        (["--limit", "100"], ["limit", "50", "100"]),
    ],
)
def test_a_run_goes_on_from_its_own_checkpoint_only(repprobe, refused, arguments, named):
    command = ("--arch-arg", "width=2", "--limit", 50, "--epochs", 1)
    assert repprobe("train", "small-cnn", "-d", "digits", "-o", "noisy.pt", *command).status == 0
    refused(*command, *arguments, named=["noisy.pt", "--restart", *named])
    refused(*command, arch="mlp", named=["mlp"])
    refused(*command, "--arch-arg", "widht=4", named=["widht", "width"])


def test_a_snapshot_replaces_no_file_of_the_users(repprobe, refused, tmp_path):
    notes = tmp_path / "noisy-epoch-002.pt"
    notes.write_text("dear diary")
    command = ("--arch-arg", "width=2", "--limit", 50, "--epochs", 2, "--keep-every", 2)
    refused(*command, named=["noisy-epoch-002.pt", "no snapshot of this run", "--restart"])
    command = ("train", "small-cnn", "-d", "digits", "-o", "noisy.pt", *command, "--restart")
    assert repprobe(*command).status == 0
    assert notes.stat().st_size > 1000


def test_a_loss_that_is_no_number_names_epoch_and_step(repprobe, tmp_path):
    result = repprobe(
        *("train", "small-cnn", "-d", "digits", "-o", "noisy.pt", *SMALL[:2]),
        *("--optimizer", "sgd", "--lr", "1e30", "--epochs", 2),
    )
    assert result.status == 2
    assert result.out == ""
    last = result.err.splitlines()[-1]
    for part in ("epoch 1", "step", "learning rate", "noisy.pt"):
        assert part in last
    assert (tmp_path / "noisy.pt").exists()


def test_graphs_cannot_be_mixed(refused, tmp_path):
    paths = np.stack([np.arange(60), np.arange(60) ^ 1])
    np.savez(
        tmp_path / "pairs.npz",
        x=np.ones((60, 2), np.float32),
        edge_index=paths,
        batch=np.arange(60) // 2,
        y=np.arange(30) % 2,
    )
    pairs = {"arch": "max-sum-gnn", "data": "pairs.npz"}
    refused("--method", "mixup", **pairs, named=["mixup", "graphs"])


def test_preprocessing_and_networks_that_do_not_fit_graphs(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.parent / "cache"))
    graphs = {"data": "max-degree:40"}
    refused("--preprocess", "imagenet", arch="max-sum-gnn", **graphs, named=["imagenet", "channel"])
    for arch in ("small-cnn", "mlp"):
        named = [f"zoo:{arch} cannot be run on 'max-degree:40', which holds graphs."]
        refused(arch=arch, **graphs, named=named)


@pytest.mark.parametrize("method", ["dividemix", "forward"])
def test_a_run_that_ends_within_the_warm_up(refused, method):
    refused("--method", method, "--epochs", 1, named=[method, "warm-up", "1"])
