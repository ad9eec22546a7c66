"""Files of torch.save since PyTorch 1.6: a zip archive of a pickle and one record per storage."""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from repprobe.checkpoints.reading import opcodes
from repprobe.checkpoints.reading.archive import Archive
from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.legacy import Inline
from repprobe.checkpoints.reading.problems import DamagedError, ForeignError, UnsupportedError
from repprobe.checkpoints.reading.records import Storage
from repprobe.checkpoints.reading.tensors import Tensors, storage_of

if TYPE_CHECKING:
    from torch import Tensor

PICKLE = "data.pkl"
_PICKLE_SIZE = 512 << 20
_OWN = {PICKLE, "version", "byteorder", ".format_version", ".storage_alignment"}
_OWN_FOLDERS = ("data/", ".data/")
_SCRIPT = {"constants.pkl", "traced_inputs.pkl", "attributes.pkl", "bytecode.pkl", "model.json"}
_SCRIPT_FOLDERS = ("code/", "constants/", "traced_inputs/", "debug/", "tensors/")
_CODE = {".py", ".pyc", ".pyo", ".pkl", ".pickle", ".so", ".dll", ".dylib", ".pyd", ".sh", ".exe"}


class TorchArchive:
    """An archive of torch.save or torch.jit.save.

    Attributes
    ----------
    records : the names of its records without their common folder.
    tensors : makes tensors of its storages.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.archive = Archive(file, size)
        names = list(self.archive.records)
        self._folder = names[0].partition("/")[0] + "/" if names and "/" in names[0] else ""
        if not all(name.startswith(self._folder) for name in names):
            raise DamagedError("records outside of the archive's folder")
        self.records = [name[len(self._folder) :] for name in names]
        self.tensors = Tensors(self._bytes, size)

    @property
    def is_script(self) -> bool:
        """Whether torch.jit.save wrote it."""
        return "constants.pkl" in self.records or "model.json" in self.records

    def beside(self) -> list[str]:
        """Return the names of records that neither the pickle nor its tensors need.

        Raises ForeignError where one of them is code that does not belong to TorchScript.
        """
        found = []
        for name in self.records:
            if name in _OWN or name.startswith(_OWN_FOLDERS):
                continue
            if self.is_script and (name in _SCRIPT or name.startswith(_SCRIPT_FOLDERS)):
                continue
            if PurePosixPath(name).suffix.lower() in _CODE:
                raise ForeignError(name, "hold")
            found.append(name)
        return found

    def load(self, budget: Budget) -> Any:
        """Read its pickle; returns records."""
        if PICKLE not in self.records:
            raise UnsupportedError("a zip archive, but not one that torch.save writes")
        if "byteorder" in self.records and self._read("byteorder", 16) != b"little":
            raise UnsupportedError("weights of a machine with another order of bytes")
        pickled = self._read(PICKLE, _PICKLE_SIZE)
        file = io.BytesIO(pickled)
        found = opcodes.load(
            file, len(pickled), self._storage, budget=budget, script=self.is_script
        )
        if file.tell() != len(pickled):
            raise DamagedError("bytes after the pickle")
        return found

    def _read(self, name: str, limit: int) -> bytes:
        return self.archive.read(self._folder + name, limit)

    def _storage(self, saved: Any) -> Storage:
        return storage_of(saved)[2]

    def _bytes(self, key: Any, size: int) -> Tensor:
        if isinstance(key, Inline):
            return key.tensor()
        return self.archive.tensor(f"{self._folder}data/{key}", size)
