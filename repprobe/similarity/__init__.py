"""How alike two networks represent the same examples, layer by layer."""
