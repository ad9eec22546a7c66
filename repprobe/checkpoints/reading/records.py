"""What a pickle names and makes, as records: nothing is imported, called or allocated."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Kind(Enum):
    """What an imported name may be used for."""

    CALL = "a function of ours stands for it"
    STORAGE = "a kind of storage"
    LAYER = "a class of layers, resolved when a module is rebuilt"
    FUNCTION = "a function of a library, resolved when a module is rebuilt"
    CHOICE = "an enumeration of a library, resolved when a module is rebuilt"
    INERT = "a name and nothing else"
    MAPPING = "a dictionary of another name"
    SCRIPT = "a class of TorchScript, whose code is not read"


@dataclass(eq=False, slots=True)
class Name:
    """An admitted import; `module` and `name` as they stand in the file."""

    module: str
    name: str
    kind: Kind

    @property
    def full(self) -> str:
        """The dotted name."""
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Made:
    """An instance of an admitted class: its arguments and state, as they were pickled."""

    name: Name
    arguments: tuple[Any, ...] = ()
    state: Any = None


@dataclass(eq=False, slots=True)
class Storage:
    """Elements that lie somewhere in the file.

    Attributes
    ----------
    key : where, in the words of the format.
    dtype : None where the storage has no type of its own, and elements are bytes.
    elements : how many it claims to have.
    first : offset of its first element in what lies under the key.
    """

    key: Any
    dtype: torch.dtype | None
    elements: int
    first: int = 0


@dataclass(eq=False, slots=True)
class TensorRecord:
    """A view of a storage; offset and stride count elements."""

    storage: Storage
    dtype: torch.dtype
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool = False
    is_parameter: bool = False


@dataclass(eq=False, slots=True)
class NumpyType:
    """A dtype of numpy; `order` is "<", ">", "=" or "|"."""

    code: str
    order: str = "="


@dataclass(eq=False, slots=True)
class Array:
    """An array of numpy; `data` are its bytes, in the order of C or of Fortran."""

    shape: tuple[int, ...] = ()
    dtype: NumpyType | None = None
    fortran: bool = False
    data: bytes = b""


@dataclass(eq=False, slots=True)
class Partial:
    """A function or class with some arguments, not called."""

    function: Any
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Bound:
    """A method of a made instance, by name."""

    owner: Made
    method: str


@dataclass(eq=False, slots=True)
class Choice:
    """A member of an enumeration, by its value."""

    name: Name
    value: str
