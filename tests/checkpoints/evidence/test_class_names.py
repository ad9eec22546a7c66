"""The names of a network's outputs are read from a text or a file, and checked."""

import pytest

from repprobe.checkpoints.evidence import parse_classes
from repprobe.errors import UnknownNameError, UsageError

ANIMALS = ("bird", "cat", "deer", "dog")


def test_names_stand_in_the_order_of_the_outputs():
    assert parse_classes("dog, bird,cat,deer", ANIMALS) == (1, 2, 3, 0)


def test_a_file_has_one_name_per_line(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("tench, a fish\ncat\n\nbird\ndog\ndeer\n", encoding="utf-8")
    classes = (*ANIMALS, "tench, a fish")
    assert parse_classes(str(file), classes) == (2, 1, 4, 3, 0)


def test_outputs_that_are_none_of_the_classes_are_left_out():
    assert parse_classes("-,dog,-,bird,cat,deer", ANIMALS) == (3, 4, 5, 1)
    assert parse_classes("frog,dog,bird,cat,deer,horse", ANIMALS) == (2, 3, 4, 1)


@pytest.mark.parametrize(
    ("text", "kind", "named"),
    [
        ("dog,bird,cat,deers", UnknownNameError, ["deers", "deer"]),
        ("dog,bird,cat", UsageError, ["deer", "3 names"]),
        ("dog,bird,cat,cat", UsageError, ["cat", "twice"]),
        ("frog,dog,bird,cat,deers,horse", UsageError, ["deers", "deer"]),
        ("nams.txt", UsageError, ["no file", "nams.txt"]),
        ("", UnknownNameError, ["bird"]),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(text, kind, named, one_line):
    with pytest.raises(kind) as caught:
        parse_classes(text, ANIMALS)
    one_line(caught, *named)


def test_a_file_that_is_no_text_is_refused(tmp_path, one_line):
    file = tmp_path / "names.txt"
    file.write_bytes(b"\xff\xfe\x00dog")
    with pytest.raises(UsageError) as caught:
        parse_classes(str(file), ANIMALS)
    one_line(caught, "names.txt", "UTF-8")
