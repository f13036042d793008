"""Publish a run on the Hub: weights, heads, configuration, results, pictures and a card.

    python recipes/publish.py runs/fra_synthetic --repo ORG/NAME --dry-run
    python recipes/publish.py RUN_OR_EXPORT --repo ORG/NAME [--private] [--revision TAG] [--half true]
    python recipes/publish.py RUN_OR_EXPORT --to FOLDER [--half true]
    python recipes/publish.py --all ORG

The token is the usual one: `hf auth login`, or HF_TOKEN. An upload that broke off is repeated by the same command.
"""

import sys

from fra_zoo.cli import main

if __name__ == "__main__":
    main(["publish", *sys.argv[1:]])
