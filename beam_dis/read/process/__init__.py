"""The state that a read shares within one worker process."""
