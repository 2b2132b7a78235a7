"""The help desk of Larkmoor Kitchen: sorts tickets, answers policy questions, drafts replies.

No module of it calls a model itself. Whatever needs one takes ``ask``, a function from a prompt to the model's answer.
"""
