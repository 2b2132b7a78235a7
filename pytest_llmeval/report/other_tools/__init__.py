"""The results of a session as other tools for evaluations read them."""
