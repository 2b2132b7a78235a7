"""What is told of replies as such: how often they differ, and which nobody has verified."""
