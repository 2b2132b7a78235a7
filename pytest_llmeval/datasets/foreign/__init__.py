"""Files of other tools, read and made rows of a dataset."""
