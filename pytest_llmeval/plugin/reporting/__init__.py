"""What reports: gathers results, compares, writes, prints."""
