"""Maps of flipped noise: those that are known, and those that are given."""

import json

import numpy as np
import pytest
from made_labels import CIFAR10, made

from repprobe.data.names import KNOWN
from repprobe.errors import DataError, UnknownNameError, UsageError
from repprobe.noise import corrupt

# The superclass of each fine label, as CIFAR-100's own files have it.
COARSE = """
4 1 14 8 0 6 7 7 18 3 3 14 9 18 7 11 3 9 7 11 6 11 5 10 7 6 13 15 3 15 0 11 1 10 12 14 16 9 11 5
5 19 8 8 15 13 14 17 18 10 16 4 17 4 2 0 17 4 18 17 10 3 2 12 12 16 12 1 9 19 2 10 0 1 16 12 9 13
15 13 16 19 2 4 6 19 5 5 8 19 18 1 2 15 6 0 17 8 14 13
"""
CIFAR100 = KNOWN["cifar100"].classes


def targets(law, classes):
    """Where a flipped law sends each class."""
    data = made(np.arange(len(classes)), classes)
    return corrupt(law, data).labels.tolist()


def test_cifar10_by_the_names_of_its_classes():
    assert targets("flipped:1", CIFAR10) == [0, 1, 0, 5, 7, 3, 6, 7, 8, 1]
    backwards = CIFAR10[::-1]
    expected = [9, 8, 9, 4, 2, 6, 3, 2, 1, 8][::-1]
    assert targets("flipped:1", backwards) == expected


def test_cifar100_stays_in_its_superclasses_and_goes_round_in_them():
    coarse = np.array(COARSE.split(), int)
    found = np.array(targets("flipped:1", CIFAR100))
    assert np.array_equal(coarse[found], coarse)
    for superclass in range(20):
        members = np.flatnonzero(coarse == superclass)
        assert found[members].tolist() == np.roll(members, -1).tolist()


def test_cifar100_as_hugging_face_spells_it():
    spelt = tuple("cra" if name == "crab" else name for name in CIFAR100)
    assert targets("flipped:1", spelt) == targets("flipped:1", CIFAR100)


def test_blocks_of_five_labels():
    assert targets("flipped:blocks:1", CIFAR10) == [1, 2, 3, 4, 0, 6, 7, 8, 9, 5]


def test_a_map_by_names_and_numbers():
    expected = [0, 1, 2, 5, 4, 5, 6, 7, 8, 0]
    assert targets("flipped:cat>dog,truck>airplane:1", CIFAR10) == expected
    assert targets("flipped:3>5, 9>airplane:1", CIFAR10) == expected


def test_a_map_from_a_file(tmp_path):
    file = tmp_path / "map.json"
    file.write_text(json.dumps({"cat": "dog", "truck": 0}))
    assert targets(f"flipped:{file}:1", CIFAR10) == [0, 1, 2, 5, 4, 5, 6, 7, 8, 0]


def test_a_name_goes_before_a_number():
    assert targets("flipped:1>0:1", ["1", "0", "2"]) == [1, 1, 2]


def test_an_unknown_class_is_named_with_its_neighbours():
    with pytest.raises(UnknownNameError, match=r"no class is named 'catt'; did you mean cat"):
        targets("flipped:catt>dog:1", CIFAR10)
    with pytest.raises(UnknownNameError, match=r"no class is named '10'\. .*numbers 0…9"):
        targets("flipped:cat>10:1", CIFAR10)
    with pytest.raises(UnknownNameError, match="'-1'"):
        targets("flipped:cat>-1:1", CIFAR10)


def test_data_without_a_map_say_how_to_give_one():
    with pytest.raises(UsageError, match=r"no map of its own .* flipped:0>1,1>0:R"):
        targets("flipped:0.4", list("0123456789"))


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("flipped:cat>cat:1", "class 'cat' to itself"),
        ("flipped:cat>dog,3>deer:1", "class '3' to two classes"),
        ("flipped:cat:1", "'cat' is neither a map"),
        ("flipped:cat>dog>deer:1", "neither a map"),
        ("flipped:cat>,dog>deer:1", "neither a map"),
        ("flipped:block:1", "neither a map such as cat>dog,dog>cat, nor blocks"),
        ("flipped:cat>dog", "the rate R must be a number, not 'cat>dog'"),
    ],
)
def test_a_map_that_makes_no_sense(law, message):
    with pytest.raises(UsageError, match=message):
        targets(law, CIFAR10)


def test_blocks_need_a_multiple_of_five_classes():
    with pytest.raises(UsageError, match="has 3 classes, which are no blocks of five"):
        targets("flipped:blocks:1", "abc")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ('["cat", "dog"]', "holds no map of classes"),
        ("3", "holds no map of classes"),
        ('{"cat": "dog", "cat": "deer"}', "class 'cat' to two classes"),
        ('{"cat": "dogg"}', "did you mean dog"),
        ('{"cat": ["dog"]}', "no class is named"),
    ],
)
def test_a_file_that_holds_no_map(tmp_path, content, message):
    file = tmp_path / "map.json"
    file.write_text(content)
    with pytest.raises((DataError, UsageError), match=message):
        targets(f"flipped:{file}:1", CIFAR10)
