"""What of two sides is set against each other: which cases, which answers, and how often these differ."""
