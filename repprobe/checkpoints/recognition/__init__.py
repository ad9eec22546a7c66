"""Which architecture a state dict belongs to, by the names, shapes and order of its tensors."""
