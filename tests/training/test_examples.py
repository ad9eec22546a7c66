"""The training set as methods see it."""

import numpy as np
import pytest
import torch

from repprobe.checkpoints import Preprocessing
from repprobe.training.augment import crop_and_flip
from repprobe.training.examples import TrainingSet
from repprobe.training.inputs import ArrayInputs

RAW = torch.arange(23 * 3 * 4 * 4).reshape(23, 3, 4, 4).to(torch.uint8)


def make(batch_size=5, *, augment=False, seed=0, count=23, **processes):
    inputs = ArrayInputs(RAW[:count], Preprocessing.parse("unit"), 255, torch.device("cpu"))
    labels = torch.arange(count) % 4
    return TrainingSet(
        inputs, labels, 4, batch_size=batch_size, augment=augment, seed=seed, **processes
    )


def rows_of(batches):
    return [batch.rows.tolist() for batch in batches]


def sorted_rows(batches):
    return sorted(row for batch in batches for row in batch.rows.tolist())


def test_every_example_comes_once_with_its_own_input_and_label():
    examples = make()
    batches = list(examples.batches())
    assert [len(b.rows) for b in batches] == [5, 5, 5, 5, 3]
    assert sorted_rows(batches) == list(range(23))
    for batch in batches:
        assert torch.equal(batch.labels, batch.rows % 4)
        assert torch.equal(batch.inputs.x, RAW[batch.rows].float() / 255)
        assert len(batch.inputs) == len(batch.rows)


def test_a_last_batch_of_one_joins_the_one_before():
    assert [len(b.rows) for b in make(11).batches()] == [11, 12]
    assert [len(b.rows) for b in make(count=21).batches()] == [5, 5, 5, 6]
    assert [len(b.rows) for b in make(count=1).batches()] == [1]


def test_the_order_follows_from_seed_and_epoch():
    examples = make()
    first = rows_of(examples.batches())
    second_pass = rows_of(examples.batches())
    examples.begin_epoch(1)
    other = rows_of(examples.batches())
    examples.begin_epoch(0)
    assert rows_of(examples.batches()) == first
    assert rows_of(examples.batches()) == second_pass
    orders = [first, second_pass, other, rows_of(make(seed=1).batches())]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])


def test_passes_drawn_side_by_side_do_not_disturb_each_other():
    examples = make(augment=True)
    one, two = list(examples.batches()), list(examples.batches(views=2))
    examples.begin_epoch(0)
    mixed = list(zip(examples.batches(), examples.batches(views=2), strict=True))
    for alone, woven in zip(zip(one, two, strict=True), mixed, strict=True):
        for a, b in zip(alone, woven, strict=True):
            assert torch.equal(a.rows, b.rows)
            assert all(torch.equal(v.x, w.x) for v, w in zip(a.views, b.views, strict=True))


def test_some_rows():
    chosen = torch.tensor([2, 3, 5, 7, 11, 13])
    batches = list(make(4).batches(chosen))
    assert [len(b.rows) for b in batches] == [4, 2]
    assert sorted_rows(batches) == chosen.tolist()
    assert list(make().batches(chosen[:0])) == []


def test_each_view_is_augmented_by_itself():
    batch = next(make(23, augment=True).batches(views=2))
    assert len(batch.views) == 2
    assert not torch.equal(batch.views[0].x, batch.views[1].x)
    plain = next(make(23).batches(views=2))
    assert torch.equal(plain.views[0].x, plain.views[1].x)


def test_augmentation_is_that_of_crop_and_flip():
    """The draws are the numbers that follow the order's in the same stream."""
    batch = next(make(23, augment=True).batches())
    generator = np.random.Generator(np.random.PCG64([0, 102, 0, 0]))
    generator.random(23)
    expected = crop_and_flip(RAW[batch.rows], generator.random((1, 23, 3))[0])
    assert torch.equal(batch.inputs.x, expected.float() / 255)


@pytest.mark.parametrize("augment", [False, True])
def test_processes_share_each_batch(augment):
    whole = list(make(8, augment=augment).batches())
    parts = [list(make(8, augment=augment, rank=r, processes=2).batches()) for r in (0, 1)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert len(first.rows) == len(second.rows) == len(batch.rows) // 2
        even, odd = batch.rows[: len(batch.rows) // 2 * 2].view(-1, 2).t()
        assert torch.equal(first.rows, even)
        assert torch.equal(second.rows, odd)
        assert torch.equal(first.inputs.x, batch.inputs.x[: 2 * len(even) : 2])
        assert torch.equal(second.inputs.x, batch.inputs.x[1::2][: len(odd)])
