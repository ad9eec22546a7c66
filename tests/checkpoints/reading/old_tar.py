"""Writes the tar archives that PyTorch wrote before 0.1.10, which no PyTorch of today does."""

import io
import pickle
import struct
import tarfile


class _Pickler(pickle.Pickler):
    def __init__(self, file, tensors):
        super().__init__(file, 2)
        self.tensors = tensors

    def persistent_id(self, value):
        return str(self.tensors[id(value)]) if id(value) in self.tensors else None


def save_as_tar(values, path):
    """Write a dictionary of float32 tensors and plain values."""
    import torch

    tensors = [v for v in values.values() if isinstance(v, torch.Tensor)]
    storages, described = io.BytesIO(), io.BytesIO()
    pickle.dump(len(tensors), storages, 2)
    pickle.dump(len(tensors), described, 2)
    for number, tensor in enumerate(tensors):
        pickle.dump((number, "cpu", torch.FloatStorage), storages, 2)
        storages.write(struct.pack("<q", tensor.numel()) + tensor.numpy().tobytes())
        pickle.dump((100 + number, number, torch.FloatTensor), described, 2)
        described.write(struct.pack("<q", tensor.ndim))
        described.write(struct.pack(f"<{tensor.ndim}q", *tensor.shape))
        described.write(struct.pack(f"<{tensor.ndim}q", *tensor.stride()) + struct.pack("<q", 0))
    pickle.dump([], storages, 2)
    body = io.BytesIO()
    _Pickler(body, {id(t): 100 + n for n, t in enumerate(tensors)}).dump(values)
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in (
            ("sys_info", pickle.dumps({"protocol_version": 1000}, 2)),
            ("pickle", body.getvalue()),
            ("tensors", described.getvalue()),
            ("storages", storages.getvalue()),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
