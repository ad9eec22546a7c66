"""The encoded images of a Parquet column, read forward with a bound on memory."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

CHUNK_BYTES = 32 * 2**20
"""About how many bytes of encoded images a part holds at a time."""


class ImageColumn:
    """The encoded images of some files, read forward and held a chunk at a time.

    Increasing rows read every row group once, and at most one chunk of about `CHUNK_BYTES` is
    held; a step back reads its row group again from the start.
    """

    def __init__(self, files: Sequence[Path], column: str) -> None:
        self.files = tuple(files)
        self.column = column
        # (first row, file, row group in it, rows of one chunk), in order
        self._groups: list[tuple[int, int, int, int]] = []
        self._file_starts: list[int] = []
        self._count = 0
        for number, file in enumerate(self.files):
            with open_parquet(file) as parquet:
                if column not in parquet.schema_arrow.names:
                    raise DataError(f"'{file}' lacks the column '{column}' of the other files.")
                self._index(number, parquet.metadata)
        self._starts = [start for start, *_ in self._groups]
        self._lock = threading.Lock()
        self._open: tuple[int, pq.ParquetFile] | None = None
        self._group = -1
        self._chunks: Iterator[Any] = iter(())
        self._chunk: pa.Array | None = None
        self._first = self._end = 0

    def __len__(self) -> int:
        return self._count

    def name(self, row: int) -> str:
        """Return what image `row` is called in messages."""
        number = bisect_right(self._file_starts, row) - 1
        return f"image {row - self._file_starts[number]} of '{self.files[number]}'"

    def encoded(self, row: int) -> bytes:
        """Return the encoded image at `row`; raises DataError if there is none."""
        with self._lock:
            if not self._first <= row < self._end:
                self._seek(row)
            assert self._chunk is not None
            content = self._chunk[row - self._first].as_py()
        if content is None:
            raise DataError(f"{self.name(row)} holds no bytes; embed the images in the file.")
        return bytes(content)

    def _index(self, number: int, metadata: Any) -> None:
        self._file_starts.append(self._count)
        for group in range(metadata.num_row_groups):
            about = metadata.row_group(group)
            size = sum(
                about.column(c).total_uncompressed_size
                for c in range(about.num_columns)
                if about.column(c).path_in_schema.split(".")[0] == self.column.split(".")[0]
            )
            rows = max(1, min(about.num_rows, about.num_rows * CHUNK_BYTES // max(size, 1)))
            if about.num_rows:
                self._groups.append((self._count, number, group, rows))
            self._count += about.num_rows

    def _group_of(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1

    def _seek(self, row: int) -> None:
        """Read forward to the chunk that holds `row`, from its row group's start if need be."""
        import pyarrow as pa

        group = self._group_of(row)
        start, number, group_in_file, rows = self._groups[group]
        try:
            if group != self._group or row < self._first:
                self._chunk, self._chunks = None, iter(())
                self._chunks = self._file(number).iter_batches(
                    batch_size=rows, row_groups=[group_in_file], columns=[self.column]
                )
                self._group, self._first, self._end = group, start, start
            while row >= self._end:
                column = next(self._chunks).column(0)
                self._first, self._end = self._end, self._end + len(column)
                self._chunk = column.field("bytes") if pa.types.is_struct(column.type) else column
        except (pa.ArrowException, OSError, StopIteration) as err:
            self._group, self._first, self._end = -1, 0, 0
            raise DataError(unreadable(self.files[number], err)) from err

    def _file(self, number: int) -> pq.ParquetFile:
        if self._open is None or self._open[0] != number:
            if self._open is not None:
                self._open[1].close()
            self._open = (number, open_parquet(self.files[number]))
        return self._open[1]


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file; raises DataError if it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # A small buffer instead of whole column chunks keeps large row groups out of memory.
        return pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False)
    except (pa.ArrowException, OSError) as err:
        raise DataError(unreadable(path, err)) from err


def unreadable(path: Path, err: Exception) -> str:
    reason = " ".join(str(err).split()) or "it ends too early"
    return f"cannot read '{path}' as Parquet: {reason.rstrip('.')}."
