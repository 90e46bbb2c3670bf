"""Run the command line: `python -m driftline --help`."""

from driftline.services.cli import main

if __name__ == "__main__":
    main()
