"""Weights by the SDK: open, sealed, and sealed to drand's quicknet and opened by its recorded signature."""

from __future__ import annotations

import time
from pathlib import Path

import bittensor as bt
import bittensor_core
from bittensor.timelock import QUICKNET_GENESIS, QUICKNET_PERIOD

from node import ALICE, BOB, TAO, Chain, Keys, Node, key
from report import Report, equal

VALIDATOR = key("//weights/validator")
KEYS = Keys(BOB, VALIDATOR)
# drand quicknet's signature of this round, as pallet-drand's own tests record it.
ROUND = 1000
SIGNATURE = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"


async def checks(report: Report, programs: Path, home: Path) -> None:
    report.begin("SDK: weights")
    with Node(programs / "localnet") as node:
        async with Chain(node) as chain:
            netuid = await subnet(chain)
            await opened(report, chain, netuid)
            await another_beacon(report, chain, netuid)
    with Node(programs / "localnet", "--beacon", "quicknet") as node:
        async with Chain(node) as chain:
            netuid = await subnet(chain)
            await sealed(report, chain, netuid)
            await quicknet(report, chain, netuid)


async def subnet(chain: Chain) -> int:
    """A subnet whose uid 1 is a validator with a permit."""
    netuid = await chain.subnet(ALICE, key("//weights/owner"))
    await chain.register(netuid, BOB, VALIDATOR)
    await chain.stake(netuid, BOB, VALIDATOR, 100 * TAO)
    await epoch(chain, netuid)
    return netuid


async def epoch(chain: Chain, netuid: int) -> None:
    """Goes to the block in which the next epoch runs."""
    chain.node.advance_to(await chain.client.read("next_epoch_start_block", netuid=netuid))


async def switch(chain: Chain, netuid: int, on: bool) -> None:
    await chain.write("SubtensorModule", "CommitRevealWeightsEnabled", [netuid], on)


async def opened(report: Report, chain: Chain, netuid: int) -> None:
    with report("commit-reveal off: the weights land") as seen:
        await switch(chain, netuid, False)
        await chain.execute(bt.SetWeights(netuid=netuid, weights={0: 0.25, 1: 0.75}), KEYS)
        rows = await chain.client.query(bt.storage.SubtensorModule.Weights, [netuid, 1])
        equal([tuple(map(int, entry)) for entry in rows], [(0, 21_845), (1, 65_535)], "weights")
        seen(rows)


async def another_beacon(report: Report, chain: Chain, netuid: int) -> None:
    """The development beacon counts its rounds from 1970: what the SDK seals to quicknet is long past there."""
    await switch(chain, netuid, True)
    with report("with another beacon the SDK's rounds are refused by name") as seen:
        result = await chain.client.execute(bt.SetWeights(netuid=netuid, weights={0: 1.0}), KEYS)
        assert not result.success, "the commit was taken"
        equal(await chain.client.read("timelocked_weight_commits", netuid=netuid), {}, "commits")
        seen(result.message)
    with report("plain weights are refused") as seen:
        call = bt.calls.SubtensorModule.set_weights(netuid=netuid, dests=[0], weights=[1], version_key=0)
        result = await chain.client.submit_call(call, VALIDATOR)
        assert not result.success and "CommitRevealEnabled" in f"{result.message} {result.error}", result
        seen("CommitRevealEnabled")


async def sealed(report: Report, chain: Chain, netuid: int) -> None:
    await switch(chain, netuid, True)
    with report("commit-reveal on: the commit is stored under its epoch, with the SDK's round") as seen:
        status = await chain.client.read("epoch_status", netuid=netuid)
        assert status["blocks_remaining"] > 2, status
        result = await chain.execute(bt.SetWeights(netuid=netuid, weights={0: 1.0}), KEYS)
        commits = await chain.client.read("timelocked_weight_commits", netuid=netuid)
        equal(list(commits), [status["epoch_index"]], "epochs")
        [commit] = commits[status["epoch_index"]]
        block = int(result.extrinsic_id.split("-")[0])
        equal((commit["hotkey"], commit["commit_block"]), (VALIDATOR.ss58_address, block), "commit")
        equal(commit["reveal_round"], result.data["reveal_round"], "round")
        seen(f"epoch {status['epoch_index']}, round {commit['reveal_round']}")
    with report("the round is that of the reveal block") as seen:
        # The epoch after the one of the commit starts at the next epoch; three blocks of safety on top.
        wait = (status["next_epoch_start_block"] + 3 - status["block"]) * await chain.client.block_time()
        expected = int((time.time() + wait - QUICKNET_GENESIS) / QUICKNET_PERIOD)
        assert abs(commit["reveal_round"] - expected) <= 1, (commit["reveal_round"], expected)
        seen(f"{expected} by the clock")
    with report("without the pulse of its round it stays sealed and is dropped after its epoch") as seen:
        before = await chain.client.read("weights", netuid=netuid)
        for _ in range(3):
            await epoch(chain, netuid)
        equal(await chain.client.read("weights", netuid=netuid), before, "weights")
        equal(await chain.client.read("timelocked_weight_commits", netuid=netuid), {}, "commits")


async def quicknet(report: Report, chain: Chain, netuid: int) -> None:
    with report("the beacon is quicknet, as the SDK knows it") as seen:
        beacon = await chain.client.query(("Drand", "BeaconConfig"))
        equal((beacon["genesis_time"], beacon["period"]), (QUICKNET_GENESIS, QUICKNET_PERIOD))
        seen(f"genesis {beacon['genesis_time']}, {beacon['period']} s")
    with report("a ciphertext of bittensor_core for round 1000 opens, and the weights land") as seen:
        await switch(chain, netuid, True)
        call = bt.calls.SubtensorModule.commit_timelocked_mechanism_weights(
            netuid=netuid,
            mecid=0,
            commit=ciphertext([0, 1], [100, 300]),
            reveal_round=ROUND,
            commit_reveal_version=4,
        )
        await chain.send(call, VALIDATOR)
        await epoch(chain, netuid)
        equal(await chain.client.read("weights", netuid=netuid), {}, "weights before the pulse")
        await pulse(chain)
        rows = await chain.client.query(bt.storage.SubtensorModule.Weights, [netuid, 1])
        if not rows:
            chain.node.advance()
            rows = await chain.client.query(bt.storage.SubtensorModule.Weights, [netuid, 1])
        equal([tuple(map(int, entry)) for entry in rows], [(0, 21_845), (1, 65_535)], "weights")
        seen(rows)


async def pulse(chain: Chain) -> None:
    """Brings quicknet's signature of the round; the chain verifies it."""
    payload = {
        "block_number": await chain.client.block(),
        "pulses": [{"round": ROUND, "randomness": "0x" + "00" * 32, "signature": "0x" + SIGNATURE}],
        "public": {"Sr25519": "0x" + bytes(ALICE.public_key).hex()},
    }
    await chain.root(bt.calls.Drand.write_pulse(pulses_payload=payload, signature=None))


def ciphertext(uids: list[int], values: list[int]) -> bytes:
    """The payload of a commit as the chain decodes it, sealed by the wheel."""

    def numbers(items: list[int]) -> bytes:
        return bytes([len(items) << 2]) + b"".join(item.to_bytes(2, "little") for item in items)

    hotkey = bytes(VALIDATOR.public_key)
    payload = bytes([len(hotkey) << 2]) + hotkey + numbers(uids) + numbers(values) + bytes(8)
    envelope, _ = bittensor_core.encrypt_at_round(payload, ROUND)
    return bytes(bittensor_core.inner_ciphertext(envelope))
