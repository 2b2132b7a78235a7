"""What people decided of answers."""
