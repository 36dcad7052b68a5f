"""Signed requests between our programs and the SDK: our validator calls an axon of the SDK's, a validator of the SDK's our miner."""

from __future__ import annotations

import asyncio
import http.client
import queue
import subprocess
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bittensor as bt
from bittensor import http_auth

from node import ALICE, BOB, CHARLIE, TAO, Chain, Keys, Node, key
from report import Report, equal

# Each on a loopback address of its own, as the chain refuses 127.0.0.1.
OURS, THEIRS = "127.0.0.2", "127.0.0.3"
# A WindowRequest: version, netuid, block, nonce and policy, then the commitment to the validator's secret.
WINDOW, COMMITMENT = "/v1/compute/window", 32
REQUEST = 2 + 2 + 8 + 3 * 32
# A signed root in the answer: chain, round, root, signature.
FRAME = 2 + 4 + 32 + 64


class Axon:
    """A miner of the SDK's: verifies what arrives and keeps it. It has no work to offer."""

    def __init__(self, hotkey: str) -> None:
        arrived: queue.Queue[tuple[dict, bytes, str]] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                arrived.put((dict(self.headers), body, self.path))
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.hotkey, self.arrived = hotkey, arrived
        self.server = ThreadingHTTPServer((THEIRS, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def verify(self, request: tuple[dict, bytes, str], **changes: object) -> http_auth.Caller:
        """What the SDK says to a request, or to the same with something changed."""
        headers, body, path = request
        arguments = {"body": body, "path": path, "self_hotkey_ss58": self.hotkey, "method": "POST"} | changes
        return http_auth.verify(headers, nonce_store=http_auth.InMemoryNonceStore(), **arguments)

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()

    def __enter__(self) -> "Axon":
        return self


class Program:
    """A miner or validator as its operator starts it."""

    def __init__(self, program: Path, chain: Chain, netuid: int, wallet: bt.Wallet, *arguments: str) -> None:
        command = [str(program), "run", "--policy", "dev", "--telemetry-listen", "127.0.0.1:0"]
        command += ["--netuid", str(netuid), "--endpoint", chain.node.url, "--log", "warn", *arguments]
        command += ["--wallet", wallet.name, "--hotkey", wallet.hotkey_str, "--wallet-path", wallet.path]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, f"{program.name} said {line!r} instead of its address"
        self.address = line.split("http://")[1].strip()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


async def checks(report: Report, programs: Path, home: Path) -> None:
    report.begin("signed requests")
    wallets = {name: wallet(home, name) for name in ("validator", "miner")}
    theirs, colleague = key("//axon/theirs"), key("//axon/validator")
    with ExitStack() as running:
        node = running.enter_context(Node(programs / "localnet", "--block-ms", "250", seal="interval"))
        async with Chain(node) as chain:
            axon = running.enter_context(Axon(theirs.ss58_address))
            with report("a subnet with our programs and the SDK's") as seen:
                hotkeys = [wallets["validator"].hotkey, colleague, wallets["miner"].hotkey, theirs]
                netuid = await subnet(chain, hotkeys)
                port = axon.server.server_address[1]
                await chain.execute(bt.intents.ServeAxon(netuid=netuid, ip=THEIRS, port=port), Keys(BOB, theirs))
                listen, database = ("--listen", f"{OURS}:0"), ("--database", str(home / "axon.db"))
                miner = running.enter_context(
                    Program(programs / "miner", chain, netuid, wallets["miner"], *listen)
                )
                running.enter_context(
                    Program(programs / "validator", chain, netuid, wallets["validator"], *database)
                )
                seen(f"our miner at {miner.address}, the SDK's at {THEIRS}:{port}")
            await ours_to_theirs(report, axon, wallets["validator"].hotkey.ss58_address)
            theirs_to_ours(report, miner.address, wallets["miner"].hotkey.ss58_address, axon, colleague)


def wallet(home: Path, name: str) -> bt.Wallet:
    """A wallet written by the SDK; our programs open it."""
    made = bt.Wallet("interop", name, path=str(home / "wallets"))
    return made.create_new_hotkey(suppress=True)


async def subnet(chain: Chain, hotkeys: list) -> int:
    """Registers everybody, stakes the first two, and waits until they hold a permit."""
    netuid = await chain.subnet(ALICE, key("//axon/owner"))
    for coldkey, hotkey in zip((BOB, BOB, CHARLIE, BOB), hotkeys):
        await chain.register(netuid, coldkey, hotkey)
    for hotkey in hotkeys[:2]:
        await chain.stake(netuid, BOB, hotkey, 100 * TAO)
    async for _ in chain.client.blocks():
        neurons = await chain.client.read("neurons", netuid=netuid)
        if all(neuron.validator_permit for neuron in neurons[1:3]):
            return netuid
    raise AssertionError("the node went away")


async def ours_to_theirs(report: Report, axon: Axon, validator: str) -> None:
    """What our validator sends."""
    with report("a request of our validator verifies in the SDK") as seen:
        arrived = await asyncio.to_thread(axon.arrived.get, timeout=60)
        axon.request = arrived
        caller = axon.verify(arrived)
        equal(caller.hotkey_ss58, validator, "caller")
        equal(arrived[2], WINDOW, "path")
        seen(f"{caller.hotkey_ss58}, {len(arrived[1])} bytes")
    for name, error, changes in (
        ("with another body", http_auth.BadSignature, {"body": axon.request[1] + b"\0"}),
        ("to another path", http_auth.BadSignature, {"path": "/v1/other"}),
        ("to another receiver", http_auth.WrongReceiver, {"self_hotkey_ss58": ALICE.ss58_address}),
        ("a minute later", http_auth.StaleRequest, {"max_age": 0.0}),
    ):
        with report(f"{name} it does not") as seen:
            try:
                axon.verify(axon.request, **changes)
            except error as refused:
                seen(f"{type(refused).__name__}")
            else:
                raise AssertionError("it verifies")


def theirs_to_ours(report: Report, address: str, miner: str, axon: Axon, colleague: object) -> None:
    """What our miner answers to requests signed by the SDK: the same window, asked for by another validator."""
    body = axon.request[1][:-COMMITMENT] + bytes(COMMITMENT)
    equal(len(body), REQUEST, "bytes of a request")

    def signed(receiver: str, signer: object = colleague) -> dict[str, str]:
        return http_auth.sign(signer, method="POST", path=WINDOW, body=body, receiver_ss58=receiver)

    with report("a request signed by the SDK is served by our miner") as seen:
        headers = signed(miner)
        status, answer = post(address, headers, body)
        assert status == 200 and len(answer) >= FRAME and len(answer) % FRAME == 0, (status, answer[:200])
        seen(f"{len(answer) // FRAME} signed roots in one window")
    for name, expected, given in (
        ("again", 401, headers),
        ("bound to another receiver", 421, signed(ALICE.ss58_address)),
        ("without a signature", 401, {}),
        ("by a hotkey without permit", 403, signed(miner, key("//axon/theirs"))),
    ):
        with report(f"{name} it is refused") as seen:
            status, answer = post(address, given, body)
            equal(status, expected, "status")
            seen(f"{status} {answer.decode()[:60]}…")


def post(address: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("POST", WINDOW, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()
