"""The torch engine and scikit-learn solve the same problems to the same end."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repprobe.probes.engines import get_engine
from repprobe.probes.folds import stratified_folds
from repprobe.probes.standardize import Standardization

TORCH, SKLEARN = get_engine("torch"), get_engine("sklearn")
SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)


@dataclass(frozen=True)
class Problem:
    """A recipe for standardized features and classes, short enough to be printed."""

    seed: int
    classes: int
    n: int
    d: int
    distance: float
    degenerate: bool
    scaled: bool
    dtype: type

    def make(self):
        """Features (n, d), classes (n,), and test features (400, d)."""
        generator = np.random.default_rng(self.seed)
        y = generator.permutation(np.arange(self.n) % self.classes)
        centres = generator.normal(size=(self.classes, self.d)) * self.distance
        x = centres[y] + generator.normal(size=(self.n, self.d))
        test = centres[np.arange(400) % self.classes] + generator.normal(size=(400, self.d))
        if self.degenerate and self.d > 2:
            x[:, 0], test[:, 0] = x[:, 1], test[:, 1]
            x[:, 2] = test[:, 2] = 4.0
        scale = 10.0 ** generator.integers(-6, 7, size=self.d) if self.scaled else 1.0
        standardization = Standardization.fit(x * scale)
        x, test = (standardization.apply(v * scale, self.dtype) for v in (x, test))
        return x, y.astype(np.int64), test


problems = st.builds(
    Problem,
    seed=st.integers(0, 10**6),
    classes=st.integers(2, 12),
    n=st.integers(36, 120),
    d=st.sampled_from([1, 2, 5, 20, 60, 200]),
    distance=st.sampled_from([0.0, 0.5, 3.0]),
    degenerate=st.booleans(),
    scaled=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
)


def predictions(path, x):
    return np.stack(
        [(x @ w + b).argmax(1) for w, b in zip(path.coefficients, path.intercepts, strict=True)]
    )


@SETTINGS
@given(problems, st.sampled_from([1e-4, 1e-2, 1.0, 10.0]))
def test_logistic_reaches_the_same_objective_and_predictions(problem, strength):
    x, y, test = problem.make()
    classes = problem.classes
    ours = TORCH.logistic(x, y, classes, [strength], None)
    theirs = SKLEARN.logistic(x, y, classes, [strength], None)
    # float32 may run out of digits first; then the fit says so, and is as good all the same.
    assert ours.converged.all() or problem.dtype is np.float32
    np.testing.assert_allclose(ours.objective, theirs.objective, rtol=1e-4)
    agreement = (predictions(ours, test) == predictions(theirs, test)).mean()
    assert agreement >= 0.995 or not ours.converged.all()


@SETTINGS
@given(problems)
def test_logistic_ranks_the_regularizations_alike(problem):
    x, y, _ = problem.make()
    classes = problem.classes
    folds = stratified_folds(y, 3)
    grid = [1e-3, 1e-1, 10.0]
    ours = TORCH.logistic(x, y, classes, grid, folds)
    theirs = SKLEARN.logistic(x, y, classes, grid, folds)
    np.testing.assert_allclose(ours.held_out_loss[0], theirs.held_out_loss[0], rtol=1e-2)
    both = min(len(ours.held_out_loss), len(theirs.held_out_loss))
    np.testing.assert_allclose(ours.held_out_loss[:both], theirs.held_out_loss[:both], rtol=0.05)


@SETTINGS
@given(problems, st.sampled_from([0.0, 1e-2, 1.0, 1e3]), st.booleans())
def test_ridge_reaches_the_same_objective_and_leaves_out_alike(problem, alpha, by_fold):
    x, y, test = problem.make()
    targets = np.eye(problem.classes)[y]
    folds = stratified_folds(y, 3) if by_fold else None
    ours = TORCH.ridge(x, targets, [alpha], folds)
    theirs = SKLEARN.ridge(x, targets, [alpha], folds)
    np.testing.assert_allclose(ours.objective, theirs.objective, rtol=1e-4, atol=1e-10)
    np.testing.assert_allclose(
        test @ ours.coefficients[0] + ours.intercepts[0],
        test @ theirs.coefficients[0] + theirs.intercepts[0],
        rtol=1e-2,
        atol=1e-2,
    )
    if by_fold or (alpha > 0 or len(x) > x.shape[1] + 1):
        np.testing.assert_allclose(ours.held_out_loss, theirs.held_out_loss, rtol=1e-2)


def test_leaving_out_one_example_is_the_same_as_fitting_without_it():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(25, 4)), generator.normal(size=(25, 2))
    alone = np.arange(25)
    exact = TORCH.ridge(x, y, [0.5], None)
    refits = SKLEARN.ridge(x, y, [0.5], alone)
    np.testing.assert_allclose(exact.held_out_scores, refits.held_out_scores, atol=1e-9)


def test_least_squares_is_of_minimum_norm():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(10, 30)), generator.normal(size=(10, 2))
    path = TORCH.ridge(x, y, [0.0], None)
    expected, *_ = np.linalg.lstsq(x - x.mean(0), y - y.mean(0), rcond=None)
    np.testing.assert_allclose(path.coefficients[0], expected, atol=1e-8)


@SETTINGS
@given(problems, st.integers(1, 5))
def test_neighbours_are_the_same(problem, k):
    x, _, test = problem.make()
    x, test = x.astype(np.float64), test.astype(np.float64)
    for queries, leave_out in ((test, False), (x, True)):
        ours = TORCH.neighbours(x, queries, k, leave_out)
        theirs = SKLEARN.neighbours(x, queries, k, leave_out)
        # Where two lie equally far, either may come first: distances are what must agree.
        distances = [
            np.linalg.norm(queries[:, None] - x[found], axis=-1) for found in (ours, theirs)
        ]
        np.testing.assert_allclose(*distances, rtol=1e-4, atol=1e-6)


def test_the_path_stops_once_the_held_out_loss_has_risen():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 20)), generator.integers(0, 2, 60)
    path = TORCH.logistic(x, y, 2, [1e-4, 1e-2, 1.0, 100.0], stratified_folds(y, 3))
    assert len(path.regularization) < 4
    assert path.held_out_loss[-1] > path.held_out_loss.min()


def test_a_fit_that_is_cut_short_says_so():
    import torch

    from repprobe.probes.engines.torch_engine.decomposition import decompose
    from repprobe.probes.engines.torch_engine.logistic import Problems, Solution, solve

    generator = np.random.default_rng(0)
    x = torch.from_numpy(generator.normal(size=(200, 30)))
    y = torch.from_numpy(generator.integers(0, 5, 200))
    parts = decompose(x)
    one = torch.ones(1, dtype=torch.float64)
    problem = Problems(
        parts.z,
        parts.eigenvalues,
        y,
        torch.full((200, 1), 1 / 200).double(),
        1e-4 * one,
        1e-9 * one,
    )
    short = solve(problem, Solution.zeros(problem, 5), iterations=2)
    whole = solve(problem, Solution.zeros(problem, 5))
    assert short.decrement[0] > 1e-9 >= whole.decrement[0]
    assert short.gradient_norm[0] > whole.gradient_norm[0]
    assert short.objective[0] > whole.objective[0]


def test_problems_solved_together_or_alone_end_alike():
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(90, 12)), generator.permutation(np.arange(90) % 3)
    from repprobe.probes.engines.torch_engine import engine as module

    together = TORCH.logistic(x, y, 3, [0.1], stratified_folds(y, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LOGITS", 1)
        alone = TORCH.logistic(x, y, 3, [0.1], stratified_folds(y, 3))
    np.testing.assert_allclose(together.objective, alone.objective, rtol=1e-5)
    np.testing.assert_allclose(together.held_out_loss, alone.held_out_loss, rtol=1e-3)
