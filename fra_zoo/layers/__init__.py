"""Building blocks without I/O."""
