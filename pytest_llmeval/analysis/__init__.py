"""Results in, comparisons out: no files, no text."""
