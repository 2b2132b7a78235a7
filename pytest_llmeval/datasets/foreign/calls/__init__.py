"""The calls of models that logs of production tell of."""
