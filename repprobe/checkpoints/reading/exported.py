"""Reads an exported program of torch (`.pt2`) as a network; nothing of it runs while it is read.

torch's own loader evaluates expressions, looks operators up by name and unpickles objects. This one
takes the graph as data, admits operators of a list, and runs them itself.
"""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.reading.exported_archive import ProgramArchive
from repprobe.checkpoints.reading.exported_arguments import Unread
from repprobe.checkpoints.reading.exported_expressions import Unsafe
from repprobe.checkpoints.reading.problems import ProblemError
from repprobe.errors import CheckpointError, UnsafeCheckpointError

if TYPE_CHECKING:
    from repprobe.checkpoints.reading.contents import Contents
    from repprobe.checkpoints.reading.exported_network import Network
    from repprobe.checkpoints.reading.exported_records import Program

_NOTE = "extra/repprobe.json"
_ENDINGS = (".json", "archive_format", "version")


def is_exported(path: Path) -> bool:
    """Whether a file is an archive that `torch.export.save` wrote, or looks like one."""
    try:
        with zipfile.ZipFile(path) as file:
            names = {name.partition("/")[2] or name for name in file.namelist()}
            names |= set(file.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RecursionError):
        return False
    new = any(n.startswith(("models/", "data/weights/", "data/aotinductor/")) for n in names)
    return (new and "archive_format" in names) or "serialized_exported_program.json" in names


def read_exported(path: Path) -> Contents:
    """Read an exported program as a network whose layers have the original modules' names.

    Its state dict has the original keys. `Contents.config["input_shape"]` is the shape of one
    example, with None where a size is free; `Contents.config["repprobe"]` is the note of a program
    that repprobe wrote. The network takes any number of examples; where the program is for a fixed
    number, it goes through it in groups.

    Raises
    ------
    UnsafeCheckpointError
        The archive holds code or objects, or asks for an operator that is not admitted.
    CheckpointError
        It is damaged, of a schema that is not read, or takes more than one input.
    """
    from repprobe.checkpoints.reading.contents import Contents

    try:
        with path.open("rb") as file:
            module, program, left, note = _read(ProgramArchive(file, path.stat().st_size))
    except Unsafe as err:
        raise UnsafeCheckpointError(
            f"'{path}' was refused and nothing of it ran: this exported program asks for {err}, "
            "and only arithmetic on tensors is admitted."
        ) from None
    except (Unread, ProblemError) as err:
        reason = str(err) or "it is cut short or damaged"
        raise CheckpointError(
            f"'{path}' is an exported program that is not read: {reason}."
        ) from None
    config: dict[str, Any] = {"input_shape": program.shape[1:]}
    if note:
        config["repprobe"] = note
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    data = {"state_dict": dict(module.state_dict())}
    return Contents(data, digest, "torch.export", module, config, (*left, *program.notes))


def _read(archive: ProgramArchive) -> tuple[Network, Program, list[str], dict[str, Any]]:
    from repprobe.checkpoints.reading.exported_network import network
    from repprobe.checkpoints.reading.exported_run import Frame, lifted_names
    from repprobe.checkpoints.reading.exported_schema import program_of
    from repprobe.checkpoints.reading.exported_tree import plan

    left = archive.check()
    archive.check_pickles()
    document, model = archive.program()
    program = program_of(document)
    tensors, constants = archive.tensors(model)
    fixed, leading, notes = _examples(program, tensors, constants)
    made = plan(program)
    frame = Frame(made.last, fixed, lifted_names(program) if fixed else frozenset())
    frame.leading = leading
    module = network(program, made, tensors, constants, frame)
    note = archive.json(_NOTE) if _NOTE in archive.records else {}
    return module, program, left + notes, note if isinstance(note, dict) else {}


def _examples(
    program: Program, tensors: Mapping[str, Any], constants: Mapping[str, Any]
) -> tuple[int | None, dict[str, int], list[str]]:
    """Check the program by its shapes; return the number of examples that it is fixed to.

    With it come the lengths of the first axes of all that it makes, and what is to be said.
    """
    from repprobe.checkpoints.reading.exported_network import on_meta
    from repprobe.checkpoints.reading.exported_run import is_for_any_number, shapes

    given = {}
    for name, (role, where) in program.tensors.items():
        source = tensors if role in ("parameter", "buffer") else constants
        if where not in source:
            raise Unread(f"its tensor '{where[:80]}' is not in the archive")
        given[name] = on_meta(source[where])
    count = program.hints[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = shapes(program, given, count)
        if program.shape[0] is None:
            return None, {}, []
        if is_for_any_number(program):
            try:
                shapes(program, given, count + 1)
                return None, {}, []
            except Unread:
                pass
    leading = {name: shape[0] for name, shape in found.items() if shape}
    word = "example" if count == 1 else "examples"
    said = (
        f"The program was exported for {count} {word} at a time, and is run in groups of so many."
    )
    return count, leading, [said]
