"""What judges said, for the summary."""
