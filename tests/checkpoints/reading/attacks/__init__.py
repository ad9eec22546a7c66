"""Files of PyTorch's formats that mean harm: each builder writes one, with a path for a canary.

`REFUSED` are to be refused; `HARMLESS` may be read. The canary must never appear.
"""

from . import archives, bombs, calling, links, networks, running, storages
from .building import HARMLESS, REFUSED

__all__ = [
    "HARMLESS",
    "REFUSED",
    "archives",
    "bombs",
    "calling",
    "links",
    "networks",
    "running",
    "storages",
]
