"""A new linear head in place of all that follows the cut, and the checkpoint it is written to."""
