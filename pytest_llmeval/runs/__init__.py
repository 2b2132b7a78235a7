"""The results of a session, and the file they are saved in."""
