"""What production answered, and how a new answer differs from it."""
