"""The SDK's registry of reads: each that localnet serves shows a change of the state, each other one is listed with its reason.

All reads are made, then one story changes everything that they tell about, then all are made again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bittensor as bt
from bittensor.reads import REGISTRY
from bittensor.result import ExtrinsicResult

import readme
from node import ALICE, BOB, CHARLIE, TAO, Chain, Node, key
from not_served import READS
from proofs import PROOFS, Scene
from report import Report, equal

calls = bt.calls


async def checks(report: Report, programs: Path, home: Path) -> None:
    report.begin("SDK: reads")
    with Node(programs / "localnet") as node:
        async with Chain(node) as chain:
            scene = await begin(chain)
            before = {name: await read(chain, name, scene) for name in PROOFS}
            with report("the story that the reads are told of"):
                await story(chain, scene)
            for name, proof in PROOFS.items():
                with report(name) as seen:
                    after = await chain.client.read(name, **proof.parameters(scene))
                    assert proof.shows(before[name], after, scene), f"{before[name]!r} became {after!r}"
                    seen(f"{short(before[name])} → {short(after)}")
            await singular(report, chain, programs)
            await not_served(report, chain, scene)


async def read(chain: Chain, name: str, scene: Scene) -> Any:
    return await chain.client.read(name, **PROOFS[name].parameters(scene))


def short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 48 else f"{text[:45]}…"


async def begin(chain: Chain) -> Scene:
    """A subnet with one validator, and nothing else."""
    scene = Scene(owner=key("//reads/owner"), validator=key("//reads/validator"), miner=key("//reads/miner"))
    scene.netuid = await chain.subnet(ALICE, scene.owner)
    await chain.register(scene.netuid, BOB, scene.validator)
    return scene


async def story(chain: Chain, scene: Scene) -> None:
    """Every kind of change once."""
    netuid, validator = scene.netuid, scene.validator
    await chain.send(calls.Balances.transfer_keep_alive(dest=scene.fresh, value=7 * TAO), ALICE)
    await chain.register(netuid, CHARLIE, scene.miner)
    scene.second = await chain.subnet(ALICE, key("//reads/second"))
    await chain.stake(netuid, BOB, validator, 100 * TAO)
    await chain.stake(netuid, BOB, scene.owner, 10 * TAO)
    await epoch(chain, netuid)
    await chain.send(
        calls.SubtensorModule.set_mechanism_weights(
            netuid=netuid, mecid=0, dests=[0, 2], weights=[1, 3], version_key=0
        ),
        validator,
    )
    await epoch(chain, netuid)
    await hyperparameters(chain, netuid)
    result = await chain.send(
        calls.SubtensorModule.commit_timelocked_mechanism_weights(
            netuid=netuid, mecid=0, commit="0x" + "00" * 8, reveal_round=scene.round, commit_reveal_version=4
        ),
        validator,
    )
    scene.weights_block = block_of(result)
    await relations(chain, scene)
    await identities(chain, scene)
    await commitments(chain, scene)
    await epoch(chain, netuid)
    scene.end = chain.node.advance(7)


def block_of(result: ExtrinsicResult) -> int:
    return int(result.extrinsic_id.split("-")[0])


async def epoch(chain: Chain, netuid: int) -> None:
    chain.node.advance_to(await chain.client.read("next_epoch_start_block", netuid=netuid))


async def hyperparameters(chain: Chain, netuid: int) -> None:
    for item, value in {
        "WeightsSetRateLimit": 7,
        "Difficulty": 12_345_678,
        "MinAllowedWeights": 3,
        "MaxWeightsLimit": 32_768,
        "ImmunityPeriod": 77,
        "RevealPeriodEpochs": 4,
        "SubnetEmissionEnabled": True,
        "CommitRevealWeightsEnabled": True,
        "MechanismCountCurrent": 2,
        "MechanismEmissionSplit": [16_384, 49_151],
        "SubnetEmaTaoFlow": (5, {"bits": -(3 << 63)}),
    }.items():
        await chain.write("SubtensorModule", item, [netuid], value)
    await chain.write("SubtensorModule", "TxRateLimit", [], 1234)
    await chain.write("SubtensorModule", "RootClaimableThreshold", [0], {"bits": 600_000 << 32})


async def relations(chain: Chain, scene: Scene) -> None:
    """Takes, children and destinations of stake."""
    validator, miner, half = scene.validator.ss58_address, scene.miner.ss58_address, 1 << 63
    netuid = scene.netuid
    await chain.write("SubtensorModule", "Delegates", [validator], 6554)
    await chain.write("SubtensorModule", "ChildKeys", [validator, netuid], [(half, miner)])
    await chain.write("SubtensorModule", "ParentKeys", [miner, netuid], [(half, validator)])
    await chain.write("SubtensorModule", "PendingChildKeys", [netuid, validator], ([(half, miner)], 5000))
    await chain.write("SubtensorModule", "AutoStakeDestination", [CHARLIE.ss58_address, netuid], validator)
    await chain.write("SubtensorModule", "ColdkeySwapAnnouncements", [scene.fresh], (99, "0x" + "5a" * 32))
    evm = ("0x" + "e7" * 20, 9)
    await chain.write("SubtensorModule", "AssociatedEvmAddress", [netuid, 2], evm)


async def identities(chain: Chain, scene: Scene) -> None:
    fields = {"name": "", "url": "", "github_repo": "", "image": "", "discord": "", "description": "", "additional": ""}
    who = {name: "0x" + (name.encode().hex() if name == "name" else "") for name in fields}
    await chain.write("SubtensorModule", "IdentitiesV2", [CHARLIE.ss58_address], who)
    texts = ["subnet_name", "github_repo", "subnet_contact", "subnet_url", "discord", "description", "logo_url"]
    what = {name: "0x" for name in [*texts, "additional"]} | {"subnet_name": "0x" + b"assay".hex()}
    await chain.write("SubtensorModule", "SubnetIdentitiesV3", [scene.netuid], what)


async def commitments(chain: Chain, scene: Scene) -> None:
    """What a neuron committed to, and what it had sealed before; localnet itself opens nothing."""
    info = {"fields": [{"Raw5": "0x" + b"assay".hex()}]}
    await chain.send(calls.Commitments.set_commitment(netuid=scene.netuid, info=info), scene.validator)
    opened = [("0x" + b"open".hex(), 9)]
    await chain.write("Commitments", "RevealedCommitments", [scene.netuid, scene.validator.ss58_address], opened)


async def singular(report: Report, chain: Chain, programs: Path) -> None:
    """Reads whose answer does not change with the state of one chain."""
    with report("block_info") as seen:
        result = await chain.send(calls.System.remark_with_event(remark="0x01"), ALICE)
        number = block_of(result)
        info = await chain.client.read("block_info", block=number)
        # A round of the beacon may come with any block.
        signed = [call for call in info["extrinsics"] if call != "Drand.write_pulse"]
        equal(signed, ["Timestamp.set", "System.remark_with_event"])
        equal(info["hash"], result.block_hash)
        seen(f"block {number}: {info['extrinsics']}")
    with report("existential_deposit") as seen:
        deposit = (await chain.client.read("existential_deposit")).rao
        nobody = key("//reads/nobody").ss58_address
        less = calls.Balances.transfer_keep_alive(dest=nobody, value=deposit - 1)
        assert not (await chain.client.submit_call(less, ALICE)).success, "less than it made an account"
        await chain.send(calls.Balances.transfer_keep_alive(dest=nobody, value=deposit), ALICE)
        seen(f"{deposit} rao make an account, {deposit - 1} do not")
    with report("block_time and is_fast_blocks") as seen:
        with Node(programs / "localnet", "--block-ms", "12000") as node:
            async with Chain(node) as slow:
                for other, time, fast in ((chain, 0.25, True), (slow, 12.0, False)):
                    equal(await other.client.read("block_time"), time)
                    equal(await other.client.read("is_fast_blocks"), fast)
        seen("0.25 s, and 12 s on a chain of 12 s blocks")
    with report("quote_stake is what staking gives") as seen:
        netuid, hotkey, tao = 1, key("//reads/quoted"), 2
        await chain.write("SubtensorModule", "SubtokenEnabled", [netuid], True)
        await chain.register(netuid, BOB, hotkey)
        quote = await chain.client.read("quote_stake", netuid=netuid, amount_tao=tao)
        # The price of a place falls in every block and pays nobody: the pool stays as it was quoted.
        await chain.stake(netuid, BOB, hotkey, tao * TAO)
        held = await chain.client.read(
            "stake", coldkey_ss58=BOB.ss58_address, hotkey_ss58=hotkey.ss58_address, netuid=netuid
        )
        equal(held.rao, quote.alpha.rao)
        seen(f"{quote.alpha} for τ{tao}")


async def not_served(report: Report, chain: Chain, scene: Scene) -> None:
    """The rest fails, each for the reason that localnet/README.md gives."""
    listed = {name for _, names in READS for name in names}
    singular_reads = {"block_info", "existential_deposit", "block_time", "is_fast_blocks"}
    with report("every read of the registry is proven or listed") as seen:
        equal(set(PROOFS) & listed, set(), "both")
        equal(set(PROOFS) | listed | singular_reads, set(REGISTRY), "reads")
        seen(f"{len(PROOFS) + len(singular_reads)} served, {len(listed)} listed, {len(REGISTRY)} in all")
    with report("reads that are listed are not served") as seen:
        for name in sorted(listed):
            try:
                answer = await chain.client.read(name, **scene.arguments(REGISTRY[name].params))
            except Exception as error:
                assert "not found" in str(error), f"{name}: {error}"
            else:
                raise AssertionError(f"{name} answers {answer!r}")
        seen(f"{len(listed)} of {len(listed)}")
    with report("localnet/README.md lists the same reads"):
        readme.check("reads", readme.reads(READS))
