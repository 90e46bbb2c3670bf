"""Run the command line: `driftline --help`, or `python -m driftline --help`."""

from driftline.services.hash_seed import fix_hash_seed


def main() -> None:
    """Run the command line, under the one hash seed that all processes share."""
    fix_hash_seed()
    from driftline.services.cli import main as run

    run()


if __name__ == "__main__":
    main()
