"""`python -m unshelve`: the command line, where its script is not on the PATH."""

from unshelve.cli.main import main

if __name__ == "__main__":
    main()
