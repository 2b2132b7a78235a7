"""Recognising personal data."""
