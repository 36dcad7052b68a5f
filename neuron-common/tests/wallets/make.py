"""Makes the wallets of this folder with Bittensor's own SDK; see README.md beside it.

    python make.py FOLDER
"""

import json
import sys
from pathlib import Path

import bittensor_core as core
from ansible.parsing.vault import VaultLib, VaultSecret
from bittensor.wallet import Wallet
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
import base64

PASSWORD = "correct horse battery staple: ñ€🔑"
PHRASE = "abandon " * 11 + "about"
HOT_PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
SALT = b"Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins"
SCHEMES = {"sr25519": core.CRYPTO_SR25519, "ed25519": core.CRYPTO_ED25519}


def wallets(root: Path) -> dict[str, str]:
    """A wallet of each scheme: an encrypted coldkey, a plain and an encrypted hotkey, and one without a phrase."""
    addresses = {}
    for name, scheme in SCHEMES.items():
        quiet = {"suppress": True, "overwrite": True, "crypto_type": scheme}
        wallet = Wallet(name, "plain", str(root))
        wallet.regenerate_coldkey(mnemonic=PHRASE, coldkey_password=PASSWORD, **quiet)
        wallet.regenerate_hotkey(mnemonic=HOT_PHRASE, **quiet)
        sealed = Wallet(name, "sealed", str(root))
        sealed.regenerate_hotkey(mnemonic=HOT_PHRASE, hotkey_password=PASSWORD, **quiet)
        seeded = Wallet(name, "seeded", str(root))
        seeded.regenerate_hotkey(seed=bytes(range(32)), **quiet)
        derived = Wallet(name, "derived", str(root))
        derived.hotkey_file.set_keypair(core.Keypair.create_from_uri("//Alice", scheme), encrypt=False, overwrite=True)
        addresses[f"{name}/coldkey"] = wallet.coldkey.ss58_address
        for hotkey in (wallet, sealed, seeded, derived):
            addresses[f"{name}/hotkeys/{hotkey.hotkey_str}"] = hotkey.get_hotkey(PASSWORD).ss58_address
    return addresses


def legacy(folder: Path) -> dict[str, str]:
    """Older forms, each opened by the SDK before it is kept."""
    key = core.Keypair.create_from_mnemonic(PHRASE, core.CRYPTO_SR25519)
    plain = bytes(core.serialized_keypair_to_keyfile_data(key))
    derivation = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=SALT, iterations=10_000_000)
    token = Fernet(base64.urlsafe_b64encode(derivation.derive(PASSWORD.encode()))).encrypt(plain)
    vault = VaultLib([("default", VaultSecret(PASSWORD.encode()))]).encrypt(plain.decode())
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"fernet": token, "vault": vault}.items():
        assert bytes(core.decrypt_keyfile_data(content, PASSWORD)) == plain, name
        (folder / name).write_bytes(content)
    fields = json.loads(plain)
    for name, content in {
        "phrase": fields["secretPhrase"],
        "seed": fields["secretSeed"],
        "private": fields["privateKey"].removeprefix("0x"),
    }.items():
        assert core.deserialize_keypair_from_keyfile_data(content.encode()).ss58_address == key.ss58_address, name
        (folder / name).write_text(content)
    return {f"legacy/{name}": key.ss58_address for name in ("fernet", "vault", "phrase", "seed", "private")}


if __name__ == "__main__":
    root = Path(sys.argv[1])
    addresses = wallets(root) | legacy(root / "legacy")
    (root / "addresses.json").write_text(json.dumps(addresses, indent=2) + "\n")
    (root / "password").write_text(PASSWORD + "\n")
