"""Wire formats: how each provider is asked and how its answers are read."""
