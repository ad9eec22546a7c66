"""Folds are stratified, even and seeded."""

import numpy as np

from repprobe.probes.folds import stratified_folds


def test_every_fold_has_its_share_of_every_class():
    labels = np.repeat(np.arange(4), [50, 30, 10, 10])
    folds = stratified_folds(labels, 5)
    for fold in range(5):
        assert np.bincount(labels[folds == fold]).tolist() == [10, 6, 2, 2]


def test_two_examples_of_a_class_are_never_left_out_together():
    labels = np.array([0] * 9 + [1] * 2)
    for seed in range(20):
        folds = stratified_folds(labels, 5, seed)
        assert len(set(folds[labels == 1])) == 2


def test_the_same_seed_gives_the_same_folds():
    labels = np.random.default_rng(0).integers(0, 3, 100)
    assert (stratified_folds(labels, 5, 1) == stratified_folds(labels, 5, 1)).all()
    assert (stratified_folds(labels, 5, 1) != stratified_folds(labels, 5, 2)).any()
