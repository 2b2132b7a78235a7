"""What answers are to a comparison: copies of others, shared by tests, never asked for, or other than before."""
