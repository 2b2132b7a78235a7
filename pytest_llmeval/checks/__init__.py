"""Checks: functions that judge a reply, each a plain ``assert_*``."""
