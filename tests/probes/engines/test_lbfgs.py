"""L-BFGS' memory of many problems gives each the direction of the plain two-loop recursion."""

import numpy as np
import pytest
import torch

from repprobe.probes.engines.torch_engine.lbfgs import Memory

PROBLEMS, UNKNOWNS, SIZE = 3, 12, 4


@pytest.fixture
def numbers():
    return np.random.default_rng(0)


def pairs(numbers, count):
    """Return steps and changes (P, count, D) of a quadratic per problem."""
    root = numbers.normal(size=(PROBLEMS, UNKNOWNS, UNKNOWNS))
    hessian = np.eye(UNKNOWNS) + root @ root.transpose(0, 2, 1)
    steps = numbers.normal(size=(PROBLEMS, count, UNKNOWNS))
    return steps, steps @ hessian


def remembered(steps, changes):
    memory = Memory.empty(len(steps), UNKNOWNS, SIZE, torch.zeros(0, dtype=torch.float64))
    for i in range(steps.shape[1]):
        memory.add(torch.from_numpy(steps[:, i]), torch.from_numpy(changes[:, i]))
    return memory


def two_loops(steps, changes, gradient, inverse):
    """Nocedal & Wright, algorithm 7.4, for one problem; the oldest pair comes first."""
    q, weights = gradient.copy(), []
    for s, y in zip(steps[::-1], changes[::-1], strict=True):
        weights.append(s @ q / (s @ y))
        q -= weights[-1] * y
    r = inverse * q
    for s, y, weight in zip(steps, changes, weights[::-1], strict=True):
        r += s * (weight - y @ r / (s @ y))
    return -r


def assert_directions(memory, steps, changes, numbers):
    """Compare with the recursion over the last pairs of every problem."""
    count = len(steps)
    gradient = numbers.normal(size=(count, UNKNOWNS))
    inverse = numbers.uniform(0.1, 2, size=(count, UNKNOWNS))
    found = memory.direction(torch.from_numpy(gradient), torch.from_numpy(inverse))
    expected = [
        two_loops(s[-SIZE:], y[-SIZE:], g, h)
        for s, y, g, h in zip(steps, changes, gradient, inverse, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("count", [0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE + 3])
def test_directions_are_those_of_the_recursion(numbers, count):
    steps, changes = pairs(numbers, count)
    assert_directions(remembered(steps, changes), steps, changes, numbers)


@pytest.mark.parametrize("count", [2, SIZE, SIZE + 2])
def test_picked_problems_keep_their_pairs_in_order(numbers, count):
    steps, changes = pairs(numbers, count)
    some = remembered(steps, changes).pick(torch.tensor([2, 0]))
    assert_directions(some, steps[[2, 0]], changes[[2, 0]], numbers)


@pytest.mark.parametrize("count", [1, SIZE, SIZE + 1, SIZE + 3])
@pytest.mark.parametrize("other_count", [0, 2, SIZE + 2])
def test_problems_that_are_put_back_keep_their_pairs_in_order(numbers, count, other_count):
    steps, changes = pairs(numbers, count)
    memory = remembered(*pairs(numbers, other_count))
    memory.put(torch.arange(PROBLEMS), remembered(steps, changes))
    assert_directions(memory, steps, changes, numbers)


def test_problems_that_are_not_put_back_stay_and_all_can_go_on(numbers):
    steps, changes = pairs(numbers, SIZE + 1)
    new_steps, new_changes = pairs(numbers, SIZE + 3)
    memory = remembered(steps, changes)
    memory.put(torch.tensor([1]), remembered(new_steps, new_changes).pick(torch.tensor([1])))
    steps[1, -SIZE:], changes[1, -SIZE:] = new_steps[1, -SIZE:], new_changes[1, -SIZE:]
    assert_directions(memory, steps, changes, numbers)
    last_steps, last_changes = pairs(numbers, 2)
    for i in range(2):
        memory.add(torch.from_numpy(last_steps[:, i]), torch.from_numpy(last_changes[:, i]))
    steps = np.concatenate([steps, last_steps], axis=1)
    changes = np.concatenate([changes, last_changes], axis=1)
    assert_directions(memory, steps, changes, numbers)


def test_a_pick_is_a_copy(numbers):
    steps, changes = pairs(numbers, SIZE)
    memory = remembered(steps, changes)
    memory.pick(torch.arange(PROBLEMS)).forget(torch.ones(PROBLEMS, dtype=torch.bool))
    assert_directions(memory, steps, changes, numbers)


def test_a_forgotten_problem_goes_by_the_first_guess(numbers):
    steps, changes = pairs(numbers, SIZE + 1)
    memory = remembered(steps, changes)
    memory.forget(torch.tensor([False, True, False]))
    gradient, inverse = (torch.from_numpy(numbers.uniform(1, 2, (3, UNKNOWNS))) for _ in range(2))
    found = memory.direction(gradient, inverse)
    np.testing.assert_allclose(found[1], -(gradient * inverse)[1])
    expected = two_loops(steps[0, 1:], changes[0, 1:], gradient[0].numpy(), inverse[0].numpy())
    np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=1e-9)


def test_a_pair_without_curvature_is_passed_over(numbers):
    steps, changes = pairs(numbers, 3)
    memory = remembered(steps[:, :2], changes[:, :2])
    memory.add(torch.from_numpy(steps[:, 2]), -torch.from_numpy(changes[:, 2]))
    assert_directions(memory, steps[:, :2], changes[:, :2], numbers)


def test_a_diagonal_that_is_added_to_the_hessian_is_seen_in_the_pairs(numbers):
    steps, changes = pairs(numbers, SIZE + 1)
    memory = remembered(steps, changes)
    added = numbers.uniform(0, 3, size=(PROBLEMS, UNKNOWNS))
    memory.stiffen(torch.from_numpy(added))
    assert_directions(memory, steps, changes + added[:, None] * steps, numbers)


def test_memory_in_float64_is_the_same(numbers):
    steps, changes = pairs(numbers, SIZE + 1)
    memory = Memory.empty(PROBLEMS, UNKNOWNS, SIZE, torch.zeros(0))
    for i in range(SIZE + 1):
        memory.add(*(torch.from_numpy(v[:, i]).float() for v in (steps, changes)))
    gradient, inverse = (torch.from_numpy(numbers.uniform(1, 2, (3, UNKNOWNS))) for _ in range(2))
    found = memory.double().direction(gradient, inverse)
    assert found.dtype == torch.float64
    expected = [
        two_loops(s[-SIZE:], y[-SIZE:], g, h)
        for s, y, g, h in zip(steps, changes, gradient.numpy(), inverse.numpy(), strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-4)
