"""A dev chain of one's own, and what its clients do on it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bittensor as bt
from bittensor.metagraph import fetch as fetch_metagraph
from bittensor.result import ExtrinsicResult
from bittensor.sp_core import Keypair

TAO = 1_000_000_000


def key(uri: str) -> Keypair:
    """A development key."""
    return Keypair.create_from_uri(uri)


ALICE, BOB, CHARLIE = key("//Alice"), key("//Bob"), key("//Charlie")


@dataclass(frozen=True)
class Keys:
    """What the SDK takes for a wallet."""

    coldkey: Keypair
    hotkey: Keypair

    @property
    def coldkeypub(self) -> Keypair:
        return self.coldkey

    @property
    def hotkeypub(self) -> Keypair:
        return self.hotkey


class Node:
    """The program `localnet node`. Blocks come with extrinsics and on request unless a sealing is given; weights are plain."""

    def __init__(self, program: Path, *arguments: str, seal: str = "instant") -> None:
        command = [str(program), "node", "--port", "0", "--json", "--seal", seal, "--commit-reveal", "false", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the node did not start: {' '.join(command)}"
        self.url: str = json.loads(line)["url"]
        self.genesis: str = json.loads(line)["genesis"]

    def rpc(self, method: str, *params: Any) -> Any:
        """One request over HTTP."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(
            self.url.replace("ws://", "http://"), body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            reply = json.load(answer)
        assert "error" not in reply, f"{method}: {reply.get('error')}"
        return reply["result"]

    def advance(self, blocks: int = 1) -> int:
        """Makes blocks; the number of the newest."""
        return self.rpc("dev_newBlock", blocks)["number"]

    def advance_to(self, block: int) -> int:
        return self.rpc("dev_advanceTo", block)["number"]

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


class Chain:
    """The SDK's client on a node, and shorthands for what many checks do."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.client = bt.Client(node.url)

    async def __aenter__(self) -> "Chain":
        await self.client.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        # After a read that failed half-way the SDK can miss its own cancellation and wait for ever; a second one ends it.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self.client.close()

    async def send(self, call: Any, signer: Any, **options: Any) -> ExtrinsicResult:
        """Submits a call and waits for it; fails if the chain refuses it."""
        result = await self.client.submit_call(call, signer, **options)
        assert result.success, f"{call[0]}.{call[1]}: {result.message}"
        return result

    async def execute(self, intent: Any, wallet: Any) -> ExtrinsicResult:
        """Executes an intent of the SDK; fails if the chain refuses it."""
        result = await self.client.execute(intent, wallet)
        assert result.success, f"{intent.op}: {result.message}"
        return result

    async def root(self, call: Any) -> ExtrinsicResult:
        """Sends a call as root; fails if it fails inside."""
        result = await self.send(bt.calls.Sudo.sudo(call=await self.client.compose(call)), ALICE)
        outcome = [event["attributes"] for event in result.events if event["event_id"] == "Sudid"]
        assert outcome and "Err" not in str(outcome), f"{call[0]}.{call[1]} as root: {outcome}"
        return result

    async def write(self, pallet: str, item: str, keys: list, value: Any) -> None:
        """Writes one storage value as root, for what no call of this chain changes."""
        codec = await self.client._substrate.raw._runtimes.codec_at(None)
        entry = codec.storage_entry(pallet, item)
        pair = (codec.storage_key(entry, keys), codec.encode(entry.value_type, value))
        await self.root(bt.calls.System.set_storage(items=[tuple("0x" + part.hex() for part in pair)]))

    async def subnet(self, owner: Keypair, hotkey: Keypair) -> int:
        """Registers and starts a subnet; its number."""
        result = await self.send(bt.calls.SubtensorModule.register_network(hotkey=hotkey.ss58_address), owner)
        added = [event["attributes"] for event in result.events if event["event_id"] == "NetworkAdded"]
        netuid = int(added[0][0])
        await self.send(bt.calls.SubtensorModule.start_call(netuid=netuid), owner)
        return netuid

    async def register(self, netuid: int, coldkey: Keypair, hotkey: Keypair) -> int:
        """Registers a hotkey; its uid."""
        call = bt.calls.SubtensorModule.burned_register(netuid=netuid, hotkey=hotkey.ss58_address)
        await self.send(call, coldkey)
        return await self.client.read("uid", hotkey_ss58=hotkey.ss58_address, netuid=netuid)

    async def stake(self, netuid: int, coldkey: Keypair, hotkey: Keypair, rao: int) -> None:
        call = bt.calls.SubtensorModule.add_stake(hotkey=hotkey.ss58_address, netuid=netuid, amount_staked=rao)
        await self.send(call, coldkey)

    async def metagraph(self, netuid: int) -> bt.Metagraph:
        """The SDK's metagraph at the head."""
        graph = await fetch_metagraph(self.client, netuid, commitments=False)
        assert graph is not None, f"subnet {netuid} does not exist"
        return graph
