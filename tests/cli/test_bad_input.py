"""What the user can mend: exit status 2, one clear line, nothing written."""

import os
import pickle
import subprocess

import numpy as np
import pytest


class Attack:
    """Unpickled carelessly, it makes a file."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


@pytest.fixture
def refused(repprobe, tmp_path):
    """Call the command line; it must refuse in one line that names all of `named`."""

    def call(*arguments, named):
        before = sorted(tmp_path.rglob("*"))
        result = repprobe("layers", *arguments)
        assert result.status == 2, result
        assert result.out == ""
        assert len(result.err.splitlines()) == 1, result.err
        for name in named:
            assert name in result.err
        assert sorted(tmp_path.rglob("*")) == before
        return result.err

    return call


@pytest.fixture
def arrays(tmp_path):
    """Write an .npz of given parts; sensible ones by default."""

    def write(**parts):
        generator = np.random.default_rng(0)
        whole = {
            "x_train": generator.integers(0, 255, (40, 8, 8)).astype(np.uint8),
            "y_train": np.arange(40) % 4,
            "x_test": generator.integers(0, 255, (20, 8, 8)).astype(np.uint8),
            "y_test": np.arange(20) % 4,
            **parts,
        }
        np.savez(tmp_path / "set.npz", **whole)
        return tmp_path / "set.npz"

    return write


def test_a_missing_file(refused):
    refused("nowhere.pt", "-d", "digits", named=["nowhere.pt"])


def test_a_text_file_named_pt(refused, tmp_path):
    (tmp_path / "notes.pt").write_text("dear diary\n")
    refused("notes.pt", "-d", "digits", named=["notes.pt"])


def test_a_truncated_checkpoint(refused, tmp_path, digits_checkpoint):
    whole = digits_checkpoint.read_bytes()
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    refused("half.pt", "-d", "digits", named=["half.pt"])


def test_a_pickle_that_runs_a_command(refused, tmp_path):
    canary = tmp_path / "canary"
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Attack(canary), protocol=2))
    refused("evil.pt", "-d", "digits", named=["evil.pt", "system"])
    assert not canary.exists()


def test_an_unknown_architecture(refused, tmp_path):
    import torch

    torch.save({"stem.weight": torch.zeros(5, 3, 3, 3)}, tmp_path / "mystery.pt")
    refused("mystery.pt", "-d", "digits", named=["mystery.pt", "--arch"])


def test_a_state_dict_that_does_not_fit(refused, digits_checkpoint):
    refused(
        *(digits_checkpoint, "-d", "digits", "--arch", "zoo:cifar-resnet"),
        named=["stage1.conv1.weight"],
    )


def test_an_unknown_data_set(refused, digits_checkpoint):
    refused(digits_checkpoint, "-d", "cifer10", named=["cifer10", "cifar10"])


def test_an_unknown_layer(refused, digits_checkpoint):
    refused(
        *(digits_checkpoint, "-d", "digits", "-l", "stage4.conv1"),
        named=["stage4.conv1", "stage3.conv1", "--list"],
    )


def test_images_of_another_channel_number(refused, digits_checkpoint, arrays):
    data = arrays(
        x_train=np.zeros((40, 8, 8, 3), np.uint8), x_test=np.ones((20, 8, 8, 3), np.uint8)
    )
    refused(digits_checkpoint, "-d", data, named=["1 channel", "3"])


def test_images_of_the_wrong_size(refused, digits_checkpoint, arrays):
    data = arrays(x_train=np.zeros((40, 2, 2), np.uint8), x_test=np.ones((20, 2, 2), np.uint8))
    refused(digits_checkpoint, "-d", data, named=["2, 2"])


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ({"y_train": np.arange(40) % 4 - 1}, "-1"),
        ({"y_test": np.full(20, 7)}, "7"),
    ],
)
def test_labels_out_of_range(refused, digits_checkpoint, arrays, labels, named):
    refused(digits_checkpoint, "-d", arrays(**labels), named=[named])


def test_a_class_with_a_single_example(refused, digits_checkpoint, arrays):
    labels = np.arange(40) % 3
    labels[0] = 3
    refused(digits_checkpoint, "-d", arrays(y_train=labels), named=["3"])


def test_more_clean_labels_than_there_are(refused, digits_checkpoint):
    refused(digits_checkpoint, "-d", "digits", "--clean", 99999, named=["99999", "14"])


def test_an_output_folder_that_cannot_be_written(refused, digits_checkpoint, tmp_path):
    (tmp_path / "file").touch()
    refused(digits_checkpoint, "-d", "digits", "-o", "file/run", named=["file/run"])


def test_a_full_disk(repprobe, digits_checkpoint, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        result = repprobe("layers", digits_checkpoint, "-d", "digits", "-o", disk / "run")
        assert result.status == 2
        assert "no space left" in result.err
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--probe", "logistics"], "logistic"),
        (["--engine", "tensor"], "torch"),
        (["--clean", "many"], "many"),
        (["--clean", "0"], "--clean"),
        (["--memory", "lots"], "lots"),
        (["--pool", "median"], "median"),
        (["--preprocess", "imagnet"], "imagnet"),
        (["--preprocess", "imagenet"], "3 channels"),
        (["--device", "tpu9"], "tpu9"),
        (["--nonsense"], "--nonsense"),
        (["--seeds", "0"], "--seeds"),
        (["--margin", "-1"], "--margin"),
        (["--margin", "nan"], "--margin"),
        (["--clean", "all", "--seeds", "3"], "--seeds"),
        (["--arch", "torchvision:resnet19"], "resnet18"),
        (["--arch-arg", "depth"], "KEY=VALUE"),
    ],
)
def test_options_with_values_that_cannot_be_used(refused, digits_checkpoint, arguments, named):
    refused(digits_checkpoint, "-d", "digits", *arguments, named=[named])


def test_a_reference_of_another_architecture(refused, digits_checkpoint, tmp_path):
    from repprobe.training import train

    other = {"arch_args": {"width": 6}, "epochs": 0}
    train("small-cnn", "digits", out=tmp_path / "wide.pt", **other)
    refused(
        *(digits_checkpoint, "-d", "digits", "-r", "wide.pt"),
        named=["'wide'", "'digits'", "stage1.relu1", "wide, not"],
    )
    train("mlp", "digits", out=tmp_path / "flat.pt", arch_args={"width": 0.05}, epochs=0)
    refused(
        *(digits_checkpoint, "-d", "digits", "-r", "flat.pt"),
        named=["'flat'", "stage1.relu1"],
    )
    refused(
        *(digits_checkpoint, "-d", "digits", "-l", "stage1.relu1", "-r", "flat.pt"),
        named=["'flat'", "stage1.relu1"],
    )


def test_a_reference_that_is_the_network_itself(refused, digits_checkpoint):
    refused(digits_checkpoint, "-d", "digits", "-r", digits_checkpoint, named=["itself"])


@pytest.mark.parametrize(("reference", "named"), [("randon", "random"), ("twin.pt", "twin.pt")])
def test_a_reference_that_is_not_there(refused, digits_checkpoint, reference, named):
    refused(digits_checkpoint, "-d", "digits", "-r", reference, named=[named])


def test_noisy_labels_of_another_length(refused, digits_checkpoint, tmp_path):
    np.save(tmp_path / "labels.npy", np.zeros(1437, np.int64))
    refused(
        *(digits_checkpoint, "-d", "digits", "--noisy-labels", "labels.npy"),
        named=["labels.npy", "1437", "1438"],
    )


def test_noisy_labels_that_are_no_classes(refused, digits_checkpoint, tmp_path):
    np.save(tmp_path / "labels.npy", np.full(1438, 10))
    ask = (digits_checkpoint, "-d", "digits", "--noisy-labels", "labels.npy")
    refused(*ask, named=["labels.npy", "10"])


def test_an_earlier_checkpoint_of_another_architecture(refused, digits_checkpoint, tmp_path):
    from repprobe.training import train

    train("mlp", "digits", out=tmp_path / "flat.pt", arch_args={"width": 0.05}, epochs=0)
    refused(digits_checkpoint, "-d", "digits", "--rewind", "flat.pt", named=["flat"])


def test_data_must_be_named(refused, digits_checkpoint):
    refused(digits_checkpoint, named=["--data"])
