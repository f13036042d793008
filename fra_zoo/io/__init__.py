"""Everything that reads or writes outside the process: paths, small files, weights, the network and the Hub."""
