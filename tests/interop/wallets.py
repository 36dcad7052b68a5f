"""Wallets written by either side open in the other, by every way to give a password."""

from __future__ import annotations

import ctypes
import json
import os
import pty
import subprocess
from pathlib import Path

import bittensor_core as core
from bittensor.keyfiles import Keyfile
from bittensor.wallet import Wallet

from report import Report, equal

PASSWORD = "correct horse: ñ€🔑"
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
SCHEMES = {"sr25519": core.CRYPTO_SR25519, "ed25519": core.CRYPTO_ED25519}
GOLDEN = Path(__file__).parents[2] / "neuron-common" / "tests" / "wallets"


async def checks(report: Report, programs: Path, home: Path) -> None:
    report.begin("Wallets")
    tool = programs / "wallet"
    ours, theirs, secret = home / "ours", home / "theirs", home / "password"
    secret.write_text(PASSWORD + "\n")
    written = json.loads(run(tool, "write", ours, "--password", PASSWORD))
    for scheme in SCHEMES:
        with report(f"the SDK opens a wallet of ours, {scheme}") as seen:
            seen(sdk_opens(ours, scheme, written))
    for scheme in SCHEMES:
        with report(f"a wallet of the SDK opens here, {scheme}") as seen:
            seen(opens_here(tool, theirs, scheme, secret))
    coldkey = theirs / "sr25519" / "coldkey"
    address = Wallet("sr25519", "plain", str(theirs)).coldkeypub.ss58_address
    with report("by the variable that the SDK sets"):
        variable = Keyfile(coldkey).save_password_to_env(PASSWORD)
        found = json.loads(run(tool, "read", coldkey, env={variable: below_python(variable)}))
        equal(found, {str(coldkey): address}, "address")
    with report("by a password that is typed and not shown"):
        shown = typed(tool, coldkey)
        assert address in shown and PASSWORD not in shown, shown
    with report("another password is refused, and neither is shown"):
        (home / "wrong").write_text("wrong horse\n")
        ended = subprocess.run([tool, "read", coldkey, "--password-file", home / "wrong"], capture_output=True, text=True)
        assert ended.returncode != 0 and "does not open" in ended.stderr, ended
        assert "wrong horse" not in ended.stderr and PASSWORD not in ended.stderr, ended.stderr
    with report("the older forms open, ten million iterations included") as seen:
        files = [GOLDEN / "legacy" / name for name in ("fernet", "vault", "phrase", "seed", "private")]
        found = json.loads(run(tool, "read", *files, "--password-file", GOLDEN / "password"))
        expected = json.loads((GOLDEN / "addresses.json").read_text())
        equal({file.name: found[str(file)] for file in files}, {file.name: expected[f"legacy/{file.name}"] for file in files}, "addresses")
        seen(len(files))


def below_python(variable: str) -> str:
    """The SDK's core sets variables of the process, which `os.environ` was copied from before."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    return getenv(variable.encode()).decode()


def sdk_opens(root: Path, scheme: str, written: dict[str, str]) -> str:
    plain, sealed = Wallet(scheme, "plain", str(root)), Wallet(scheme, "sealed", str(root))
    keys = {
        "coldkey": plain.get_coldkey(PASSWORD),
        "hotkeys/plain": plain.get_hotkey(),
        "hotkeys/sealed": sealed.get_hotkey(PASSWORD),
    }
    for file, key in keys.items():
        equal(key.ss58_address, written[f"{scheme}/{file}"], file)
        equal(key.crypto_type, SCHEMES[scheme], file)
        assert core.verify(b"message", bytes(key.sign(b"message")), key.ss58_address, key.crypto_type), file
        equal((root / scheme / file).stat().st_mode & 0o777, 0o600, file)
    equal(plain.coldkeypub.ss58_address, keys["coldkey"].ss58_address, "coldkeypub.txt")
    equal(sealed.hotkeypub.ss58_address, keys["hotkeys/sealed"].ss58_address, "sealedpub.txt")
    assert plain.coldkey_file.is_encrypted() and sealed.hotkey_file.is_encrypted() and not plain.hotkey_file.is_encrypted()
    try:
        Keyfile(root / scheme / "coldkey").get_keypair("wrong horse")
    except Exception:
        return f"{len(keys)} keys"
    raise AssertionError("it opens with any password")


def opens_here(tool: Path, root: Path, scheme: str, secret: Path) -> str:
    quiet = {"suppress": True, "crypto_type": SCHEMES[scheme]}
    plain, sealed = Wallet(scheme, "plain", str(root)), Wallet(scheme, "sealed", str(root))
    plain.create_new_coldkey(coldkey_password=PASSWORD, **quiet)
    plain.create_new_hotkey(n_words=24, **quiet)
    sealed.regenerate_hotkey(mnemonic=PHRASE, hotkey_password=PASSWORD, **quiet)
    keys = {"coldkey": plain.coldkey, "hotkeys/plain": plain.hotkey, "hotkeys/sealed": sealed.hotkey}
    files = {str(root / scheme / file): key.ss58_address for file, key in keys.items()}
    equal(json.loads(run(tool, "read", *files, "--password-file", secret)), files, "addresses")
    return f"{len(files)} keys"


def run(*command: object, env: dict[str, str] | None = None) -> str:
    ended = subprocess.run(
        [str(part) for part in command], env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def typed(tool: Path, coldkey: Path) -> str:
    """What a terminal shows while a password is typed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(tool, [str(tool), "read", str(coldkey)])
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
            if shown.endswith(b"coldkey: "):
                os.write(terminal, PASSWORD.encode() + b"\n")
    except OSError:
        pass  # The terminal is gone once its program has ended.
    os.waitpid(child, 0)
    return shown.decode()
