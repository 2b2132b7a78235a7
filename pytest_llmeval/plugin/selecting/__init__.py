"""Which cases a session runs: what was collected, left out, deselected, and the part that a shard takes."""
