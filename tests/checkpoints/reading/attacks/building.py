"""What attack files are built of: opcodes of pickles, archives, tensors, and the two tables."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

Builder = Callable[[Path, Path], None]
REFUSED: dict[str, Builder] = {}
"""Files that must be refused, by name; each builder takes the path and that of the canary."""

HARMLESS: dict[str, Builder] = {}
"""Files that hold code as mere data, or networks that are read without what is odd in them."""

STOP, MARK, TUPLE, REDUCE, BUILD, NEWOBJ, PROTO = b".", b"(", b"t", b"R", b"b", b"\x81", b"\x80\x04"


def attack(build, name=None):
    """Put a builder into the table of those to be refused."""
    REFUSED[name or build.__name__] = build
    return build


def harmless(build):
    """Put a builder into the table of those that may be read."""
    HARMLESS[build.__name__] = build
    return build


def text(value):
    """Push text, protocol 4."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module, attribute):
    """Push an import."""
    return f"c{module}\n{attribute}\n".encode()


def call(module, attribute, *arguments):
    """Push the call of an import with arguments that are pushed."""
    return name(module, attribute) + MARK + b"".join(arguments) + TUPLE + REDUCE


def pickled(body):
    """Return a whole pickle that leaves what `body` pushes."""
    return PROTO + body + STOP


def archive(path, records, *, method=zipfile.ZIP_STORED, folder="a/"):
    """Write a zip archive as torch.save lays it out."""
    with zipfile.ZipFile(path, "w", method) as file:
        for key, data in records.items():
            file.writestr(folder + key, data)


def torch_zip(path, body, **more):
    """Write a torch archive whose pickle is `body`."""
    archive(path, {"data.pkl": pickled(body), "version": b"3\n", **more})


def plain(path, body):
    """Write a plain pickle."""
    path.write_bytes(pickled(body))


def touch(canary):
    """Return the command that would leave the canary."""
    return f"touch {canary}"


def python(canary):
    """Return the line of Python that would leave the canary."""
    return f"open({str(canary)!r}, 'w').close()"


def storage(key, elements, kind="FloatStorage"):
    """Push a storage by its persistent id."""
    count = b"\x8a\x08" + elements.to_bytes(8, "little", signed=True)
    return (
        MARK
        + text("storage")
        + name("torch", kind)
        + text(key)
        + text("cpu")
        + count
        + TUPLE
        + b"Q"
    )


def tensor(key, elements, size, stride, offset=0):
    """Push a tensor."""

    def numbers(values):
        pushed = b"".join(b"\x8a\x08" + v.to_bytes(8, "little", signed=True) for v in values)
        return MARK + pushed + TUPLE

    first = b"\x8a\x08" + offset.to_bytes(8, "little", signed=True)
    none = call("collections", "OrderedDict")
    return call(
        "torch._utils",
        "_rebuild_tensor_v2",
        storage(key, elements),
        first,
        numbers(size),
        numbers(stride),
        b"\x89",
        none,
    )


def raw_zip(path, records, overlap=False):
    """Write a zip whose records say what they are told to: (method, data, (size, crc) or None)."""
    body, directory, start = b"", b"", 0
    for key, (method, data, told) in records.items():
        size, crc = told or (len(data), zlib.crc32(data))
        extra = struct.pack("<HHQ", 1, 8, size) if size >= 1 << 32 else b""
        short = min(size, 0xFFFFFFFF)
        common = struct.pack(
            "<HHHHHIIIHH", 45, 0, method, 0, 0, crc, len(data), short, len(key), len(extra)
        )
        start = 0 if overlap else len(body)
        local = b"PK\3\4" + common + key.encode() + extra
        directory += b"PK\1\2" + struct.pack("<H", 45) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, start) + key.encode() + extra
        body += local + data
    end = struct.pack(
        "<4sHHHHIIH", b"PK\5\6", 0, 0, len(records), len(records), len(directory), len(body), 0
    )
    path.write_bytes(body + directory + end)


class Reduced:
    """Its `__reduce__` is a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call
