"""The machine a process runs on: CPU threads, devices, and the processes of one launch."""
