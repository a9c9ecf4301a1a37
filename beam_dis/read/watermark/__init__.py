"""How far the time of a partition has come, and which timestamps its records get."""
