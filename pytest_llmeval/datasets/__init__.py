"""Files of cases, read and made `Case` objects."""
