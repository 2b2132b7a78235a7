"""The eval suite is run by its driver, ``test_suite.py``, in a folder of its own."""

collect_ignore = ["suite"]
