"""The torch engine's neighbours are exact, whatever float32 makes of the distances."""

import numpy as np
import pytest
import torch

from repprobe.probes.engines.torch_engine import neighbours as module
from repprobe.probes.engines.torch_engine.neighbours import nearest

N, D = 400, 33


def _points(kind, generator):
    x = generator.normal(size=(N, D))
    few = generator.integers(0, N // 8, N)
    return {
        "spread": lambda: x,
        "far from the origin": lambda: 1 + 1e-4 * x,
        "copies": lambda: x[few],
        "nearly copies": lambda: x[few] + 1e-9 * x,
        "whole numbers": lambda: generator.integers(0, 3, x.shape).astype(float),
        "mostly zeros": lambda: x * (generator.random((N, 1)) < 0.5),
        "one far away": lambda: np.concatenate([1e6 * x[:1], x[1:]]),
        "on a line": lambda: np.repeat(x[:, :1], D, 1),
        "collapsed": lambda: 10 * np.eye(10, D)[few % 10] + 1e-5 * x,
        "all zero": lambda: np.zeros_like(x),
    }[kind]()


KINDS = [
    "spread",
    "far from the origin",
    "copies",
    "nearly copies",
    "whole numbers",
    "mostly zeros",
    "one far away",
    "on a line",
    "collapsed",
    "all zero",
]


def _distances(x, queries, distance):
    """All squared distances, or 1 − cosine, in extended precision."""
    x, queries = x.astype(np.longdouble), queries.astype(np.longdouble)
    if distance == "euclidean":
        return np.stack([((q - x) ** 2).sum(1) for q in queries])
    x, queries = (
        v / np.maximum(np.sqrt((v**2).sum(1, keepdims=True)), 1e-300) for v in (x, queries)
    )
    return 1 - np.stack([(q * x).sum(1) for q in queries])


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_they_are_the_nearest_in_extended_precision(kind, dtype, distance):
    generator = np.random.default_rng(0)
    x = _points(kind, generator).astype(dtype)
    for queries, leave_out in ((x[::8] if kind != "spread" else x[::8] + 1, False), (x, True)):
        true = _distances(x, queries, distance)
        if leave_out:
            np.fill_diagonal(true, np.inf)
        for k in (1, 20):
            found = nearest(*map(torch.from_numpy, (x, queries)), k, leave_out, distance).numpy()
            ours = np.take_along_axis(true, found, 1)
            best = np.sort(true, axis=1)[:, :k]
            np.testing.assert_allclose(ours, best, atol=1e-15 * max(1, float(best.max())))


@pytest.mark.parametrize("k", [1, 7, 40])
def test_of_equally_near_rows_the_lower_index_comes_first(k):
    generator = np.random.default_rng(1)
    x = torch.from_numpy(generator.integers(0, 2, (N, 6)).astype(np.float64))
    true = ((x[:, None] - x) ** 2).sum(-1)
    expected = true.sort(dim=1, stable=True).indices[:, :k]
    assert torch.equal(nearest(x, x, k, False), expected)
    copies = torch.zeros(3 * N, 4)
    assert torch.equal(nearest(copies, copies[:2], k, False), torch.arange(k).expand(2, k))


def test_no_row_is_its_own_neighbour_though_it_has_copies():
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(0)).repeat(3, 1)
    found = nearest(x, x, 2, True)
    own = torch.arange(60)
    assert (found != own[:, None]).all()
    assert (found % 20 == (own % 20)[:, None]).all()


def test_all_other_rows_can_be_asked_for():
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    for k, leave_out in ((9, False), (8, True)):
        assert [len(set(row)) for row in nearest(x, x, k, leave_out).tolist()] == [k] * 9


def test_blocks_and_groups_change_nothing(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x, queries = (
        torch.randn(3000, 40, generator=generator),
        torch.randn(70, 40, generator=generator),
    )
    whole = nearest(x, queries, 5, False)
    assert module._Search(module._Rows.of(x, "euclidean"), 5, False).groups > 1
    monkeypatch.setattr(module, "_ENTRIES", 9000)
    assert torch.equal(nearest(x, queries, 5, False), whole)
    direct = torch.cdist(queries.double(), x.double()).topk(5, largest=False).indices
    assert torch.equal(whole, direct)


def test_the_error_bound_holds():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 300, generator=generator) * torch.rand(500, 1, generator=generator) * 9
    search = module._Search(module._Rows.of(x, "euclidean"), 5, False)
    rows = search.known
    rough = search._rough_keys(rows.rough, torch.arange(500))[:, :500].double()
    fine = rows.half - rows.fine @ rows.fine.T
    longest = rows.norm.max().expand(500)
    assert ((rough - fine).abs() <= search._error(rows, longest, module._U32)[:, None]).all()
