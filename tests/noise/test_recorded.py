"""Labels that were recorded: CIFAR-10N, and files of labels."""

import numpy as np
import pytest
from made_labels import CIFAR10, made, made_targets

from repprobe.data import Data, SubsetPart, load_data
from repprobe.errors import DataError, UnknownNameError, UsageError
from repprobe.noise import corrupt


@pytest.fixture
def human_labels(tmp_path, monkeypatch):
    """A small CIFAR-10N where the named data set is looked for; returns a function to write it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "data" / "cifar10"
    folder.mkdir(parents=True)
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path / "data"))

    def write(clean, worse, index=None, column="worse_label"):
        index = np.arange(len(clean)) if index is None else index
        table = pa.table(
            {
                "index": pa.array(index, pa.int32()),
                "clean_label": pa.array(clean, pa.int8()),
                column: pa.array(worse, pa.int8()),
            }
        )
        pq.write_table(table, folder / "human_labels.parquet")

    return write


CLEAN = np.arange(20) % 10
WORSE = (CLEAN + (CLEAN > 6)) % 10


def test_human_labels_are_those_of_the_file_in_the_order_of_its_index(human_labels):
    order = np.random.default_rng(0).permutation(20)
    human_labels(CLEAN[order], WORSE[order], index=order)
    noisy = corrupt("human:worse", made(CLEAN, CIFAR10))
    assert noisy.labels.tolist() == WORSE.tolist()
    assert noisy.rate == pytest.approx(0.3)
    some = corrupt("human:worse", made(CLEAN, CIFAR10), rows=np.array([19, 0, 7]))
    assert some.labels.tolist() == [0, 0, 8]


def test_images_in_another_order_are_noticed(human_labels):
    human_labels(CLEAN, WORSE)
    labels = CLEAN.copy()
    labels[[13, 14]] = labels[[14, 13]]
    with pytest.raises(DataError, match=r"training image 13 is 4 in 'made', but 3 in "):
        corrupt("human:worse", made(labels, CIFAR10))


def test_human_labels_need_the_whole_training_part(human_labels):
    human_labels(CLEAN, WORSE)
    whole = made(CLEAN, CIFAR10)
    part = SubsetPart(whole.train, np.arange(16))
    data = Data("made", part, part, "classification", whole.classes, 1.0, "made")
    with pytest.raises(DataError, match=r"has labels of 20 images, but .* 'made' has 16"):
        corrupt("human:worse", data)


def test_broken_human_labels_are_refused(human_labels):
    human_labels(CLEAN, WORSE, column="worst_label")
    with pytest.raises(DataError, match=r"has no column 'worse_label'"):
        corrupt("human:worse", made(CLEAN, CIFAR10))
    human_labels(CLEAN, np.where(CLEAN == 4, 12, CLEAN))
    with pytest.raises(UnknownNameError, match=r"no class is named '12'.* label 4 of"):
        corrupt("human:worse", made(CLEAN, CIFAR10))
    human_labels(CLEAN, [None, *WORSE[1:].tolist()])
    with pytest.raises(DataError, match=r"'worse_label' of .* must hold an integer in every row"):
        corrupt("human:worse", made(CLEAN, CIFAR10))


def test_human_labels_are_cifar10s_only(tmp_path, monkeypatch):
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=r"cifar10 only, not for 'made'"):
        corrupt("human:worse", made(CLEAN))
    with pytest.raises(DataError, match=r"CIFAR-10N is not on this machine: put human_labels\.pa"):
        corrupt("human:worse", made(CLEAN, CIFAR10))


def test_an_unknown_annotation_is_answered_with_those_near_it():
    data = made(CLEAN, CIFAR10)
    with pytest.raises(UnknownNameError, match=r"'aggregate'; did you mean aggre"):
        corrupt("human:aggregate", data)
    with pytest.raises(UnknownNameError, match=r"'random'; did you mean random"):
        corrupt("human:random", data)
    with pytest.raises(UsageError, match=r"annotation is missing; write human:aggre\|worse"):
        corrupt("human", data)


@pytest.fixture(params=["by name", "by path"])
def cifar10(request, shared, monkeypatch):
    monkeypatch.setenv("REPPROBE_DATA", str(shared / "data"))
    if request.param == "by name":
        return load_data("cifar10", download=False)
    monkeypatch.delenv("REPPROBE_DATA")
    return load_data(shared / "data" / "cifar10")


@pytest.mark.parametrize(
    ("annotation", "percent"),
    [("aggre", 9.0), ("worse", 40.2), ("random1", 17.2), ("random2", 18.1), ("random3", 17.6)],
)
def test_the_rates_of_cifar10n_are_the_published_ones(cifar10, annotation, percent):
    noisy = corrupt(f"human:{annotation}", cifar10)
    assert 100 * noisy.rate == pytest.approx(percent, abs=0.05)
    assert np.array_equal(noisy.clean, cifar10.train.labels)


LABELS = [0, 1, 2, 2, 1]
DATA = made([0, 1, 2, 0, 1], ["cat", "dog", "fish"])


def written(tmp_path, kind):
    """Write LABELS in one of the ways that are read."""
    if kind in ("names.txt", "names.csv", "numbers.csv", "floats.txt"):
        file = tmp_path / kind
        texts = {"n": DATA.classes, "f": ("0.0", "1.00e+00", "2")}[kind[0]]
        texts = "012" if kind == "numbers.csv" else texts
        file.write_text("\n".join(texts[c] for c in LABELS) + "\n\n")
        return file
    arrays = {
        "numbers": np.array(LABELS, np.uint8),
        "floats": np.array(LABELS, np.float32),
        "column": np.array(LABELS)[:, None],
        "names": np.array([DATA.classes[c] for c in LABELS]),
    }
    stem, _, suffix = kind.partition(".")
    (np.save if suffix == "npy" else np.savez)(tmp_path / kind, arrays[stem])
    return tmp_path / kind


@pytest.mark.parametrize(
    "kind",
    [
        *("names.txt", "names.csv", "numbers.csv", "floats.txt", "names.npy", "numbers.npy"),
        *("floats.npy", "column.npy", "numbers.npz"),
    ],
)
def test_classes_from_a_file(tmp_path, kind):
    file = written(tmp_path, kind)
    noisy = corrupt(f"file:{file}", DATA)
    assert noisy.labels.tolist() == LABELS
    assert noisy.labels.dtype == np.int64
    assert corrupt(f"file:{file}", DATA, rows=np.array([3])).labels.tolist() == [2]


def test_targets_from_a_file(tmp_path):
    targets = np.array([[1.5, 2.0], [0.0, -3.0], [4.0, 5.25]])
    np.save(tmp_path / "targets.npy", targets)
    np.savetxt(tmp_path / "targets.csv", targets, delimiter=",")
    data = made_targets(np.zeros((3, 2)))
    for name in ("targets.npy", "targets.csv"):
        assert np.array_equal(corrupt(f"file:{tmp_path / name}", data).labels, targets)
    (tmp_path / "one.txt").write_text("1\n2.5\n-3e2")
    noisy = corrupt(f"file:{tmp_path / 'one.txt'}", made_targets(np.zeros(3)))
    assert noisy.labels.tolist() == [1, 2.5, -300]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.array([0, 1, 2, 3, 1]), "no class is named '3'.* label 3 of"),
        (np.array([0, 1, -1, 0, 1]), "no class is named '-1'.* label 2 of"),
        (np.array([0, 1, 2.5, 0, 1]), r"label 2 of .* is 2\.5, which is no class"),
        (np.array([0, np.nan, 2, 0, 1]), "label 1 of .* is nan, which is no class"),
        (np.array([0, 1, 2, 0]), r"shape \(4,\), but the training part of 'made' has \(5,\)"),
        (np.zeros((5, 2), int), r"labels of shape \(5, 2\)"),
        (np.array([True] * 5), "holds bool"),
        (np.array(["cat", "dgo", "cat", "dgo", "x"]), "'dgo'; did you mean dog.* label 1 of"),
        (np.array([{}] * 5), "Python objects, which are never unpickled"),
    ],
)
def test_arrays_that_hold_no_labels(tmp_path, content, message):
    np.save(tmp_path / "labels.npy", content, allow_pickle=True)
    with pytest.raises((DataError, UnknownNameError), match=message):
        corrupt(f"file:{tmp_path / 'labels.npy'}", DATA)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cat\ndog\nfisch\ncat\ndog", "'fisch'; did you mean fish.* label 2 of"),
        ("cat\ndog\n\ncat\ndog", "no class is named ''.* label 2 of"),
        ("0\n1\nnan\n0\n1", "no class is named 'nan'"),
        ("0\n1\n2\n0", "labels of shape"),
        ("", "labels of shape"),
        (b"\xff\xfe\x00", "it is no UTF-8 text"),
    ],
)
def test_text_that_holds_no_labels(tmp_path, content, message):
    file = tmp_path / "labels.txt"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((DataError, UnknownNameError), match=message):
        corrupt(f"file:{file}", DATA)


def test_targets_that_are_none(tmp_path):
    file = tmp_path / "targets.csv"
    for content, message in [
        ("1\nx\n3", "row 1 of .* holds 'x', which is no number"),
        ("1\nnan\n3", "label 1 of .* is NaN or infinite"),
        ("1\n1,2\n3", "row 1 of .* has 2 numbers, row 0 has 1"),
    ]:
        file.write_text(content)
        with pytest.raises(DataError, match=message):
            corrupt(f"file:{file}", made_targets(np.zeros(3)))
    np.save(tmp_path / "texts.npy", np.array(["a", "b", "c"]))
    with pytest.raises(DataError, match=r"targets must be numbers"):
        corrupt(f"file:{tmp_path / 'texts.npy'}", made_targets(np.zeros(3)))


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "labels.npy").write_bytes(b"no array")
    np.savez(tmp_path / "two.npz", a=np.zeros(5, int), b=np.zeros(5, int))
    for name, message in [
        ("label.npy", "there is no file .* did you mean labels.npy"),
        ("labels.npy", "cannot read .* as .npy: it is none"),
        ("two.npz", "holds a, b; it must hold one array"),
        ("labels.pt", "is no .npy, .npz, .csv or .txt file"),
        (f"{'x' * 300}.npy", "File name too long"),
    ]:
        with pytest.raises(DataError, match=message):
            corrupt(f"file:{tmp_path / name}", DATA)
    with pytest.raises(UsageError, match=r"the file is missing; write file:FILE"):
        corrupt("file", DATA)
