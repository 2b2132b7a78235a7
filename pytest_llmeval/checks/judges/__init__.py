"""Another model as a judge: what it is asked, how its verdict is read, and when it may gate."""
