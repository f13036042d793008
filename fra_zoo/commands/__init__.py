"""Subcommands of `fra-zoo`, one file each; `fra_zoo.cli` finds them."""
