"""Linear probes: fitted on clean labels, one per layer, by interchangeable engines."""
