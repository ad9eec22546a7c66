"""CIFAR's pickled batches are read, and nothing in them runs."""

import pickle

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.errors import DataError

RNG = np.random.default_rng(0)
NAMES = ["a", "b", "c", "d", "e"]


def batch(count, labels="labels", protocol=2):
    content = {
        "data": RNG.integers(0, 256, (count, 3072), dtype=np.uint8),
        labels: [i % 5 for i in range(count)],
        "filenames": [f"{i}.png" for i in range(count)],
    }
    return content, pickle.dumps(content, protocol)


def write_cifar10(root, protocol=2):
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    contents = []
    for number in range(1, 6):
        content, raw = batch(10, protocol=protocol)
        (folder / f"data_batch_{number}").write_bytes(raw)
        contents.append(content["data"])
    (folder / "test_batch").write_bytes(batch(10, protocol=protocol)[1])
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": NAMES}, 2))
    return folder, np.concatenate(contents).reshape(-1, 3, 32, 32)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_batches_are_read_in_order(tmp_path, protocol):
    folder, expected = write_cifar10(tmp_path, protocol)
    for path in (tmp_path, folder):
        data = load_data(path)
        assert data.classes == tuple(NAMES)
        assert np.array_equal(data.train.inputs(np.arange(50)), expected)
        assert data.test.labels.tolist() == [0, 1, 2, 3, 4] * 2


def test_a_batch_as_python_2_wrote_it(tmp_path):
    folder, expected = write_cifar10(tmp_path)
    # Python 2 has byte strings where Python 3 calls _codecs.encode; the original batches are so.
    data = np.ascontiguousarray(expected[:10].reshape(10, 3072))
    raw = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b"
        b"\x87R(K\x01K\x0aM\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff"
        b"\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + len(data.tobytes()).to_bytes(4, "little")
        + data.tobytes()
        + b"tbU\x06labels](K\x00K\x01K\x02K\x03K\x04K\x00K\x01K\x02K\x03K\x04eu."
    )
    assert np.array_equal(pickle.loads(raw, encoding="latin1")["data"], data)
    (folder / "data_batch_1").write_bytes(raw)
    assert np.array_equal(load_data(folder).train.inputs(np.arange(10)), expected[:10])


def test_cifar100_has_fine_labels(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name in ("train", "test"):
        (folder / name).write_bytes(batch(20, "fine_labels")[1])
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": NAMES}, 2))
    data = load_data(tmp_path)
    assert (len(data.train), len(data.test), data.classes) == (20, 20, tuple(NAMES))


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (f"open({str(self.path)!r}, 'w').close()",)


def test_a_batch_that_asks_to_run_code_is_refused(tmp_path):
    folder, _ = write_cifar10(tmp_path)
    sprung = tmp_path / "sprung"
    (folder / "data_batch_3").write_bytes(pickle.dumps({"data": Trap(sprung)}, 2))
    with pytest.raises(DataError, match=r"data_batch_3' asks for '.*exec'.* nothing of it ran"):
        load_data(folder)
    assert not sprung.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        pickle.dumps([1, 2], 2),
        pickle.dumps({"labels": [1]}, 2),
        pickle.dumps({"data": np.zeros((2, 3072)), "labels": [0, 1]}, 2),
        pickle.dumps({"data": np.zeros((2, 30), np.uint8), "labels": [0, 1]}, 2),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, 2),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8)}, 2),
        batch(5)[1][:-200],
    ],
)
def test_a_damaged_batch_is_named(tmp_path, content):
    folder, _ = write_cifar10(tmp_path)
    (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(DataError, match="data_batch_2'") as caught:
        load_data(folder)
    assert "\n" not in str(caught.value)


def test_a_missing_batch_is_said(tmp_path):
    folder, _ = write_cifar10(tmp_path)
    (folder / "data_batch_4").unlink()
    with pytest.raises(DataError, match="has 4 of the 5 files data_batch_1…5"):
        load_data(folder)
    (folder / "test_batch").unlink()
    with pytest.raises(DataError, match="lacks the file 'test_batch'"):
        load_data(folder)
