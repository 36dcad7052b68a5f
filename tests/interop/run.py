"""Clients that nobody here wrote against the dev chain. `scripts/interop` prepares and starts this."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sys
from pathlib import Path

SUITES = ("chain", "reads", "surface", "weights", "axon", "wallets", "openai_client", "polkadot")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/interop", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; all unless given")
    parser.add_argument("--programs", type=Path, required=True, help="folder of localnet, miner and validator")
    parser.add_argument("--home", type=Path, required=True, help="an empty folder, for wallets and caches")
    parser.add_argument("-v", "--verbose", action="store_true", help="where a check failed")
    options = parser.parse_args()
    # The SDK keeps metadata, symbols and wallets below these. Set before it is imported.
    os.environ["HOME"] = str(options.home)
    os.environ["BITTENSOR_RUNTIME_CACHE_DIR"] = str(options.home / "runtime-cache")
    from report import Report

    report = Report(options.verbose)
    for name in options.suites or SUITES:
        suite = importlib.import_module(name)
        asyncio.run(suite.checks(report, options.programs, options.home))
    print("\n" + report.table())
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
