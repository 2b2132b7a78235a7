"""Text out of comparisons: pure functions, nothing here prints."""
