"""polkadot.js on the dev chain: runs polkadot.cjs where node and the package are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from node import Node
from report import Report, Row


async def checks(report: Report, programs: Path, home: Path) -> None:
    report.begin("polkadot.js")
    modules = os.environ.get("ASSAY_INTEROP_NODE_MODULES")
    if not modules:
        print("  skipped: scripts/interop found no npm, or no network")
        return
    script = Path(__file__).with_name("polkadot.cjs")
    with Node(programs / "localnet") as node:
        run = subprocess.run(
            [shutil.which("node") or "node", str(script), node.url],
            env=os.environ | {"NODE_PATH": modules},
            capture_output=True,
            text=True,
            timeout=120,
        )
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            report.add(Row(**json.loads(line)))
    with report("the program ends well"):
        assert run.returncode == 0, run.stderr.strip()[-500:]
