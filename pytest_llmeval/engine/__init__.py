"""The background engine: requests in, futures of answers out."""
