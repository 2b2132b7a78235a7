"""The ``llmeval`` command: saved runs without pytest."""
