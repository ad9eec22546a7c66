"""Probes solved with torch alone."""

from repprobe.probes.engines.torch_engine.engine import TorchEngine

__all__ = ["TorchEngine"]
