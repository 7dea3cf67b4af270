"""The command line of a verb that has no configuration."""

import argparse


def verb_parser(verb: str, description: str, usage: str) -> argparse.ArgumentParser:
    """A parser whose help ends with `usage` as it is written."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks {verb}",
        description=description,
        epilog=usage,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
