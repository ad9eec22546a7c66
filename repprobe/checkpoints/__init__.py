"""Checkpoint files and the networks in them: `load_model`, `save_checkpoint`, `Model`, …"""

from repprobe.checkpoints.loading import load_model, load_networks
from repprobe.checkpoints.model import Model
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.checkpoints.saving import save_checkpoint

load = load_model

__all__ = ["Model", "Preprocessing", "load", "load_model", "load_networks", "save_checkpoint"]
