"""Checks of what an agent did: its tool calls, their arguments, its steps."""
