"""Random crops and flips of a batch of images, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

PADDING = 4
"""Black pixels around an image before it is cropped to its size again."""

DRAWS = 3
"""Random numbers that one image takes."""


def crop_and_flip(images: Tensor, draws: NDArray[np.float64]) -> Tensor:
    """Shift each image by up to four pixels and mirror every second one.

    The usual augmentation for CIFAR (He et al. 2016, arXiv 1512.03385, section 4.2): the image is
    padded by four black pixels, cropped to its size at random, and mirrored with probability ½.

    Parameters
    ----------
    images : (b, channels, height, width), raw values, of which 0 is black.
    draws : (b, 3), uniform in [0, 1): down, right, and whether it is mirrored.

    Returns
    -------
    A new tensor of the same shape and type.
    """
    import torch
    from torch.nn.functional import pad

    height, width = images.shape[2:]
    device = images.device
    places = torch.from_numpy((draws[:, :2] * (2 * PADDING + 1)).astype(np.int64)).to(device)
    mirrored = torch.from_numpy(draws[:, 2] < 0.5).to(device)
    windows = pad(images, (PADDING,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    rows = torch.arange(len(images), device=device)
    cropped = windows[rows, :, places[:, 0], places[:, 1]]
    return torch.where(mirrored.view(-1, 1, 1, 1), cropped.flip(3), cropped)
