"""Another order of classes is told from confusions, and not seen where there is none."""

import numpy as np
import pytest

from repprobe.checkpoints.evidence import find_class_order, parse_classes

CLASSES = tuple("abcdefghij")


def answers(labels, order, share, outputs=10, seed=0):
    """Scores (n, outputs): of so many, the output of the true class is the largest."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(len(labels), outputs))
    right = rng.random(len(labels)) < share
    scores[np.flatnonzero(right), np.asarray(order)[labels[right]]] += 8
    return scores


def labels_of(count, classes=10, seed=1):
    return np.random.default_rng(seed).integers(0, classes, count)


def test_a_permutation_is_found_and_can_be_given():
    order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]
    labels = labels_of(400)
    found = find_class_order(answers(labels, order, 0.8), labels, CLASSES)
    assert found.order == tuple(order)
    assert found.before[0] < 0.4 < 0.7 < found.after[0]
    option = found.sentence.split("--classes ")[1].rstrip(".")
    assert parse_classes(option, CLASSES) == found.order


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9])
def test_the_present_order_is_left(share):
    labels = labels_of(400)
    assert find_class_order(answers(labels, range(10), share), labels, CLASSES) is None


def test_random_answers_have_no_order():
    labels = labels_of(200, 50)
    names = tuple(map(str, range(50)))
    for seed in range(10):
        scores = np.random.default_rng(seed).normal(size=(200, 50))
        assert find_class_order(scores, labels, names) is None


def test_one_answer_to_everything_is_no_order():
    labels = np.where(np.arange(300) % 10 < 6, 1, np.arange(300) % 10)
    scores = np.zeros((300, 10))
    scores[:, 7] = 1
    assert find_class_order(scores, labels, CLASSES) is None


def test_an_order_of_many_classes_is_found_from_few_examples_of_each():
    order = np.random.default_rng(5).permutation(100)
    labels = np.arange(800) % 100
    names = tuple(map(str, range(100)))
    found = find_class_order(answers(labels, order, 0.7, outputs=100), labels, names)
    assert np.mean(np.array(found.order) == order) > 0.95
    assert found.after[0] > 0.6


def test_the_accuracy_after_is_not_that_of_the_examples_that_told_the_order():
    labels = labels_of(300, 30)
    names = tuple(map(str, range(30)))
    order = np.random.default_rng(2).permutation(30)
    found = find_class_order(answers(labels, order, 0.5, outputs=30), labels, names)
    fresh = labels_of(20_000, 30, seed=9)
    scores = answers(fresh, order, 0.5, outputs=30, seed=9)[:, found.order]
    true = (scores.argmax(1) == fresh).mean()
    assert found.after[1] - 0.03 < true < found.after[2] + 0.03


def test_ten_of_a_thousand_outputs_are_found():
    order = [207, 5, 999, 1, 0, 340, 341, 342, 88, 12]
    labels = labels_of(300)
    found = find_class_order(answers(labels, order, 0.9, outputs=1000), labels, CLASSES)
    assert found.order == tuple(order)
    assert found.outputs == 1000
    assert "FILE" in found.sentence


def test_two_classes_that_changed_places_are_found():
    order = [1, 0, *range(2, 10)]
    labels = labels_of(600)
    found = find_class_order(answers(labels, order, 0.95), labels, CLASSES)
    assert found.order == tuple(order)


def test_labels_that_were_flipped_in_part_are_no_order():
    labels = labels_of(800)
    learned = np.where(np.random.default_rng(3).random(800) < 0.6, (labels + 1) % 10, labels)
    assert find_class_order(answers(learned, range(10), 0.95), labels, CLASSES) is None


def test_fewer_outputs_than_classes_or_no_numbers_have_no_order():
    labels = labels_of(100)
    assert find_class_order(np.zeros((100, 9)), labels, CLASSES) is None
    assert find_class_order(np.full((100, 10), np.nan), labels, CLASSES) is None
