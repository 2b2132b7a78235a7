"""The baseline's saved replies, judged again by today's tests."""
