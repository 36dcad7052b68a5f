"""What a neuron's operator does: connect, look, pay, register, stake, serve."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import bittensor as bt

from node import ALICE, BOB, CHARLIE, TAO, Chain, Keys, Node, key
from report import Report, equal

OWNER_HOTKEY, VALIDATOR, MINER = key("//interop/owner"), key("//interop/validator"), key("//interop/miner")


async def checks(report: Report, programs: Path, home: Path) -> None:
    report.begin("SDK: chain")
    with Node(programs / "localnet") as node:
        async with Chain(node) as chain:
            await connection(report, chain)
            await blocks(report, chain)
            await money(report, chain)
            netuid = await neurons(report, chain)
            await metagraph(report, chain, programs, netuid)
            await command_line(report, chain, netuid)


async def connection(report: Report, chain: Chain) -> None:
    with report("connect") as seen:
        version = await chain.client.spec_version()
        equal(version, 425, "spec version")
        equal(await chain.client._substrate.block_hash(0), chain.node.genesis, "genesis")
        seen(f"{chain.node.url}, spec {version}")
    with report("a chain with another interface is not read with cached metadata"):
        cached = list(Path(os.environ["BITTENSOR_RUNTIME_CACHE_DIR"]).iterdir())
        assert any(chain.node.genesis[2:18] in path.name for path in cached), f"{cached} of {chain.node.genesis}"


async def blocks(report: Report, chain: Chain) -> None:
    with report("block and finalized block") as seen:
        number = chain.node.advance(3)
        equal(await chain.client.block(), number, "block")
        equal(await chain.client.finalized_block(), number, "finalized block")
        seen(number)
    for finalized in (False, True):
        with report(f"stream of {'finalized ' if finalized else ''}heads") as seen:
            seen(await stream(chain, finalized))


async def stream(chain: Chain, finalized: bool) -> list[int]:
    """Three heads in a row as the subscription hands them out."""
    numbers: list[int] = []

    async def listen() -> None:
        async for header in chain.client.blocks(finalized=finalized):
            numbers.append(header.number)
            if len(numbers) == 4:
                return
            # The first answer is the head as it is; each further one is caused here.
            await asyncio.to_thread(chain.node.advance)

    await asyncio.wait_for(listen(), 20)
    equal(numbers, list(range(numbers[0], numbers[0] + 4)), "heads")
    return numbers


async def money(report: Report, chain: Chain) -> None:
    fresh = key("//interop/fresh").ss58_address
    with report("transfer, with fee and events") as seen:
        before = await chain.client.balances.get(ALICE.ss58_address)
        result = await chain.execute(bt.intents.Transfer(dest_ss58=fresh, amount_tao=7.5), ALICE)
        after = await chain.client.balances.get(ALICE.ss58_address)
        equal((await chain.client.balances.get(fresh)).rao, 7_500_000_000, "received")
        equal(before.rao - after.rao - result.fee.rao, 7_500_000_000, "paid")
        seen(f"τ7.5, fee {result.fee}")
    with report("a refused call has the chain's name") as seen:
        call = bt.calls.SubtensorModule.burned_register(netuid=999, hotkey=fresh)
        result = await chain.client.submit_call(call, BOB)
        assert not result.success, "the call succeeded"
        seen(f"{result.error.name}: {result.message}")


async def neurons(report: Report, chain: Chain) -> int:
    hotkey = VALIDATOR.ss58_address
    with report("register a subnet"):
        netuid = await chain.subnet(ALICE, OWNER_HOTKEY)
    with report("register by burned_register") as seen:
        price = await chain.client.read("burn", netuid=netuid)
        before = await chain.client.balances.get(BOB.ss58_address)
        uid = await chain.register(netuid, BOB, VALIDATOR)
        paid = before.rao - (await chain.client.balances.get(BOB.ss58_address)).rao
        assert uid == 1 and 0 < paid <= price.rao + TAO // 100, f"uid {uid}, paid {paid} of {price}"
        seen(f"uid {uid} for {price}")
    with report("a second hotkey, of another coldkey") as seen:
        uid = await chain.register(netuid, CHARLIE, MINER)
        equal(uid, 2, "uid")
        seen(f"uid {uid}")
    with report("the SDK's own registration needs MEV shield and says so") as seen:
        try:
            intent = bt.intents.BurnedRegister(netuid=netuid, hotkey_ss58=key("//interop/nobody").ss58_address)
            result = await chain.client.execute(intent, Keys(BOB, VALIDATOR))
            message = result.message
            assert not result.success, "it registered: the row in localnet/README.md is out of date"
        except Exception as error:
            if isinstance(error, AssertionError):
                raise
            message = str(error)
        assert "MevShield" in message or "MEV" in message, message
        seen(message.split("\n")[0])
    with report("stake") as seen:
        await chain.execute(
            bt.intents.AddStake(
                netuid=netuid, hotkey_ss58=hotkey, amount_tao=100.0, slippage_protection=False
            ),
            BOB,
        )
        held = await chain.client.read(
            "stake", coldkey_ss58=BOB.ss58_address, hotkey_ss58=hotkey, netuid=netuid
        )
        assert held.rao > 80 * TAO, held
        seen(held)
    with report("serve axon") as seen:
        intent = bt.intents.ServeAxon(netuid=netuid, ip="203.0.113.7", port=8091)
        await chain.execute(intent, Keys(CHARLIE, MINER))
        graph = await chain.metagraph(netuid)
        equal(graph.by_hotkey(MINER.ss58_address).axon, "203.0.113.7:8091", "axon")
        seen("203.0.113.7:8091")
    with report("set weights, and an epoch pays by them") as seen:
        await chain.client.read("next_epoch_start_block", netuid=netuid)
        chain.node.advance_to(await chain.client.read("next_epoch_start_block", netuid=netuid))
        await chain.execute(bt.SetWeights(netuid=netuid, weights={2: 1.0}), Keys(BOB, VALIDATOR))
        chain.node.advance_to(await chain.client.read("next_epoch_start_block", netuid=netuid))
        graph = await chain.metagraph(netuid)
        equal(graph.neuron(2).incentive, 1.0, "incentive of the miner")
        seen(f"emission {graph.neuron(2).emission}")
    with report("hyperparameters") as seen:
        before = await chain.client.read("subnet_hyperparameters", netuid=netuid)
        await chain.write("SubtensorModule", "ImmunityPeriod", [netuid], 77)
        after = await chain.client.read("subnet_hyperparameters", netuid=netuid)
        equal({name for name in before if before[name] != after[name]}, {"immunity_period"}, "changed")
        equal(after["immunity_period"], 77)
        seen(f"{len(after)} of them")
    return netuid


async def metagraph(report: Report, chain: Chain, programs: Path, netuid: int) -> None:
    """The SDK's metagraph and what `validator metagraph` prints, field by field."""
    with report("metagraph: every field as in our Snapshot") as seen:
        command = [programs / "validator", "metagraph", "--json", "--netuid", str(netuid)]
        command += ["--endpoint", chain.node.url]
        ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        view = await chain.client.at(ours["block"])
        typed, raw = await chain.metagraph(netuid), await view.read("metagraph", netuid=netuid)
        epoch = await view.read("epoch_status", netuid=netuid)
        hotkeys = [str(hotkey) for hotkey in raw["hotkeys"]]
        theirs = {
            "block": int(raw["block"]),
            "block_hash": await chain.client._substrate.block_hash(ours["block"]),
            "netuid": int(raw["netuid"]),
            "tempo": int(raw["tempo"]),
            "last_epoch_block": epoch["last_epoch_block"],
            "epoch_index": epoch["epoch_index"],
            "weights_rate_limit": int(raw["weights_rate_limit"]),
            "weights_version_key": int(raw["weights_version"]),
            "commit_reveal": raw["commit_reveal_weights_enabled"],
            "owner_uid": hotkeys.index(str(raw["owner_hotkey"])),
            "neurons": [neuron(typed, raw, uid) for uid in range(len(hotkeys))],
        }
        equal(set(ours), set(theirs), "fields")
        for name in ours:
            equal(ours[name], theirs[name], name)
        seen(f"{len(theirs)} fields, {len(hotkeys)} neurons of {len(theirs['neurons'][0])} fields")


def neuron(graph: bt.Metagraph, raw: dict, uid: int) -> dict:
    """A neuron as the SDK reports it, under our names."""
    typed = graph.neuron(uid)
    return {
        "uid": uid,
        "hotkey": typed.hotkey,
        "coldkey": typed.coldkey,
        "registered": typed.block_at_registration,
        "axon": typed.axon,
        "validator_permit": typed.validator_permit,
        "active": typed.active,
        "last_update": typed.last_update,
        "incentive": int(raw["incentives"][uid]),
        "dividends": int(raw["dividends"][uid]),
        "emission": typed.emission.rao,
        "stake": typed.total_stake.rao,
    }


async def command_line(report: Report, chain: Chain, netuid: int) -> None:
    """`btcli query` shows what the SDK reads."""
    program = Path(sys.executable).with_name("btcli")

    def query(name: str, **options: object) -> object:
        command = [program, "query", name, "--network", chain.node.url, "--json"]
        for option, value in options.items():
            command += [f"--{option}", str(value)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, (run.stderr or run.stdout).strip().splitlines()[-1]
        return json.loads(run.stdout)

    subnet = {"netuid": netuid}
    for name in ("weights", "metagraph", "subnet-hyperparameters", "neurons", "balance"):
        with report(f"btcli query {name}") as seen:
            if name == "balance":
                parameters, options = {"coldkey_ss58": BOB.ss58_address}, {"coldkey": BOB.ss58_address}
            else:
                parameters, options = subnet, subnet
            shown = query(name, **options)
            read = await chain.client.read(name.replace("-", "_"), **parameters)
            seen(agree(name, shown, read))


def agree(name: str, shown: object, read: object) -> str:
    """Fails unless the JSON of the command line says what the read says."""
    if name == "balance":
        equal(shown, str(read), "balance")
        return shown
    if name == "neurons":
        equal([row["hotkey"] for row in shown], [row.hotkey for row in read], "hotkeys")
        return f"{len(shown)} rows"
    if name == "weights":
        equal(json.loads(json.dumps(read, default=str)), shown, "weights")
        return str(shown)
    return compared(json.loads(json.dumps(read, default=str)), shown)


def compared(expected: dict, shown: dict) -> str:
    equal(set(shown), set(expected), "fields")
    different = {field for field in expected if expected[field] != shown[field]}
    assert not different, {field: (shown[field], expected[field]) for field in sorted(different)}
    return f"{len(shown)} fields"
