"""`python -m smtplogs`: the command line, where its script is not on the path."""

from smtplogs.cli import main

if __name__ == "__main__":
    main()
