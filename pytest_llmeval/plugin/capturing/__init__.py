"""The calls of the application under test: seen, answered, kept."""
