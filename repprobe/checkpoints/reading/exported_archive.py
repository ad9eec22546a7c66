"""The zip archive of an exported program: which records it may have, and the tensors in them."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from repprobe.checkpoints.reading.archive import Archive
from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.exported_arguments import Unread, dtype_of, is_strided, short
from repprobe.checkpoints.reading.exported_expressions import Unsafe
from repprobe.checkpoints.reading.plain_json import parse
from repprobe.checkpoints.reading.problems import ForeignError
from repprobe.checkpoints.reading.settling import Settling
from repprobe.checkpoints.reading.torch_zip import TorchArchive

if TYPE_CHECKING:
    from torch import Tensor

_CODE = re.compile(
    r".*\.(py|pyc|pyo|pyd|so|dll|dylib|o|a|c|cc|cpp|cu|cubin|ptx|h|sh|bat|exe|jar|js)(\.\d+)*",
    re.IGNORECASE,
)
_COMPILED = ("data/aotinductor/", "data/executorch/", "executorch/", "mtia/", "data/mtia/")
_DOCUMENT = 24 * 2**20
"""Bytes of JSON that are read at most: some thousand operators with the stacks of their calls."""

_OLD = "serialized_exported_program.json"
_KNOWN = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|models/[^/]+\.json|"
    r"data/(weights|constants|sample_inputs)/[^/]+|serialized_\w+\.(json|pt)"
)


class ProgramArchive:
    """The records of an exported program, in an archive whose directory has been checked.

    Attributes
    ----------
    records : their names, without the folder that all of them are in.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        """Check the directory of an archive of `size` bytes; raises as `Archive` does."""
        self._archive = Archive(file, size)
        names = list(self._archive.records)
        if any(record.method for record in self._archive.records.values()):
            raise Unread("its records are compressed, which torch does not do")
        tops = {name.partition("/")[0] for name in names}
        self._top = f"{tops.pop()}/" if len(tops) == 1 and len(names) > 1 else ""
        self.records = [name.removeprefix(self._top) for name in names]

    def read(self, name: str, most: int) -> bytes:
        """Return a record; raises `Unread` if it is missing or larger than `most`."""
        self._check_there(name)
        size = self._archive.records[self._top + name].size
        if size > most:
            raise Unread(f"its record {short(name)} takes {size} bytes")
        return self._archive.read(self._top + name, most)

    def bytes_of(self, name: str) -> Tensor:
        """Return the bytes of a record as a tensor; raises `Unread` if it is missing."""
        self._check_there(name)
        size = self._archive.records[self._top + name].size
        return self._archive.tensor(self._top + name, size)

    def _check_there(self, name: str) -> None:
        if self._top + name not in self._archive.records:
            raise Unread(f"it lacks the record {short(name)}")

    def json(self, name: str) -> Any:
        """Return what a record of JSON says."""
        try:
            return parse(self.read(name, _DOCUMENT))
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
        if "byteorder" in self.records and self.read("byteorder", 16).strip() != b"little":
            raise Unread("its numbers have their largest byte first")
        more = [n for n in self.records if not _KNOWN.fullmatch(n) and n != "extra/repprobe.json"]
        if not more:
            return []
        shown = ", ".join(short(name) for name in more[:3]) + (", …" if len(more) > 3 else "")
        return [f"Further files in the archive ({shown})."]

    def program(self) -> tuple[Any, str]:
        """Return the program as it stands there, and the name it has in the archive."""
        if _OLD in self.records:
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
            if examples and len(self.bytes_of(name)):
                self._unpickled(name)

    def _group(self, folder: str, model: str) -> dict[str, Tensor]:
        old = f"data/{folder}/{model}.pt"
        if old in self.records:
            return self._pickled(old)
        config = self.json(f"data/{folder}/{model}_{folder}_config.json")
        entries = config.get("config") if isinstance(config, dict) else None
        if not isinstance(entries, dict):
            raise Unread(f"its {folder} are not described")
        made: dict[Any, Tensor] = {}
        found = {}
        for name, entry in entries.items():
            path = entry.get("path_name") if isinstance(entry, dict) else None
            if not isinstance(path, str) or "/" in path:
                raise Unread(f"the entry of {short(name)} names no record")
            record = f"data/{folder}/{path}"
            if entry.get("use_pickle") is not False:
                found[name] = self._pickled_tensor(record)
            else:
                found[name] = self._view(name, record, entry.get("tensor_meta"), made)
        return found

    def _view(self, name: str, record: str, meta: Any, made: dict[Any, Tensor]) -> Tensor:
        """Make a tensor of the bytes of a record; those that are tied are one.

        `made` has what was made before: bytes by their record, tensors by what describes them.
        """
        import torch

        if not isinstance(meta, Mapping) or not is_strided(meta.get("layout")):
            raise Unread(f"the tensor {short(name)} is not described, or has an unusual layout")
        dtype = dtype_of(meta.get("dtype"))
        sizes, strides = _numbers(meta.get("sizes")), _numbers(meta.get("strides"))
        [offset] = _numbers([meta.get("storage_offset")])
        if len(sizes) != len(strides) or len(sizes) > 32:
            raise Unread(f"the tensor {short(name)} has an impossible shape")
        if record not in made:
            made[record] = self.bytes_of(record)
        base = made[record]
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
        described = (record, dtype, tuple(sizes), tuple(strides), offset)
        if described not in made:
            made[described] = base.view(dtype).as_strided(sizes, strides, offset)
        return made[described]

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
        """Read a record as a checkpoint of its own: tensors and plain values."""
        content = self.bytes_of(record).numpy().tobytes()
        try:
            inside = TorchArchive(io.BytesIO(content), len(content))
            if inside.is_script:
                raise Unsafe(f"a TorchScript program ({short(record)})")
            settling = Settling(inside.tensors)
            found = settling.settle(inside.load(Budget()))
        except ForeignError as err:
            raise Unsafe(f"{short(str(err))} (in {short(record)})") from None
        if settling.networks:
            raise Unsafe(f"a pickled network ({short(record)})")
        return found


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
