"""Which partitions there are, and where to read each of them."""
