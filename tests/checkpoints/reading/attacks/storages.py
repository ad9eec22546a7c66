"""Tensors, storages and persistent ids that are not what they claim."""

import io
import os
import pickle
import struct

import torch

from .building import (
    MARK,
    TUPLE,
    Reduced,
    attack,
    call,
    name,
    pickled,
    plain,
    python,
    tensor,
    text,
    torch_zip,
    touch,
)


@attack
def wrong_magic(path, canary):
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6D, 2) + pickle.dumps(1001, 2))


def _tensor_file(path, made, data=bytes(16)):
    torch_zip(path, b"}" + text("w") + made + b"s", **{"data/0": data})


@attack
def stride_of_zero(path, canary):
    _tensor_file(path, tensor("0", 4, (1 << 40,), (0,)))


@attack
def overlapping_strides(path, canary):
    _tensor_file(path, tensor("0", 4, (2, 2, 2), (1, 1, 1)))


@attack
def tensor_beyond_its_storage(path, canary):
    _tensor_file(path, tensor("0", 4, (4,), (1 << 30,)))


@attack
def tensor_of_negative_offset(path, canary):
    _tensor_file(path, tensor("0", 4, (4,), (1,), -1 << 20))


@attack
def tensor_of_negative_stride(path, canary):
    _tensor_file(path, tensor("0", 4, (4,), (-1,), 3))


@attack
def storage_that_lies(path, canary):
    _tensor_file(path, tensor("0", 1 << 40, (1 << 40,), (1,)))


@attack
def storage_of_negative_size(path, canary):
    _tensor_file(path, tensor("0", -4, (4,), (1,)))


@attack
def storage_by_another_path(path, canary):
    _tensor_file(path, tensor("../data.pkl", 4, (4,), (1,)))


@attack
def legacy_storage_that_lies(path, canary):
    torch.save({"w": torch.ones(4)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    path.write_bytes(data[:-24] + struct.pack("<q", 1 << 40) + data[-16:])


@attack
def persistent_ids_of_odd_form(path, canary):
    torch_zip(path, MARK + text("module") + name("posix", "system") + TUPLE + b"Q")


@attack
def persistent_id_of_text(path, canary):
    plain(path, b"P" + touch(canary).encode() + b"\n")


@attack
def persistent_class_of_ones_own(path, canary):
    """A layer in a legacy file comes with its source code, which must stay text."""
    file = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(value, file, 2)
    source = (
        MARK
        + text("module")
        + name("own_nets", "Net")
        + text("f")
        + text(python(canary))
        + TUPLE
        + b"Q"
    )
    file.write(pickled(source + b")\x81}b") + pickle.dumps([], 2))
    path.write_bytes(file.getvalue())


@attack
def pickle_in_the_bytes_of_a_storage(path, canary):
    inner = pickle.dumps(Reduced(os.system, touch(canary)))
    body = b"B" + struct.pack("<I", len(inner)) + inner
    torch_zip(path, call("torch.storage", "_load_from_bytes", body))


@attack
def pickle_in_a_pickle(path, canary):
    inner = pickle.dumps(Reduced(os.system, touch(canary)))
    torch_zip(path, call("pickle", "loads", b"B" + struct.pack("<I", len(inner)) + inner))


@attack
def text_that_is_a_pickle(path, canary):
    path.write_text(f"cposix\nsystem\n(S'{touch(canary)}'\ntR.")
