"""Plain networks nobody has catalogued, recovered from a bare state dict and labelled data."""

from repprobe.checkpoints.recovery.chain import read_chain
from repprobe.checkpoints.recovery.hypotheses import Hypotheses, hypotheses
from repprobe.checkpoints.recovery.recovered import Recovered, Rival
from repprobe.checkpoints.recovery.settle import settle

__all__ = ["Hypotheses", "Recovered", "Rival", "hypotheses", "read_chain", "settle"]
