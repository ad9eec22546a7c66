"""A column is read forward, a bounded chunk at a time, and gives the same at any order."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from repprobe.data import image_column
from repprobe.data.image_column import ImageColumn
from repprobe.errors import DataError

from .builders import write_parquet

CONTENT = [bytes([i]) * 1000 for i in range(50)]


@pytest.fixture
def column(tmp_path, monkeypatch):
    monkeypatch.setattr(image_column, "CHUNK_BYTES", 4000)
    for number, rows in enumerate((range(30), range(30, 50))):
        path = tmp_path / f"{number}.parquet"
        images = [CONTENT[i] for i in rows]
        write_parquet(path, [0] * len(rows), images=images, row_group_size=20)
    return ImageColumn([tmp_path / "0.parquet", tmp_path / "1.parquet"], "img")


@pytest.mark.parametrize("order", [range(50), range(49, -1, -1), [3, 3, 29, 30, 0, 49, 20, 19]])
def test_every_order_gives_the_same_images(column, order):
    assert len(column) == 50
    assert [column.encoded(i) for i in order] == [CONTENT[i] for i in order]


def test_no_more_than_a_chunk_is_held(column):
    held = []
    for i in range(50):
        column.encoded(i)
        held.append(len(column._chunk))
    assert 1 <= max(held) <= 5


def test_reading_forward_opens_every_row_group_once(column, monkeypatch):
    opened = []
    original = ImageColumn._file
    monkeypatch.setattr(ImageColumn, "_file", lambda self, n: opened.append(n) or original(self, n))
    for i in range(0, 50, 2):
        column.encoded(i)
    assert opened == [0, 0, 1]


def test_threads_do_not_disturb_each_other(column):
    rows = np.random.default_rng(0).integers(0, 50, 400).tolist()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(column.encoded, rows)) == [CONTENT[i] for i in rows]
    finally:
        sys.setswitchinterval(before)


def test_images_are_named_by_file_and_row(column):
    assert column.name(29).startswith("image 29 of '")
    assert column.name(30).endswith("1.parquet'")
    assert column.name(30).startswith("image 0 of '")


def test_a_file_damaged_after_opening_is_named(column):
    path = column.files[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * (len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(DataError, match=r"cannot read '.*0.parquet' as Parquet"):
        [column.encoded(i) for i in range(30)]
