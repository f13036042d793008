"""`python -m fra_zoo` is `fra-zoo`."""

from fra_zoo.cli import main

if __name__ == "__main__":
    main()
