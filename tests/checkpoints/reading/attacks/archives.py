"""Archives of torch.save and torch.jit.save with odd directories, records and code."""

import struct
import zipfile
import zlib

import torch
from torch import nn

from .building import (
    PROTO,
    archive,
    attack,
    call,
    pickled,
    python,
    raw_zip,
    tensor,
    text,
    torch_zip,
    touch,
)


@attack
def code_beside_the_pickle(path, canary):
    body = b"}" + text("weight") + b"K\1s"
    torch_zip(path, body, **{"sitecustomize.py": python(canary).encode()})


@attack
def script_with_code_in_extra_files(path, canary):
    scripted = torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2))
    torch.jit.save(scripted, str(path), _extra_files={"evil.py": python(canary)})


@attack
def script_whose_pickle_calls(path, canary):
    archive(
        path,
        {
            "data.pkl": pickled(call("posix", "system", text(touch(canary)))),
            "constants.pkl": pickled(b")"),
            "code/__torch__.py": python(canary).encode(),
        },
    )


@attack
def path_traversal(path, canary):
    archive(path, {"data.pkl": pickled(b"}"), "../../../../../" + str(canary): b"x"})


@attack
def absolute_name(path, canary):
    archive(path, {"data.pkl": pickled(b"}"), str(canary): b"x"}, folder="")


@attack
def two_pickles_of_one_name(path, canary):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", pickled(b"}"))
        file.writestr("a/data.pkl", pickled(call("posix", "system", text(touch(canary)))))


@attack
def bomb_of_10_gib(path, canary):
    """A record that would unpack to 10 GiB of zeros: one block of them, over and over."""
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packing.compress(bytes(1 << 24)) + packing.flush(zlib.Z_FULL_FLUSH)
    data = block * 640 + packing.flush()
    body = b"}" + text("w") + tensor("0", 10 << 28, (10 << 28,), (1,)) + b"s"
    raw_zip(path, {"a/data.pkl": (0, pickled(body), None), "a/data/0": (8, data, (10 << 30, 1))})


@attack
def bomb_in_the_pickle(path, canary):
    archive(path, {"data.pkl": PROTO + bytes(20 << 20)}, method=zipfile.ZIP_DEFLATED)


@attack
def encrypted_record(path, canary):
    torch.save({"w": torch.ones(2)}, path)
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + 8] |= 1
        place = data.find(b"PK\x01\x02", place + 4)
    path.write_bytes(data)


@attack
def no_directory(path, canary):
    torch.save({"w": torch.ones(2)}, path)
    path.write_bytes(path.read_bytes()[:-22])


@attack
def directory_of_noise(path, canary):
    torch.save({"w": torch.ones(2)}, path)
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02")
    data[place + 4 : place + 46] = b"\xff" * 42
    path.write_bytes(data)


@attack
def directory_of_millions(path, canary):
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 65535, 65535, 1 << 31, 30, 0)
    path.write_bytes(b"PK\3\4" + bytes(60) + end)


@attack
def records_on_top_of_one_another(path, canary):
    raw_zip(
        path,
        {"a/data.pkl": (0, pickled(b"}"), None), "a/data/0": (0, b"x" * 9, None)},
        overlap=True,
    )
