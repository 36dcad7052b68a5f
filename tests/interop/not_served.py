"""What the SDK offers and localnet does not serve, with the reason. `localnet/README.md` shows the same lists."""

# Reason, and the reads that fail for it.
READS = [
    ("no pallet Proxy", ["proxies"]),
    ("no pallet Multisig", ["multisig"]),
    ("no pallet MevShield", ["mev_shield_next_key"]),
    ("no pallet Crowdloan", ["crowdloan", "crowdloans", "crowdloan_contributors"]),
    ("subnets are not leased", ["lease", "leases"]),
    (
        "stake is not locked for conviction",
        [
            "coldkey_lock",
            "locks_for_coldkey",
            "locks_for_hotkey",
            "accepts_locked_alpha",
            "hotkey_conviction",
            "most_convicted_hotkey",
            "subnet_convictions",
        ],
    ),
    (
        "newer than runtime 425: collateral of miners",
        ["miner_collateral", "subnet_collateral", "collateral_policy"],
    ),
    ("newer than runtime 425: threshold of child keys", ["childkey_threshold_suspended"]),
    (
        "newer than runtime 425: baskets of root dividends",
        [
            "root_basket_owed",
            "root_basket_owed_breakdown",
            "basket_position",
            "root_basket_portfolio",
            "validator_basket",
            "validator_basket_summary",
            "root_baskets",
            "validator_basket_nav",
            "basket_trading_status",
            "root_basket_total_nav",
        ],
    ),
]

NEWER = "newer than runtime 425"

# Reason, pallet, and its calls that are not there for it.
CALLS = [
    (
        NEWER,
        "AdminUtils",
        [
            "sudo_set_activity_cutoff_factor",
            "sudo_set_collateral_drain_ratio",
            "sudo_set_collateral_lock_share",
            "sudo_set_epoch_consensus",
            "sudo_trim_null_uids_batch",
        ],
    ),
    (
        "no such pallet",
        "Crowdloan",
        [
            "contribute",
            "create",
            "dissolve",
            "finalize",
            "refund",
            "set_max_contribution",
            "update_cap",
            "update_end",
            "update_min_contribution",
            "withdraw",
        ],
    ),
    ("no such pallet", "EVM", ["withdraw"]),
    (
        "no such pallet",
        "Multisig",
        ["approve_as_multi", "as_multi", "as_multi_threshold_1", "cancel_as_multi"],
    ),
    (
        "no such pallet",
        "Proxy",
        ["add_proxy", "create_pure", "kill_pure", "proxy_announced", "remove_proxies", "remove_proxy"],
    ),
    (
        NEWER,
        "SubtensorModule",
        [
            "add_collateral",
            "claim_root_with_hotkey",
            "move_stake_limit",
            "pow_register",
            "set_min_collateral",
            "stake_into_basket",
            "swap_basket",
            "swap_basket_many",
            "transfer_stake_and_hotkey",
        ],
    ),
    (
        "stake is bought with `add_stake`, sold with `remove_stake`, and not moved or locked",
        "SubtensorModule",
        [
            "add_stake_burn",
            "add_stake_limit",
            "lock_stake",
            "move_lock",
            "move_stake",
            "remove_stake_limit",
            "set_perpetual_lock",
            "set_reject_locked_alpha",
            "swap_stake",
            "swap_stake_limit",
            "transfer_stake",
            "unstake_all",
            "unstake_all_alpha",
        ],
    ),
    (
        "no claims of root dividends, leases, child keys, identities of coldkeys, swaps of coldkeys",
        "SubtensorModule",
        [
            "announce_coldkey_swap",
            "associate_evm_key",
            "claim_root",
            "clear_coldkey_swap_announcement",
            "dispute_coldkey_swap",
            "register_leased_network",
            "root_register",
            "set_childkey_take",
            "set_children",
            "set_coldkey_auto_stake_hotkey",
            "set_identity",
            "sudo_set_root_claim_threshold",
            "swap_coldkey_announced",
            "terminate_lease",
            "try_associate_hotkey",
            "update_symbol",
        ],
    ),
    (
        "commits by hash are not built; no current client makes them",
        "SubtensorModule",
        ["reveal_weights"],
    ),
]
