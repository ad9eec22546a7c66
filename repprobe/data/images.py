"""Encoded images become uint8 arrays of one mode and one size; arrays are resized alike."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Part
from repprobe.data.graphs.graphs import Graphs
from repprobe.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

Mode = Literal["L", "RGB"]

_GRAY = ("L", "1", "LA")
_DEEP = ("I", "F")


@dataclass(frozen=True)
class Decoder:
    """Decodes images to the mode and shape of the first one.

    Attributes
    ----------
    mode : "L" or "RGB". Gray images become RGB; colour is never thrown away.
    size : side length every image is resized and cropped to, or None.
    shape : (channels, height, width) every image has to have.
    first : what the first image is called, for messages.
    """

    mode: Mode
    size: int | None
    shape: tuple[int, int, int]
    first: str

    @classmethod
    def like(cls, encoded: bytes | Path, name: str, size: int | None) -> Decoder:
        """Return the decoder for images like this first one; raises DataError as decoding does."""
        image = _open(encoded, name)
        mode: Mode = "L" if image.mode in _GRAY else "RGB"
        width, height = (size, size) if size else image.size
        return cls(mode, size, (1 if mode == "L" else 3, height, width), name)

    def decode(self, encoded: bytes | Path, name: str) -> NDArray[np.uint8]:
        """Return one image as uint8 (height, width, channels); `name` is for messages.

        Raises
        ------
        DataError
            The image cannot be decoded, is in colour where the first one is gray, or has
            another size than the first one and no common size was asked for.
        """
        image = _convert(_open(encoded, name), self.mode, name, self.first)
        if self.size:
            image = resize_and_crop(image, self.size)
        channels, height, width = self.shape
        if image.size != (width, height):
            raise DataError(
                f"{name} is {image.height}×{image.width} pixels, but {self.first} is "
                f"{height}×{width}; pass --image-size N to bring all images to one size."
            )
        return np.asarray(image).reshape(height, width, channels)

    def stack(self, images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return decoded images as one batch (b, channels, height, width)."""
        channels, height, width = self.shape
        batch = np.array(images, dtype=np.uint8).reshape(-1, height, width, channels)
        return np.ascontiguousarray(batch.transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class ResizedPart:
    """A part whose images (b, channels, height, width) are resized as they are read."""

    part: Part
    size: int
    whole: ClassVar[bool] = False

    @property
    def labels(self) -> NDArray[np.int64] | NDArray[np.float64]:
        return self.part.labels

    def __len__(self) -> int:
        return len(self.part)

    def inputs(self, indices: NDArray[np.int64]) -> NDArray[np.uint8] | NDArray[np.float32]:
        from PIL import Image

        raw = self.part.inputs(indices)
        assert not isinstance(raw, Graphs)  # `array_part` makes this view of images alone
        out = np.empty((*raw.shape[:2], self.size, self.size), raw.dtype)
        for index in np.ndindex(raw.shape[:2]):
            out[index] = resize_and_crop(Image.fromarray(raw[index]), self.size)
        return out


def resize_and_crop(image: Image.Image, size: int) -> Image.Image:
    """Resize the shorter side to `size` (bilinear, antialiased) and crop the centre.

    The result equals torchvision's `Resize(size)` followed by `CenterCrop(size)`.
    """
    from PIL import Image

    width, height = image.size
    short = min(width, height)
    wide, high = int(size * width / short), int(size * height / short)
    if (wide, high) != image.size:
        image = image.resize((wide, high), Image.Resampling.BILINEAR)
    left, top = round((wide - size) / 2), round((high - size) / 2)
    return image.crop((left, top, left + size, top + size))


def _open(encoded: bytes | Path, name: str) -> Image.Image:
    from PIL import Image

    try:
        image: Image.Image = Image.open(
            io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded
        )
        image.load()
    # Pillow's decoders answer a damaged file with almost any exception.
    except Exception as err:
        reason = "not an image" if "cannot identify" in str(err) else " ".join(str(err).split())
        raise DataError(f"{name} cannot be decoded ({reason}); repair or remove it.") from err
    return image


def _convert(image: Image.Image, mode: Mode, name: str, first: str) -> Image.Image:
    if image.mode == mode:
        return image
    if image.mode.split(";")[0] in _DEEP:
        # Pillow clips what lies above 255 here, and says nothing.
        raise DataError(
            f"{name} has more than 8 bits per channel; save it as 8 bits, or all images as floats "
            "in an .npz."
        )
    if mode == "L" and image.mode in _GRAY:
        return image.convert("L")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    image = image.convert("RGB")
    if mode == "RGB":
        return image
    red, green, blue = image.split()
    if red.tobytes() != green.tobytes() or red.tobytes() != blue.tobytes():
        raise DataError(
            f"{name} is in colour, but {first} is gray; convert all images to one mode."
        )
    return red
