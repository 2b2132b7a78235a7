"""Checks that a dataset's row carries: their names, their forms, and how they are combined."""
