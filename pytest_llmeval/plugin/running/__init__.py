"""What runs tests: trials, samples, suspended tests."""
