"""Every engine solves the same problems as scikit-learn's, to the same end."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import Problem, problems, small_problems

from repprobe.probes.engines import LabelSet

SETTINGS = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.differing_executors],
)
STRENGTHS = st.sampled_from([1e-4, 1e-2, 1.0, 10.0, 1000.0])


def dealt(y, count):
    """Return folds (n,) of equal size, in no other order than that of the classes."""
    folds = np.empty(len(y), np.int64)
    folds[np.argsort(y, kind="stable")] = np.arange(len(y)) % count
    return folds


def predictions(path, x):
    return np.stack(
        [(x @ w + b).argmax(1) for w, b in zip(path.coefficients, path.intercepts, strict=True)]
    )


@SETTINGS
@given(problem=problems, strength=STRENGTHS)
def test_logistic_reaches_the_same_objective_and_predictions(engine, reference, problem, strength):
    x, labels, test = problem.make()
    (ours,) = engine.logistic(x, [labels], [strength], None)
    (theirs,) = reference.logistic(x, [labels], [strength], None)
    assert theirs.converged.all()
    if not ours.converged.all():
        assert ours.objective[0] > 0.99 * theirs.objective[0]
        return
    np.testing.assert_allclose(ours.objective, theirs.objective, rtol=1e-5)
    assert (predictions(ours, test) == predictions(theirs, test)).mean() >= 0.99


@pytest.mark.parametrize("strength", [1e-4, 1e-2, 1.0])
def test_logistic_converges_on_well_posed_problems(engine, reference, strength):
    problem = Problem(1, 10, 300, 20, 0.5, False, True, False, False, False, np.float64)
    x, labels, _ = problem.make()
    for one in (engine, reference):
        (path,) = one.logistic(x, [labels], [strength], None)
        assert path.converged.all()
        assert path.gradient_norm.max() < 1e-3


@settings(SETTINGS, max_examples=8)
@given(problem=small_problems)
def test_logistic_ranks_the_regularizations_alike(engine, reference, problem):
    x, labels, _ = problem.make()
    folds, grid = dealt(labels.y, 3), [1e-3, 1e-1, 10.0]
    (ours,) = engine.logistic(x, [labels], grid, folds, whole=True)
    (theirs,) = reference.logistic(x, [labels], grid, folds, whole=True)
    np.testing.assert_array_equal(ours.tried, grid)
    np.testing.assert_array_equal(ours.regularization, grid)
    for path in (ours, theirs):
        assert path.held_out_scores.shape == (len(x), labels.classes)
        assert np.isfinite(path.held_out_scores).all()
    accuracies = [(p.held_out_scores.argmax(1) == labels.y).mean() for p in (ours, theirs)]
    assert abs(accuracies[0] - accuracies[1]) <= max(0.02, 2 / len(x))


@SETTINGS
@given(problem=problems, alpha=st.sampled_from([0.0, 1e-2, 1.0, 1e3]), by_fold=st.booleans())
def test_ridge_reaches_the_same_objective_and_leaves_out_alike(
    engine, reference, problem, alpha, by_fold
):
    x, labels, test = problem.make()
    targets = [np.eye(labels.classes)[labels.y], x[:, :1] - 2 * x[:, -1:] + 3]
    folds = dealt(labels.y, 3) if by_fold else None
    for ours, theirs in zip(
        engine.ridge(x, targets, [alpha], folds),
        reference.ridge(x, targets, [alpha], folds),
        strict=True,
    ):
        np.testing.assert_allclose(ours.objective, theirs.objective, rtol=1e-5, atol=1e-10)
        np.testing.assert_allclose(
            test @ ours.coefficients[0] + ours.intercepts[0],
            test @ theirs.coefficients[0] + theirs.intercepts[0],
            rtol=1e-2,
            atol=1e-2,
        )
        if by_fold or alpha > 0 or len(x) > x.shape[1] + 1:
            np.testing.assert_allclose(
                ours.held_out_loss, theirs.held_out_loss, rtol=1e-2, atol=1e-6
            )


@SETTINGS
@given(problem=problems, k=st.integers(1, 20), distance=st.sampled_from(["euclidean", "cosine"]))
def test_neighbours_are_as_near(engine, reference, problem, k, distance):
    x, _, test = problem.make()
    for queries, leave_out in ((test, False), (x, True)):
        ours, theirs = (
            one.neighbours(x, queries, k, leave_out, distance) for one in (engine, reference)
        )
        assert ours.shape == (len(queries), k)
        if leave_out:
            assert (ours != np.arange(len(x))[:, None]).all()
        # Where two lie equally far, either may come first: distances are what must agree.
        far = [_distances(queries, x, found, distance) for found in (ours, theirs)]
        scale = 1 if distance == "cosine" else np.abs(x).max() * x.shape[1] ** 0.5
        precision = 1e-6 if problem.dtype is np.float32 else 1e-7
        np.testing.assert_allclose(*far, atol=precision * scale)


def _distances(queries, x, found, distance):
    queries, x = queries.astype(np.float64), x.astype(np.float64)
    if distance == "euclidean":
        return np.linalg.norm(queries[:, None] - x[found], axis=-1)
    queries, x = (v / np.maximum(np.linalg.norm(v, axis=1), 1e-300)[:, None] for v in (queries, x))
    return 1 - np.einsum("qd,qkd->qk", queries, x[found])


def test_leaving_out_one_example_is_the_same_as_fitting_without_it(engine, reference):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(25, 4)), generator.normal(size=(25, 2))
    (exact,) = engine.ridge(x, [y], [0.5], None)
    (refits,) = reference.ridge(x, [y], [0.5], np.arange(25))
    np.testing.assert_allclose(exact.held_out_scores, refits.held_out_scores, atol=1e-9)


def test_least_squares_is_of_minimum_norm(engine, reference):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(10, 30)), generator.normal(size=(10, 2))
    expected, *_ = np.linalg.lstsq(x - x.mean(0), y - y.mean(0), rcond=None)
    for one in (engine, reference):
        (path,) = one.ridge(x, [y], [0.0], dealt(np.zeros(10, np.int64), 5))
        np.testing.assert_allclose(path.coefficients[0], expected, atol=1e-8)


def test_each_label_set_is_fitted_as_if_alone(engine, reference):
    generator = np.random.default_rng(3)
    x = generator.normal(size=(90, 12))
    sets = [
        LabelSet(generator.permutation(np.arange(90) % k).astype(np.int64), k) for k in (3, 3, 7)
    ]
    folds = dealt(sets[0].y, 3)
    for one in (engine, reference):
        together = one.logistic(x, sets, [0.01, 0.1], folds, whole=True)
        for labels, path in zip(sets, together, strict=True):
            (alone,) = one.logistic(x, [labels], [0.01, 0.1], folds, whole=True)
            np.testing.assert_allclose(path.objective, alone.objective, rtol=1e-5)
            np.testing.assert_allclose(path.held_out_loss, alone.held_out_loss, rtol=1e-3)


def test_a_path_may_end_once_the_held_out_loss_has_risen(engine, reference):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 20)), generator.permutation(np.arange(60) % 2)
    labels, grid = LabelSet(y.astype(np.int64), 2), [1e-4, 1e-2, 1.0, 100.0]
    for one in (engine, reference):
        (path,) = one.logistic(x, [labels], grid, dealt(y, 3))
        assert len(path.tried) == len(path.held_out_loss) < 4
        assert path.regularization[path.best] in path.tried
        (path,) = one.logistic(x, [labels], grid, dealt(y, 3), whole=True)
        assert len(path.tried) == len(path.regularization) == 4


def test_a_class_that_a_fold_lacks_is_never_its_answer(engine, reference):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(40, 5)), np.arange(40) % 3
    y[y == 2] = 0
    y[7] = 2
    folds = np.arange(40) % 4
    for one in (engine, reference):
        (path,) = one.logistic(x, [LabelSet(y, 3)], [0.1], folds)
        missing = folds == folds[7]
        assert (path.held_out_scores[missing].argmax(1) != 2).all()


def test_features_without_any_spread_are_fitted_by_the_intercept(engine, reference):
    x, y = np.zeros((30, 4)), np.arange(30) % 3
    for one in (engine, reference):
        (path,) = one.logistic(x, [LabelSet(y, 3)], [1.0], None)
        np.testing.assert_allclose(path.objective, np.log(3), rtol=1e-6)
        (path,) = one.ridge(x, [np.eye(3)[y]], [0.0, 1.0], dealt(y, 3))
        np.testing.assert_allclose(path.intercepts, 1 / 3, rtol=1e-6)
