"""Pooling against plain loops."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from repprobe.capture.grid import averaging, grid_size
from repprobe.capture.layout import Channels, layout
from repprobe.capture.pooling import Pooling
from repprobe.capture.projection import SparseProjection
from repprobe.errors import UnknownNameError, UsageError


def pooled(x, mode="auto", layout="map", width=1024):
    return Pooling(mode, width).plan(x.shape[1:], layout)(x).numpy()


def naive_grid(x, grid):
    """Adaptive average pooling of (B, C, H, W), cell by cell."""
    x = x.double().numpy()
    high, wide = x.shape[2:]
    out = np.empty((*x.shape[:2], *grid))
    for i in range(grid[0]):
        rows = slice(i * high // grid[0], math.ceil((i + 1) * high / grid[0]))
        for j in range(grid[1]):
            columns = slice(j * wide // grid[1], math.ceil((j + 1) * wide / grid[1]))
            out[:, :, i, j] = x[:, :, rows, columns].mean((2, 3))
    return out.reshape(len(x), -1)


@pytest.mark.parametrize(
    ("channels", "high", "wide", "grid"),
    [
        (16, 32, 32, (8, 8)),
        (32, 16, 16, (5, 6)),
        (64, 8, 8, (4, 4)),
        (3, 32, 32, (18, 18)),
        (6, 30, 7, (28, 6)),
        (300, 9, 20, (1, 3)),
    ],
)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_maps_are_averaged_onto_the_largest_grid_that_fits(channels, high, wide, grid, memory):
    x = torch.randn(5, channels, high, wide).contiguous(memory_format=memory)
    assert grid_size((high, wide), 1024 // channels) == grid
    np.testing.assert_allclose(pooled(x), naive_grid(x, grid), atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 1500))
def test_a_grid_fits_and_cannot_be_cut_further(high, wide, cells):
    a, b = grid_size((high, wide), cells)
    assert a <= high
    assert b <= wide
    assert a * b <= cells
    assert a == high or (a + 1) * b > cells
    assert b == wide or a * (b + 1) > cells


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 60))
def test_averaging_is_adaptive_pooling(size, cells):
    cells = min(size, cells)
    expected = F.adaptive_avg_pool1d(torch.eye(size)[:, None], cells)[:, 0]
    torch.testing.assert_close(averaging(size, cells), expected)


def test_a_map_that_fits_is_kept_as_it_is():
    x = torch.randn(4, 16, 8, 8)
    np.testing.assert_array_equal(pooled(x), x.flatten(1).numpy())


def test_more_channels_than_width_give_projected_means():
    x = torch.randn(4, 50, 6, 6)
    projection = SparseProjection.draw(50, 20, 0).dense()
    expected = x.mean((2, 3)).numpy() @ projection
    np.testing.assert_allclose(pooled(x, width=20), expected, atol=1e-5)


def test_maps_of_one_axis():
    x = torch.randn(4, 8, 30)
    expected = F.adaptive_avg_pool1d(x, 12).flatten(1).numpy()
    np.testing.assert_allclose(pooled(x, width=100), expected, atol=1e-6)


def test_maps_of_three_axes():
    x = torch.randn(2, 4, 6, 8, 8)
    assert grid_size((6, 8, 8), 25) == (2, 3, 4)
    expected = F.adaptive_avg_pool3d(x, (2, 3, 4)).flatten(1).numpy()
    np.testing.assert_allclose(pooled(x, width=100), expected, atol=1e-6)


def test_channels_last_maps_give_what_channels_first_maps_give():
    x = torch.randn(3, 16, 10, 10)
    last = x.permute(0, 2, 3, 1).contiguous()
    np.testing.assert_allclose(pooled(last, layout="channels-last"), pooled(x), atol=1e-6)


def test_sequences_are_averaged_over_tokens():
    x = torch.randn(3, 7, 12)
    np.testing.assert_allclose(pooled(x, layout="sequence"), x.mean(1).numpy(), atol=1e-6)


@pytest.mark.parametrize(("mode", "token"), [("cls", 0), ("last", -1)])
def test_one_token_of_a_sequence(mode, token):
    x = torch.randn(3, 7, 12)
    np.testing.assert_array_equal(pooled(x, mode, "sequence"), x[:, token].numpy())


@pytest.mark.parametrize("mode", ["cls", "last"])
def test_maps_have_no_such_token_and_go_on_a_grid(mode):
    x = torch.randn(3, 16, 32, 32)
    np.testing.assert_array_equal(pooled(x, mode), pooled(x, "grid"))


def test_sequences_on_a_grid():
    x = torch.randn(3, 20, 12)
    expected = F.adaptive_avg_pool1d(x.mT, 8).flatten(1).numpy()
    np.testing.assert_allclose(pooled(x, "grid", "sequence", 100), expected, atol=1e-6)


@pytest.mark.parametrize(("mode", "reduce"), [("mean", np.mean), ("max", np.max), ("sum", np.sum)])
@pytest.mark.parametrize("layout", ["map", "channels-last", "sequence"])
def test_mean_max_and_sum_go_over_all_positions(mode, reduce, layout):
    x = torch.randn(3, 5, 6, 7) if layout != "sequence" else torch.randn(3, 5, 7)
    axes = (2, 3) if layout == "map" else tuple(range(1, x.ndim - 1))
    expected = reduce(x.numpy(), axis=axes)
    np.testing.assert_allclose(pooled(x, mode, layout), expected, atol=1e-5)


def test_flatten_keeps_every_value_and_projects_what_is_too_wide():
    x = torch.randn(3, 4, 5, 5)
    np.testing.assert_array_equal(pooled(x, "flatten"), x.flatten(1).numpy())
    assert pooled(x, "flatten", width=30).shape == (3, 30)


def test_none_has_no_bound():
    x = torch.randn(3, 4, 20, 20)
    np.testing.assert_array_equal(pooled(x, "none", width=30), x.flatten(1).numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype):
    x = torch.randn(3, 16, 32, 32).to(dtype)
    out = pooled(x)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, naive_grid(x, (8, 8)), atol=1e-5)


@pytest.mark.parametrize("shape", [(), (1,), (9,)])
def test_vectors_stay_as_they_are(shape):
    x = torch.randn(4, *shape)
    np.testing.assert_array_equal(pooled(x, layout="vector"), x.reshape(4, -1).numpy())


def test_projection_agrees_with_its_matrix():
    x = torch.randn(6, 3000)
    projection = SparseProjection.draw(3000, 100, 7)
    np.testing.assert_allclose(projection(x).numpy(), x.numpy() @ projection.dense(), atol=1e-3)


def test_projection_keeps_distances():
    x = torch.randn(50, 5000)
    y = SparseProjection.draw(5000, 1024, 0)(x)
    ratio = torch.pdist(y) / torch.pdist(x)
    assert abs(ratio.mean() - 1) < 0.01
    assert ratio.std() < 0.05


def test_projection_is_the_same_in_every_version():
    """Features on disk and saved heads depend on it: these numbers must not change."""
    projection = SparseProjection.draw(5, 10, 3)
    assert projection.cells.tolist() == [
        [1, 1, 1, 1, 0],
        [3, 2, 2, 3, 2],
        [5, 6, 6, 6, 5],
        [8, 8, 7, 7, 9],
    ]
    assert projection.signs.astype(int).tolist() == [
        [1, 1, 1, 1, -1],
        [1, 1, -1, -1, 1],
        [-1, 1, -1, -1, -1],
        [-1, -1, 1, 1, 1],
    ]


@pytest.mark.parametrize("width", [1, 2, 3, 7])
def test_projection_onto_a_few_values(width):
    x = torch.randn(2, 40)
    projection = SparseProjection.draw(40, width, 0)
    np.testing.assert_allclose(projection(x).numpy(), x.numpy() @ projection.dense(), atol=1e-4)


def test_nan_never_hides():
    x = torch.randn(4, 50, 4, 4)
    x[1, 3, 2, 2] = torch.nan
    x[2, 7, 0, 0] = torch.inf
    for mode in ("auto", "mean", "sum", "grid", "flatten", "none"):
        finite = np.isfinite(pooled(x, mode, width=20)).all(1)
        assert finite.tolist() == [True, False, False, True], mode


def test_an_unknown_mode_has_near_matches():
    with pytest.raises(UnknownNameError, match="did you mean mean"):
        Pooling("maen")


def test_a_width_below_one_is_refused():
    with pytest.raises(UsageError, match="the width must be 1 or more, not 0"):
        Pooling(width=0)


@pytest.mark.parametrize(
    ("shape", "told", "expected"),
    [
        ((7,), None, "vector"),
        ((5, 7), None, "sequence"),
        ((5, 7), Channels(False, 5), "map"),
        ((5, 7), Channels(True, 7), "sequence"),
        ((5, 5), Channels(False, 5), "map"),
        ((3, 8, 8), None, "map"),
        ((8, 8, 3), Channels(True, 3), "channels-last"),
        ((3, 8, 8), Channels(True, 3), "map"),  # permuted back without a module
        ((20, 8, 8), Channels(False, 4), "map"),  # concatenated channels
    ],
)
def test_where_the_channels_are(shape, told, expected):
    assert layout(shape, told) == expected
