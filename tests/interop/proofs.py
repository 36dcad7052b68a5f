"""What each read must show after the story of `reads.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from bittensor.sp_core import Keypair

from node import ALICE, BOB, CHARLIE, TAO, key


@dataclass
class Scene:
    """Who takes part, and what the story leaves behind."""

    owner: Keypair
    validator: Keypair
    miner: Keypair
    netuid: int = 0
    second: int = 0
    weights_block: int = 0
    end: int = 0
    # Far ahead of the development beacon, near enough for a date.
    round: int = 10**10
    fresh: str = field(default_factory=lambda: key("//reads/fresh").ss58_address)

    def arguments(self, names: Any) -> dict[str, Any]:
        """Arguments that any read accepts."""
        all_of_them = {
            "netuid": self.netuid,
            "netuids": [0, self.netuid],
            "uid": 2,
            "hotkey_ss58": self.validator.ss58_address,
            "hotkey_ss58s": [self.miner.ss58_address],
            "coldkey_ss58": BOB.ss58_address,
            "coldkey_ss58s": [BOB.ss58_address],
            "account_ss58": BOB.ss58_address,
            "call_hash": "0x" + "00" * 32,
            "amount_tao": 1.0,
            "amount_alpha": 1.0,
            "lite": False,
            "mechid": 0,
            "lease_id": 0,
            "crowdloan_id": 0,
        }
        return {name: all_of_them[name] for name in names}


@dataclass(frozen=True)
class Proof:
    """A read's arguments, and whether the values before and after the story are what it must show."""

    names: tuple[str, ...]
    shows: Callable[[Any, Any, Scene], bool]
    others: Callable[[Scene], dict[str, Any]] = lambda scene: {}

    def parameters(self, scene: Scene) -> dict[str, Any]:
        return scene.arguments(self.names) | self.others(scene)


def became(before: Any, after: Any) -> Callable[[Any, Any, Scene], bool]:
    """Exactly these two values."""
    return lambda b, a, s: b == before and a == after


def subnet(shows: Callable[[Any, Any, Scene], bool]) -> Proof:
    return Proof(("netuid",), shows)


def hotkey(shows: Callable[[Any, Any, Scene], bool]) -> Proof:
    return Proof(("hotkey_ss58",), shows)


def miner(shows: Callable[[Any, Any, Scene], bool], *names: str) -> Proof:
    return Proof(names, shows, lambda scene: {"hotkey_ss58": scene.miner.ss58_address})


def charlie(shows: Callable[[Any, Any, Scene], bool], *names: str) -> Proof:
    return Proof(names, shows, lambda scene: {"coldkey_ss58": CHARLIE.ss58_address})


def held(positions: list, scene: Scene) -> dict[str, int]:
    """Stake by hotkey on the scene's subnet, rao."""
    return {position.hotkey: position.stake.rao for position in positions if position.netuid == scene.netuid}


def both(positions: list, scene: Scene) -> bool:
    """Stake behind the validator and, a tenth of it, behind the owner's hotkey."""
    stakes = held(positions, scene)
    large, small = stakes[scene.validator.ss58_address], stakes[scene.owner.ss58_address]
    return len(stakes) == 2 and 5 * small < large < 20 * small


HALF = 1 << 63

ACCOUNTS = {
    "balance": Proof(
        (), lambda b, a, s: (b.rao, a.rao) == (0, 7 * TAO), lambda scene: {"coldkey_ss58": scene.fresh}
    ),
    "balances": Proof(
        (),
        lambda b, a, s: a[s.fresh].rao - b[s.fresh].rao == 7 * TAO and a[ALICE.ss58_address] < b[ALICE.ss58_address],
        lambda scene: {"coldkey_ss58s": [scene.fresh, ALICE.ss58_address]},
    ),
    "timestamp": Proof((), lambda b, a, s: a["block"] > b["block"] and a["unix"] > b["unix"]),
    "tx_rate_limit": Proof((), became(1000, 1234)),
    "coldkey_swap_announcement": Proof(
        (), lambda b, a, s: b is None and a["execute_block"] == 99, lambda scene: {"coldkey_ss58": scene.fresh}
    ),
}

NEURONS = {
    "neurons": Proof(
        ("netuid", "lite"),
        lambda b, a, s: (
            [n.hotkey for n in a] == [n.hotkey for n in b] + [s.miner.ss58_address]
            and a[1].validator_permit
            and not b[1].validator_permit
            and [int(uid) for uid, _ in a[1].raw["weights"]] == [0, 2]
            and not b[1].raw["weights"]
            and a[1].total_stake > b[1].total_stake
        ),
    ),
    # An account nobody owns is the zero account on the chain, and the SDK shows it as it is.
    "hotkey_owner": miner(lambda b, a, s: b != a == CHARLIE.ss58_address),
    "owned_hotkeys": charlie(lambda b, a, s: b == [] and a == [s.miner.ss58_address]),
    "netuids_for_hotkey": miner(lambda b, a, s: b == [] and a == [s.netuid]),
    "uid": miner(became(None, 2), "netuid"),
    "associated_evm_key": Proof(("netuid", "uid"), became(None, {"evm_address": "0x" + "e7" * 20, "block": 9})),
}

PRICES = {
    "quote_stake": Proof(("netuid", "amount_tao"), lambda b, a, s: 0 < a.alpha.rao < b.alpha.rao and a.tao_fee.rao > 0),
    "quote_unstake": Proof(
        ("netuid", "amount_alpha"), lambda b, a, s: a.tao.rao > b.tao.rao > 0 and a.alpha_fee.rao > 0
    ),
    "alpha_prices": Proof((), lambda b, a, s: a[s.netuid] > b[s.netuid] and set(a) - set(b) == {s.second}),
    "alpha_price": subnet(lambda b, a, s: a["price_rao"] > b["price_rao"]),
}

STAKE = {
    "stake": Proof(("coldkey_ss58", "hotkey_ss58", "netuid"), lambda b, a, s: b.rao == 0 < a.rao),
    "stake_for_coldkey": Proof(("coldkey_ss58",), lambda b, a, s: b == [] and both(a, s)),
    "stake_for_coldkeys": Proof(
        ("coldkey_ss58s",), lambda b, a, s: b == {BOB.ss58_address: []} and both(a[BOB.ss58_address], s)
    ),
    "stake_value_for_coldkey": Proof(
        ("coldkey_ss58",), lambda b, a, s: b.stake_value.rao == 0 < a.stake_value.rao and both(a.positions, s)
    ),
    "stake_value_for_coldkeys": Proof(
        ("coldkey_ss58s",),
        lambda b, a, s: b[BOB.ss58_address].stake_value.rao == 0 < a[BOB.ss58_address].stake_value.rao,
    ),
    "stake_availability": Proof(
        ("coldkey_ss58", "netuid"),
        lambda b, a, s: b["total"].rao == 0 < a["total"].rao == a["available"].rao and a["locked"].rao == 0,
    ),
    "stake_availability_for_coldkey": Proof(
        ("coldkey_ss58", "netuids"),
        lambda b, a, s: [row["total"].rao > 0 for row in b + a] == [False, False, False, True],
    ),
    "total_alpha_staked": subnet(lambda b, a, s: a.rao > b.rao + 50 * TAO),
    "staking_hotkeys": Proof(
        ("coldkey_ss58",), lambda b, a, s: set(a) - set(b) == {s.owner.ss58_address} and set(b) < set(a)
    ),
    "auto_stake": charlie(lambda b, a, s: b is None and a == s.validator.ss58_address, "netuid"),
    "auto_stake_all": charlie(
        lambda b, a, s: b == [] and a == [{"netuid": s.netuid, "hotkey": s.validator.ss58_address}]
    ),
    "root_claim_threshold": Proof((), lambda b, a, s: (b.rao, a.rao) == (500_000, 600_000)),
}

DELEGATION = {
    "delegates": Proof((), lambda b, a, s: b == [] and [info.hotkey for info in a] == [s.validator.ss58_address]),
    "delegate": hotkey(
        lambda b, a, s: (
            b is None
            and a.owner == BOB.ss58_address
            and abs(a.take - 0.1) < 1e-4
            # Whose stake is behind it: its own coldkey's, and once the subnet pays its owner that of nobody else.
            and a.nominators >= 1
            and a.registrations == a.validator_permits == [s.netuid]
        )
    ),
    "is_delegate": hotkey(became(False, True)),
    "delegate_take": hotkey(lambda b, a, s: (b["take_u16"], a["take_u16"]) == (11_796, 6554)),
    "delegated": Proof(
        ("coldkey_ss58",),
        lambda b, a, s: b == [] and [(d.delegate.hotkey, d.netuid) for d in a] == [(s.validator.ss58_address, s.netuid)],
    ),
    "children": Proof(("hotkey_ss58", "netuid"), lambda b, a, s: b == [] and a == [(HALF, s.miner.ss58_address)]),
    "parents": miner(lambda b, a, s: b == [] and a == [(HALF, s.validator.ss58_address)], "netuid"),
    "pending_children": Proof(
        ("hotkey_ss58", "netuid"),
        lambda b, a, s: b["children"] == []
        and a == {"children": [(HALF, s.miner.ss58_address)], "cooldown_block": 5000},
    ),
}

SUBNETS = {
    "subnet": subnet(lambda b, a, s: a.neuron_count == b.neuron_count + 1 and a.burn != b.burn),
    "subnets": Proof((), lambda b, a, s: {row.netuid for row in a} - {row.netuid for row in b} == {s.second}),
    "burn": subnet(lambda b, a, s: a.rao != b.rao),
    "subnet_tao_flows": Proof((), lambda b, a, s: b == {} and a == {s.netuid: -1.5}),
    "commit_reveal_enabled": subnet(became(False, True)),
    "subnet_hyperparameters": subnet(
        lambda b, a, s: {
            name: a[name] for name in a if a[name] != b[name]
        }
        == {
            "immunity_period": 77,
            "min_allowed_weights": 3,
            "weights_rate_limit": 7,
            "commit_reveal_period": 4,
            "commit_reveal_weights_enabled": True,
        }
    ),
    "metagraph": subnet(
        lambda b, a, s: (
            a["num_uids"] == b["num_uids"] + 1
            and a["emission"][2] > 0
            and a["total_stake"][1] > b["total_stake"][1]
            and a["last_step"] > b["last_step"]
            and a["tao_in"] > b["tao_in"]
            and a["identity"]["subnet_name"] == "assay"
        )
    ),
    "subnet_identity": subnet(lambda b, a, s: b is None and a["subnet_name"] == "assay"),
    "subnet_names": Proof((), lambda b, a, s: b == {} and a == {s.netuid: "assay"}),
    "token_symbols": Proof((), lambda b, a, s: set(a) - set(b) == {s.second}),
    "subnet_start_schedule": Proof(
        (),
        lambda b, a, s: b["registered_at"] == 0 < a["registered_at"] == a["earliest_start_block"],
        # The next number that a new subnet will get.
        lambda scene: {"netuid": scene.second or scene.netuid + 1},
    ),
    "mechanism_count": subnet(became(1, 2)),
    "mechanism_emission_split": subnet(became([], [16_384, 49_151])),
    "subnet_registration_cost": Proof((), lambda b, a, s: a.rao > b.rao),
}

EPOCHS = {
    "next_epoch_start_block": subnet(lambda b, a, s: a > b),
    # The story ends seven blocks after an epoch of twenty.
    "blocks_until_next_epoch": subnet(became(17, 13)),
    "blocks_since_last_step": subnet(lambda b, a, s: b != a == 7),
    "blocks_since_last_update": Proof(
        ("netuid",), lambda b, a, s: b != a == s.end - s.weights_block, lambda scene: {"uid": 1}
    ),
    "epoch_status": subnet(
        lambda b, a, s: b["epoch_index"] == 0 < a["epoch_index"] and a["last_epoch_block"] == a["block"] - 7 == s.end - 7
    ),
}

HYPERPARAMETERS = {
    "weights_rate_limit": subnet(became(0, 7)),
    "difficulty": subnet(became(10_000_000, 12_345_678)),
    "min_allowed_weights": subnet(became(1, 3)),
    "max_weight_limit": subnet(became(65_535, 32_768)),
    "immunity_period": subnet(became(100, 77)),
    "reveal_period": subnet(became(1, 4)),
    "subnet_emission_enabled": subnet(became(0, 1)),
}

IDENTITIES = {
    "identity": charlie(lambda b, a, s: b is None and a["name"] == "name"),
    "hotkey_identities": Proof(
        ("hotkey_ss58s",), lambda b, a, s: b == {} and a[s.miner.ss58_address]["name"] == "name"
    ),
    "commitment": Proof(("netuid", "hotkey_ss58"), lambda b, a, s: b is None and a.data == "assay"),
    "revealed_commitment": Proof(("netuid", "hotkey_ss58"), lambda b, a, s: not b and a[0][1] == 9),
    "commitments": Proof(
        ("netuid",), lambda b, a, s: b == [] and [row["hotkey"] for row in a] == [s.validator.ss58_address]
    ),
}

WEIGHTS = {
    "weights": Proof(("netuid", "mechid"), lambda b, a, s: b == {} and near(a[1], {0: 0.25, 2: 0.75})),
    "bonds": Proof(("netuid", "mechid"), lambda b, a, s: not any(b.values()) and a[1][2] > 0),
    "timelocked_weight_commits": Proof(
        ("netuid", "mechid"),
        lambda b, a, s: (
            b == {}
            and [(commit["hotkey"], commit["reveal_round"]) for epoch in a for commit in a[epoch]]
            == [(s.validator.ss58_address, s.round)]
        ),
    ),
}


def near(found: dict[int, float], expected: dict[int, float]) -> bool:
    """The same fractions, as far as 16 bits tell them apart."""
    return set(found) == set(expected) and all(abs(found[uid] - expected[uid]) < 1e-4 for uid in expected)


PROOFS: dict[str, Proof] = (
    ACCOUNTS | NEURONS | PRICES | STAKE | DELEGATION | SUBNETS | EPOCHS | HYPERPARAMETERS | IDENTITIES | WEIGHTS
)
