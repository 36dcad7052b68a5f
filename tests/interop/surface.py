"""The calls that the SDK's intents submit: which of them localnet has is found in its metadata and listed in its README."""

from __future__ import annotations

from pathlib import Path

from bittensor.intents import REGISTRY

import readme
from node import Chain, Node
from not_served import CALLS
from report import Report, equal


async def checks(report: Report, programs: Path, home: Path) -> None:
    report.begin("SDK: calls")
    with Node(programs / "localnet") as node:
        async with Chain(node) as chain:
            metadata = (await chain.client._substrate.raw._runtimes.codec_at(None)).metadata_ir()
    there = {f"{pallet.name}.{call.name}" for pallet in metadata.pallets for call in pallet.calls or []}
    asked = {f"{pallet}.{call}" for intent in REGISTRY.values() for pallet, call in intent.wraps}
    listed = {f"{pallet}.{call}" for _, pallet, calls in CALLS for call in calls}
    with report("calls of the SDK that are not there are listed with a reason") as seen:
        equal(listed, asked - there, "calls")
        seen(f"{len(asked & there)} served, {len(listed)} listed, {len(asked)} in all, by {len(REGISTRY)} intents")
    with report("localnet/README.md lists the same calls"):
        readme.check("calls", readme.calls(CALLS))
