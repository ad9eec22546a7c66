"""WebVision's layout, made small: web labels to train on, checked ones to test on."""

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.data.webvision import read_webvision, read_webvision_mini
from repprobe.errors import DataError

from .builders import picture

SYNSETS = """\
n01440764 tench, Tinca tinca
n02012849 crane
n03126707 crane
n01443537 goldfish, Carassius auratus
"""


@pytest.fixture
def webvision(tmp_path):
    """A folder of the layout with four classes; Google's list lacks the last one."""
    return write_webvision(tmp_path / "webvision", SYNSETS)


def write_webvision(root, synsets):
    """Write real JPEG files and the lists of both searches and of the test part."""
    (root / "info").mkdir(parents=True)
    (root / "info" / "synsets.txt").write_text(synsets)
    lists = {
        "train_filelist_google": [(f"google/q{c:04}/{n}.jpg", c) for c in range(3) for n in "ab"],
        "train_filelist_flickr": [(f"flickr/q{c:04}/{n}.jpg", c) for c in range(4) for n in "cd"],
        "val_filelist": [(f"val{c:08}.jpg", c) for c in range(4)],
    }
    for name, entries in lists.items():
        text = "".join(f"{image} {label}\n" for image, label in entries)
        (root / "info" / f"{name}.txt").write_text(text)
        below = root / "val_images_256" if name.startswith("val") else root
        for number, (image, label) in enumerate(entries):
            (below / image).parent.mkdir(parents=True, exist_ok=True)
            picture(label, number, size=(9, 9 + number % 2)).save(below / image, "JPEG")
    return root


def test_google_is_trained_on_and_the_validation_part_tested_on(webvision):
    data = load_data(webvision, image_size=8)
    assert data.classes == ("tench", "crane (n02012849)", "crane (n03126707)")
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.test.labels.tolist() == [0, 1, 2]
    assert data.test.inputs(np.arange(3)).mean(axis=(1, 2, 3)) == pytest.approx(
        [20, 80, 140], abs=5
    )
    assert "web searches" in data.notes[0]
    assert data.notes[1] == (
        "only the first 3 of 4 classes were read: 1 test examples are of the others."
    )


def test_another_list_is_trained_on_where_it_is_named(webvision):
    data = load_data(webvision / "info" / "train_filelist_flickr.txt", image_size=8)
    assert data.classes[3] == "goldfish"
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert data.test.labels.tolist() == [0, 1, 2, 3]
    assert len(data.notes) == 1
    assert data.fingerprint != load_data(webvision, image_size=8).fingerprint


def test_flickr_is_trained_on_where_google_is_missing(webvision):
    (webvision / "info" / "train_filelist_google.txt").unlink()
    assert len(load_data(webvision, image_size=8).train) == 8


def test_the_number_of_classes_may_be_said(webvision):
    source = read_webvision(webvision, 8, classes=2)
    assert source.train.labels.tolist() == [0, 0, 1, 1]
    assert source.test.labels.tolist() == [0, 1]
    assert source.classes == ("tench", "crane (n02012849)")


def test_mini_is_the_first_fifty_classes(tmp_path):
    root = write_webvision(tmp_path, "".join(f"n{i:08} thing {i}\n" for i in range(60)))
    with (root / "info" / "train_filelist_google.txt").open("a") as stream:
        stream.writelines(f"google/q0000/a.jpg {label}\n" for label in (49, 49, 50, 59))
    source = read_webvision_mini(root, 8)
    assert source.classes == tuple(f"thing {i}" for i in range(50))
    assert source.train.labels.tolist() == [0, 0, 1, 1, 2, 2, 49, 49]


def test_mini_has_a_name(webvision, monkeypatch):
    (webvision / "info" / "train_filelist_google.txt").unlink()
    monkeypatch.setenv("REPPROBE_DATA", str(webvision.parent))
    assert len(load_data("webvision-mini", image_size=8).train) == 8


@pytest.mark.parametrize("name", ["webvision-mini", "webvision", "clothing1m"])
def test_what_cannot_be_downloaded_says_where_its_files_go(name):
    with pytest.raises(DataError, match=rf"^{name} is not on this machine\. Put its files \(as"):
        load_data(name)


def test_a_missing_image_is_named_with_its_line(webvision, one_line):
    (webvision / "val_images_256" / "val00000001.jpg").unlink()
    with pytest.raises(DataError) as caught:
        load_data(webvision)
    one_line(caught, "line 2 of", "val_filelist.txt' names", "val00000001.jpg', which is not")


@pytest.mark.parametrize("name", ["synsets.txt", "val_filelist.txt"])
def test_a_missing_file_is_named(webvision, name, one_line):
    (webvision / "info" / name).unlink()
    with pytest.raises(DataError) as caught:
        load_data(webvision)
    one_line(caught, "cannot read", name)


def test_a_class_without_a_synset_is_named_with_its_line(webvision, one_line):
    with (webvision / "info" / "train_filelist_google.txt").open("a") as stream:
        stream.write("google/q0000/a.jpg 4\n")
    with pytest.raises(DataError) as caught:
        load_data(webvision)
    one_line(caught, "line 7 of", "train_filelist_google.txt' has the class 4", "0…3")


def test_a_synset_without_a_name_is_refused(webvision):
    (webvision / "info" / "synsets.txt").write_text("n01440764 tench\nn02012849\n")
    with pytest.raises(DataError, match=r"line 2 of .*synsets.txt' is 'n02012849', not a synset"):
        load_data(webvision)


@pytest.mark.parametrize("name", ["train_filelist_google.txt", "val_filelist.txt"])
def test_a_list_without_these_classes_is_refused(webvision, name):
    (webvision / "info" / name).write_text("x.jpg 3\n")
    with pytest.raises(DataError, match=rf"{name}' lists no image of the first 3 classes"):
        read_webvision(webvision, 8, classes=3)
