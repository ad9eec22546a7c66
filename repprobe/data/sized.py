"""`SizedData`: one data set whose images can be had in several sizes, each read once."""

from __future__ import annotations

import os

from repprobe.data.dataset import Data
from repprobe.data.loading import load_data


class SizedData:
    """A data set by its name or path, or one that is in memory.

    Parameters
    ----------
    source : a name or path; or `Data`, whose images are of one size.
    """

    def __init__(self, source: str | os.PathLike[str] | Data) -> None:
        self._source = source
        self._read: dict[int | None, Data] = {}

    @property
    def has_sizes(self) -> bool:
        """Whether images can be had in other sizes."""
        return not isinstance(self._source, Data)

    def at(self, image_size: int | None) -> Data:
        """Return the data, images in that size; None leaves them as they are.

        `Data` in memory are returned as they are, whatever the size. Raises as `load_data` does.
        """
        if isinstance(self._source, Data):
            return self._source
        if image_size not in self._read:
            self._read[image_size] = load_data(self._source, image_size=image_size)
        return self._read[image_size]
