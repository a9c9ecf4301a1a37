"""Reading one partition: the tracker, the loop, what happens when records have expired, and the two steps."""
