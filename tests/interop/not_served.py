"""What the SDK offers and localnet does not serve, with the reason. `localnet/README.md` shows the same lists."""

NO_PALLET = "no pallet"
NEWER = "newer than runtime 425"

# Reason, and the reads that fail for it.
READS = [
    ("no pallet Proxy", ["proxies"]),
    ("no pallet Multisig", ["multisig"]),
    ("no pallet MevShield", ["mev_shield_next_key"]),
    ("no pallet Crowdloan", ["crowdloan", "crowdloans", "crowdloan_contributors"]),
    ("subnets are not leased", ["lease", "leases"]),
    ("coldkeys are not swapped", ["coldkey_swap_announcement"]),
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
