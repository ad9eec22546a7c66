"""The causal check: what rewinding or retraining one block alone does to the network."""
