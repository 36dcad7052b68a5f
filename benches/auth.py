"""The SDK's side of the bench `auth`: the same operations with `bittensor` 11.3.0, one line for each."""

import sys
import time

import bittensor as bt
import bittensor_core as core

REQUESTS = int(sys.argv[1])
SENDERS, TARGET, BODY = 256, "/v1/compute/window", b"\x5a" * 512


def rate(what, call):
    start = time.perf_counter()
    for index in range(REQUESTS):
        call(index)
    print(what, REQUESTS / (time.perf_counter() - start))


senders = [core.Keypair.create_from_seed(n.to_bytes(8, "little") + b"\x07" * 24, core.CRYPTO_SR25519) for n in range(SENDERS)]
receiver = core.Keypair.create_from_uri("//Bob", core.CRYPTO_SR25519).ss58_address
text = BODY[:330]
signature, address, scheme = bytes(senders[0].sign(text)), senders[0].ss58_address, core.CRYPTO_SR25519

rate("key sign", lambda _: senders[0].sign(text))
assert core.verify(text, signature, address, scheme)
rate("key verify", lambda _: core.verify(text, signature, address, scheme))

now, headers = time.time_ns(), []


def sign(index):
    headers.append(
        bt.http_auth.sign(
            senders[index % SENDERS], method="POST", path=TARGET, body=BODY, receiver_ss58=receiver, nonce_ns=now - 1000 * index
        )
    )


def verify(index):
    bt.http_auth.verify(headers[index], BODY, method="POST", path=TARGET, self_hotkey_ss58=receiver, now_ns=now)


rate("request sign", sign)
rate("request verify", verify)
