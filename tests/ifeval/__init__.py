"""IFEval as an eval set: 541 real prompts, what three real models answered, and exact checks of the answers."""
