"""Checks that know about languages: which one it is, words and sentences, refusals."""
