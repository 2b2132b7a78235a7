"""The statistics of the gate and of the report: pure functions, standard library only."""
