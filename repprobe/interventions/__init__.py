"""The causal check: what rewinding or retraining one block alone does to the network."""

from repprobe.interventions.causal import Causal, Effect, Intervention
from repprobe.interventions.verb import intervene

__all__ = ["Causal", "Effect", "Intervention", "intervene"]
