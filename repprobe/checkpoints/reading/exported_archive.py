"""The zip archive of an exported program: which records it may have, and the tensors in them."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.reading.exported_arguments import Unread, dtype_of, is_strided, short
from repprobe.checkpoints.reading.exported_expressions import Unsafe
from repprobe.checkpoints.reading.plain_json import MOST_BYTES, parse
from repprobe.errors import CheckpointError, UnsafeCheckpointError

if TYPE_CHECKING:
    from torch import Tensor

_MOST_RECORDS = 100_000
_CODE = re.compile(
    r".*\.(py|pyc|pyo|pyd|so|dll|dylib|o|a|c|cc|cpp|cu|cubin|ptx|h|sh|bat|exe|jar|js)(\.\d+)*",
    re.IGNORECASE,
)
_COMPILED = ("data/aotinductor/", "data/executorch/", "executorch/", "mtia/", "data/mtia/")
_OLD = "serialized_exported_program.json"
_KNOWN = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|models/[^/]+\.json|"
    r"data/(weights|constants|sample_inputs)/[^/]+|serialized_\w+\.(json|pt)"
)


class Archive:
    """An archive whose directory has been checked.

    Attributes
    ----------
    records : the names of its records, without the folder that all of them are in.
    """

    def __init__(self, file: zipfile.ZipFile, size: int) -> None:
        """Check the directory of an archive of `size` bytes; raises `Unread` or `Unsafe`."""
        infos = [info for info in file.infolist() if not info.is_dir()]
        if len(infos) > _MOST_RECORDS:
            raise Unread(f"it has {len(infos)} records")
        if sum(info.file_size for info in infos) > size:
            raise Unread("its records are larger than the file")
        for info in infos:
            parts = info.orig_filename.split("/")
            if "" in parts or ".." in parts or "\\" in info.orig_filename:
                raise Unsafe(f"a record outside of the archive ({short(info.orig_filename)})")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise Unread("its records are compressed, which torch does not do")
            if info.flag_bits & 1:
                raise Unread("its records are encrypted")
        tops = {info.filename.partition("/")[0] for info in infos}
        top = f"{tops.pop()}/" if len(tops) == 1 and len(infos) > 1 else ""
        self._file = file
        self._infos = {info.filename.removeprefix(top): info for info in infos}
        if len(self._infos) < len(infos):
            raise Unread("two of its records have the same name")
        self.records = list(self._infos)

    @property
    def is_program(self) -> bool:
        """Whether it is what `torch.export.save` or AOTInductor writes."""
        form = self._infos.get("archive_format")
        new = form is not None and form.file_size == 3 and self.read("archive_format") == b"pt2"
        return new or {_OLD, "version"} <= self._infos.keys()

    def read(self, name: str, most: int | None = None) -> bytes:
        """Return a record; raises `Unread` if it is missing, damaged or larger than `most`."""
        info = self._infos.get(name)
        if info is None:
            raise Unread(f"it lacks the record {short(name)}")
        if most is not None and info.file_size > most:
            raise Unread(f"its record {short(name)} takes {info.file_size} bytes")
        try:
            return self._file.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError):
            raise Unread(f"its record {short(name)} is damaged") from None

    def json(self, name: str) -> Any:
        """Return what a record of JSON says."""
        try:
            return parse(self.read(name, MOST_BYTES))
        except ValueError as err:
            raise Unread(f"its record {short(name)} is no JSON: {err}") from None

    def check(self) -> list[str]:
        """Raise `Unsafe` for records that hold code; return what else is left out, in sentences."""
        for name in self.records:
            if name.startswith(_COMPILED):
                raise Unsafe(f"compiled code ({short(name)})")
            if _CODE.fullmatch(name):
                raise Unsafe(f"code ({short(name)})")
            if "custom_obj" in name:
                raise Unsafe(f"a custom object ({short(name)})")
        if "byteorder" in self._infos and self.read("byteorder", 16).strip() != b"little":
            raise Unread("its numbers have their largest byte first")
        more = [n for n in self.records if not _KNOWN.fullmatch(n) and n != "extra/repprobe.json"]
        if not more:
            return []
        shown = ", ".join(short(name) for name in more[:3]) + (", …" if len(more) > 3 else "")
        return [f"Further files in the archive ({shown})."]

    def program(self) -> tuple[Any, str]:
        """Return the program as it stands there, and the name it has in the archive."""
        if _OLD in self._infos:
            return self.json(_OLD), ""
        names = [n for n in self.records if n.startswith("models/") and n.endswith(".json")]
        if self.read("archive_version", 16).strip() != b"0":
            raise Unread("its archive has a version that is not read")
        if not names:
            raise Unread("it has no program")
        name = "models/model.json" if "models/model.json" in names else names[0]
        if len(names) > 1 and name != "models/model.json":
            shown = ", ".join(short(n) for n in names[:3])
            raise Unread(f"it has several programs ({shown}), none of which is called model")
        return self.json(name), name.removeprefix("models/").removesuffix(".json")

    def tensors(self, model: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the parameters and buffers of a program, and its constants, by name."""
        if not model:
            return (
                self._pickled("serialized_state_dict.pt"),
                self._pickled("serialized_constants.pt"),
            )
        return self._group("weights", model), self._group("constants", model)

    def check_pickles(self) -> None:
        """Raise `Unsafe` for examples of inputs that ask to run something; none is used."""
        for name in self.records:
            examples = name.startswith("data/sample_inputs/") or "example_inputs" in name
            if examples and self._infos[name].file_size:
                self._unpickled(name)

    def _group(self, folder: str, model: str) -> dict[str, Tensor]:
        old = f"data/{folder}/{model}.pt"
        if old in self._infos:
            return self._pickled(old)
        config = self.json(f"data/{folder}/{model}_{folder}_config.json")
        entries = config.get("config") if isinstance(config, dict) else None
        if not isinstance(entries, dict):
            raise Unread(f"its {folder} are not described")
        bases: dict[str, Tensor] = {}
        found = {}
        for name, entry in entries.items():
            path = entry.get("path_name") if isinstance(entry, dict) else None
            if not isinstance(path, str) or "/" in path:
                raise Unread(f"the entry of {short(name)} names no record")
            record = f"data/{folder}/{path}"
            if entry.get("use_pickle") is not False:
                found[name] = self._pickled_tensor(record)
            else:
                found[name] = self._view(name, record, entry.get("tensor_meta"), bases)
        return found

    def _view(self, name: str, record: str, meta: Any, bases: dict[str, Tensor]) -> Tensor:
        """Make a tensor of the bytes of a record, which several may share."""
        import torch

        if not isinstance(meta, Mapping) or not is_strided(meta.get("layout")):
            raise Unread(f"the tensor {short(name)} is not described, or has an unusual layout")
        dtype = dtype_of(meta.get("dtype"))
        sizes, strides = _numbers(meta.get("sizes")), _numbers(meta.get("strides"))
        [offset] = _numbers([meta.get("storage_offset")])
        if len(sizes) != len(strides) or len(sizes) > 32:
            raise Unread(f"the tensor {short(name)} has an impossible shape")
        if record not in bases:
            content = bytearray(self.read(record))
            bases[record] = (
                torch.frombuffer(content, dtype=torch.uint8)
                if content
                else (torch.empty(0, dtype=torch.uint8))
            )
        base = bases[record]
        count, last = 1, offset
        for size, stride in zip(sizes, strides, strict=True):
            count *= size
            last += (size - 1) * stride
        held = len(base) // dtype.itemsize
        if (count and (last >= held or count > held)) or len(base) % dtype.itemsize:
            raise Unread(f"the tensor {short(name)} claims more values than its record has")
        if not count:
            if max(sizes) > 2**40:
                raise Unread(f"the tensor {short(name)} has an impossible shape")
            return torch.empty(sizes, dtype=dtype)
        return base.view(dtype).as_strided(sizes, strides, offset)

    def _pickled_tensor(self, record: str) -> Tensor:
        from torch import Tensor

        found = self._unpickled(record)
        if not isinstance(found, Tensor):
            raise Unsafe(f"a pickled object that is no tensor ({short(record)})")
        return found

    def _pickled(self, record: str) -> dict[str, Tensor]:
        from torch import Tensor

        found = self._unpickled(record)
        if not isinstance(found, Mapping):
            raise Unread(f"its record {short(record)} is no state dict")
        if not all(isinstance(value, Tensor) for value in found.values()):
            raise Unsafe(f"pickled objects that are no tensors ({short(record)})")
        return dict(found)

    def _unpickled(self, record: str) -> Any:
        """Read a record as a checkpoint of its own, under all that is checked there."""
        from repprobe.checkpoints.reading import read

        with TemporaryDirectory(prefix="repprobe-") as folder:
            path = Path(folder) / "record.pt"
            path.write_bytes(self.read(record))
            try:
                return read(path).data
            except UnsafeCheckpointError as err:
                raise Unsafe(f"{short(record)}, of which this is said: {_about(err)}") from None
            except CheckpointError as err:
                raise Unread(f"its record {short(record)} is not read: {_about(err)}") from None


def _about(err: Exception) -> str:
    """Return what an error says of a file without naming the file."""
    return re.sub(r"^'[^']*'\s*", "", str(err)).rstrip(".")


def _numbers(values: Any) -> list[int]:
    """Return sizes that have to be plain numbers, as those of weights are."""
    if not isinstance(values, list):
        raise Unread("the sizes of a tensor are not listed")
    found: list[int] = []
    for value in values:
        number = value.get("as_int") if isinstance(value, Mapping) else None
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**62:
            raise Unread("the sizes of a tensor are impossible")
        found.append(number)
    return found
