"""Where replies are kept: recordings in the repository, and a cache on this machine."""
