"""Safetensors are read where their header is the truth about the bytes after it."""

import pytest
import torch
import valid_other as valid
from attacks_other import entry, raw_safetensors
from safetensors.torch import save_file

from repprobe.checkpoints.reading.safetensors_file import read_safetensors
from repprobe.errors import CheckpointError

TYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.uint16),
    torch.complex64,
]


def test_tensors_and_texts_are_read(tmp_path):
    read = read_safetensors(valid.safetensors(tmp_path))
    assert read["format"] == "pt"
    expected = valid.net().state_dict()
    assert read["state_dict"].keys() == expected.keys()
    assert all(torch.equal(read["state_dict"][key], expected[key]) for key in expected)


def test_all_types_and_shapes_are_read(tmp_path):
    torch.manual_seed(0)
    shapes = [(), (1,), (0, 3), (2, 3, 4)]
    state = {
        f"{dtype}-{len(shape)}": (8 * torch.rand(shape)).to(dtype)
        for dtype in TYPES
        for shape in shapes
    }
    save_file(state, tmp_path / "a.safetensors")
    read = read_safetensors(tmp_path / "a.safetensors")["state_dict"]
    for key, tensor in state.items():
        assert read[key].dtype == tensor.dtype
        assert read[key].shape == tensor.shape
        assert torch.equal(read[key].to(torch.complex128), tensor.to(torch.complex128))


@pytest.mark.parametrize(
    ("header", "body", "said"),
    [
        (b"", b"", "no JSON"),
        (b"[1]", b"", "no JSON object"),
        (b'{"a": 1}', b"", "not dtype, shape and offsets"),
        ({"a": entry([1], 0, 4, "F7")}, bytes(4), "unknown type"),
        ({"a": entry([1.0], 0, 4)}, bytes(4), "impossible shape"),
        ({"a": entry([True], 0, 4)}, bytes(4), "impossible shape"),
        ({"a": entry([1] * 65, 0, 4)}, bytes(4), "impossible shape"),
        ({"a": entry([1], 4, 8)}, bytes(8), "leave a hole"),
        ({"__metadata__": {"a": 1}}, b"", "not all text"),
        (b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,NaN]}}', bytes(4), "two offsets"),
        ('{"ä": 1}'.encode("latin-1"), b"", "not UTF-8"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, one_line, header, body, said):
    path = raw_safetensors(tmp_path, header, body)
    with pytest.raises(CheckpointError) as caught:
        read_safetensors(path)
    one_line(caught, path, "cut short or damaged", said)


def test_a_name_that_does_not_print_is_shown_as_text(tmp_path, one_line):
    path = raw_safetensors(tmp_path, {"a\n\x1b[31m": 1})
    with pytest.raises(CheckpointError) as caught:
        read_safetensors(path)
    one_line(caught, r"a\n\x1b[31m")
