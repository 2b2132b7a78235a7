"""The history of saved runs, for the terminal and as a page."""
