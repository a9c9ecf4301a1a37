"""What may be committed to an app: the positions of a read whose records the following steps have finished."""
