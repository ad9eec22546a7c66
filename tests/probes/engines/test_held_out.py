"""What judges say of left-out examples is said of fits that did not see them."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from repprobe.probes.engines import LabelSet
from repprobe.probes.engines.held_out import HeldOut

ALPHAS = [1e-2, 1.0, 100.0]
STRENGTHS = [1e-3, 1e-1, 10.0]


def made(n, d, targets, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, d)) @ generator.normal(size=(d, d)) / np.sqrt(d)
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    y = x @ generator.normal(size=(d, targets)) / np.sqrt(d) + generator.normal(size=(n, targets))
    return x, y, generator.permutation(np.arange(n) % 5)


def column(number):
    return lambda scores, rows: scores[:, number].astype(np.float32)


def left_out(model, x, y, folds):
    found = np.empty(y.shape)
    for fold in np.unique(folds):
        out = folds == fold
        found[out] = model.fit(x[~out].astype(np.float64), y[~out]).predict(x[out])
    return found


@pytest.mark.parametrize(("n", "d"), [(90, 20), (60, 90), (700, 300)])
def test_ridge_predicts_each_fold_by_the_fit_without_it(one, n, d):
    if one.name != "torch" and d == 300:
        pytest.skip("only the torch engine takes another way with many rows and features")
    x, y, folds = made(n, d, 3)
    y[:, 1] += 1000
    first, second = one.ridge(x, [y[:, :2], y[:, 2:]], ALPHAS, folds, [column(1), column(0)])
    for path, target in ((first, 1), (second, 2)):
        assert path.held_out.shape == (len(ALPHAS), n)
        assert path.tried[path.chosen] == path.regularization[path.best]
        for alpha, said in zip(ALPHAS, path.held_out, strict=True):
            expected = left_out(Ridge(alpha=alpha, solver="svd"), x, y[:, target], folds)
            np.testing.assert_allclose(said, expected, atol=5e-3, rtol=1e-6)


def test_ridge_leaves_out_one_at_a_time_without_folds(one):
    x, y, _ = made(25, 4, 2)
    (path,) = one.ridge(x, [y], ALPHAS, None, [column(0)])
    (refits,) = one.ridge(x, [y], ALPHAS, np.arange(25), [column(0)])
    np.testing.assert_allclose(path.held_out, refits.held_out, atol=1e-5)


def test_judges_are_told_which_examples_they_see(one):
    x, y, folds = made(80, 6, 1)
    seen = np.zeros((len(ALPHAS), 80), int)
    calls = []

    def judge(scores, rows):
        calls.append(rows)
        assert scores.shape == (len(rows), 1)
        return y[rows, 0].astype(np.float32)

    (path,) = one.ridge(x, [y], ALPHAS, folds, [judge])
    for rows in calls:
        seen[:, rows] += 1
    assert (seen == len(ALPHAS)).all()
    np.testing.assert_array_equal(path.held_out, np.repeat(y.T.astype(np.float32), 3, axis=0))


def test_logistic_regression_is_judged_at_every_point_by_fits_without_the_example(one):
    x, scores, folds = made(200, 8, 4)
    sets = [LabelSet(scores.argmax(1), 4), LabelSet(scores[:, :3].argmax(1), 3)]

    def classed(scores, rows):
        return scores.argmax(1).astype(np.float32)

    paths = one.logistic(x, sets, STRENGTHS, folds, whole=True, judges=[classed, classed])
    for labels, path in zip(sets, paths, strict=True):
        assert path.held_out.shape == (len(STRENGTHS), 200)
        for strength, said in zip(STRENGTHS, path.held_out, strict=True):
            model = LogisticRegression(C=strength, tol=1e-8, max_iter=10_000)
            expected = left_out(model, x, labels.y, folds)
            assert (said != expected).sum() <= 2
        np.testing.assert_array_equal(path.held_out[path.chosen], path.held_out_scores.argmax(1))


def test_a_path_that_ends_early_is_judged_as_far_as_it_went(one):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 20)), generator.permutation(np.arange(60) % 2)
    (path,) = one.logistic(
        x, [LabelSet(y, 2)], [1e-4, 1e-2, 1.0, 100.0], np.arange(60) % 3, judges=[column(0)]
    )
    assert path.held_out.shape == (len(path.tried), 60)
    assert len(path.tried) < 4
    assert path.tried[path.chosen] == path.regularization[0]


def test_nothing_is_kept_without_a_judge_or_without_left_out_examples(one):
    x, y, folds = made(40, 5, 2)
    labels = LabelSet(y.argmax(1), 2)
    assert one.ridge(x, [y], ALPHAS, folds)[0].held_out is None
    assert one.logistic(x, [labels], STRENGTHS, folds)[0].held_out is None
    assert one.logistic(x, [labels], STRENGTHS, None, judges=[column(0)])[0].held_out is None


def test_judging_does_not_change_the_fit(one):
    x, y, folds = made(90, 12, 3)
    labels = LabelSet(y.argmax(1), 3)
    for plain, judged in (
        (one.ridge(x, [y], ALPHAS, folds), one.ridge(x, [y], ALPHAS, folds, [column(0)])),
        (
            one.logistic(x, [labels], STRENGTHS, folds),
            one.logistic(x, [labels], STRENGTHS, folds, judges=[column(0)]),
        ),
    ):
        np.testing.assert_array_equal(plain[0].coefficients, judged[0].coefficients)
        np.testing.assert_array_equal(plain[0].held_out_loss, judged[0].held_out_loss)


def test_the_judge_of_a_path_sees_each_point_once():
    said = []
    held = HeldOut(np.array([0, 1]), lambda scores, rows: said.append(rows) or scores[:, 0])
    assert held.judged is None
    for level in (0.0, 1.0):
        held.add(np.array([[level, 0.0], [0.0, 1.0]]))
    assert held.judged.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert len(said) == 2
