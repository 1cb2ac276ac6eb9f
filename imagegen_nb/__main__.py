"""`python -m imagegen_nb`: the command line, where its script is not on the path."""

from imagegen_nb.cli import main

if __name__ == "__main__":
    main()
