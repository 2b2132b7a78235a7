"""Models at the clouds, each with addresses, keys and formats of its own."""
