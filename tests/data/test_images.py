"""Images come out in one mode and one size, and what cannot is named."""

import numpy as np
import pytest
from PIL import Image

from repprobe.data.dataset import ArrayPart
from repprobe.data.images import Decoder, ResizedPart, resize_and_crop
from repprobe.errors import DataError

from .builders import picture, png


def decoder(image, size=None):
    return Decoder.like(png(image), "the first", size)


def test_a_colour_image_is_read_as_it_is():
    image = picture(1, 0)
    assert np.array_equal(decoder(image).decode(png(image), "x"), np.asarray(image))


def test_a_batch_has_channels_first():
    images = [picture(1, n, (4, 6)) for n in range(3)]
    reader = decoder(images[0])
    batch = reader.stack([reader.decode(png(i), "x") for i in images])
    assert batch.shape == (3, 3, 4, 6)
    assert np.array_equal(batch[2], np.asarray(images[2]).transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1"])
def test_other_modes_become_rgb_like_the_first(mode):
    image = picture(2, 1).convert(mode)
    encoded = _tiff(image)
    found = decoder(picture(0, 0)).decode(encoded, "x")
    assert np.array_equal(found, np.asarray(image.convert("RGB")))


def test_a_gray_first_image_makes_gray_data():
    gray = picture(1, 0, mode="L")
    reader = decoder(gray)
    assert reader.shape == (1, 8, 8)
    assert np.array_equal(reader.decode(png(gray.convert("RGB")), "x")[..., 0], np.asarray(gray))


def test_colour_is_never_thrown_away():
    with pytest.raises(DataError, match="x is in colour, but the first is gray"):
        decoder(picture(0, 0, mode="L")).decode(png(picture(0, 1)), "x")


def test_a_palette_with_transparency_is_read_without_a_warning(recwarn):
    image = picture(1, 0).convert("P")
    image.info["transparency"] = bytes(range(256))
    assert decoder(picture(0, 0)).decode(png(image), "x").shape == (8, 8, 3)
    assert not recwarn.list


def test_sixteen_bits_are_refused_instead_of_clipped():
    deep = Image.fromarray((np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8))
    with pytest.raises(DataError, match="more than 8 bits"):
        decoder(picture(0, 0)).decode(png(deep), "x")


def test_another_size_needs_an_image_size():
    first, other = picture(0, 0, (8, 8)), picture(0, 1, (8, 10))
    with pytest.raises(DataError, match=r"x is 8×10 .* the first is 8×8; pass --image-size N"):
        decoder(first).decode(png(other), "x")
    assert decoder(first, 6).decode(png(other), "x").shape == (6, 6, 3)


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"no image", lambda b: b""]
)
def test_a_damaged_image_is_named(damage):
    with pytest.raises(
        DataError, match=r"^x cannot be decoded .* repair or remove it\.$"
    ) as caught:
        decoder(picture(0, 0, (40, 40))).decode(damage(png(picture(0, 1, (40, 40)))), "x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(40, 31), (31, 40), (33, 33), (17, 90), (12, 12)])
@pytest.mark.parametrize("size", [12, 24, 33])
def test_resizing_equals_torchvision(shape, size):
    transforms = pytest.importorskip("torchvision.transforms")
    image = picture(2, 5, shape)
    both = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size)])
    assert np.array_equal(np.asarray(resize_and_crop(image, size)), np.asarray(both(image)))


def test_arrays_are_resized_like_images():
    images = [picture(1, n, (20, 26)) for n in range(2)]
    array = np.stack([np.asarray(i) for i in images]).transpose(0, 3, 1, 2)
    part = ResizedPart(ArrayPart(array, np.array([0, 1])), 9)
    assert len(part) == 2
    expected = np.asarray(resize_and_crop(images[1], 9)).transpose(2, 0, 1)
    assert np.array_equal(part.inputs(np.array([1]))[0], expected)


def test_floats_are_resized_as_floats():
    array = np.full((1, 2, 4, 4), 0.3, np.float32)
    found = ResizedPart(ArrayPart(array, np.array([0])), 8).inputs(np.array([0]))
    assert found.dtype == np.float32
    assert np.allclose(found, 0.3)


def _tiff(image):
    import io

    stream = io.BytesIO()
    image.save(stream, "PNG" if image.mode in ("P", "1", "LA", "RGBA", "L") else "TIFF")
    return stream.getvalue()
