"""What a session leaves where people look: files of reports, and the pages of a CI system."""
