#!/usr/bin/env python3
"""Vectors of the time lock, made and checked with the Python wheels that validators use.

    python3 -m venv venv && venv/bin/pip install bittensor_core==0.1.5 bittensor_drand==2.0.0
    venv/bin/python timelock/vectors/make.py check     # the wheels open what this crate sealed (ours.json)
    venv/bin/python timelock/vectors/make.py record    # write wheel.json and incentive/vectors/reveal.json anew
"""

import json
import pathlib
import random
import sys
import time

import bittensor_core
import bittensor_drand

WHEELS = {"bittensor_core 0.1.5": bittensor_core, "bittensor_drand 2.0.0": bittensor_drand}
HERE = pathlib.Path(__file__).resolve().parent
REVEAL = HERE.parent.parent / "incentive" / "vectors" / "reveal.json"
GENESIS, PERIOD = 1692803367, 3
ROUND = 1000
# Quicknet's signature of round 1000.
PULSE = (
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
HOTKEY = bytes([0x11]) * 32


def compact(number: int) -> bytes:
    """A SCALE compact number below 2^30."""
    if number < 1 << 6:
        return bytes([number << 2])
    if number < 1 << 14:
        return ((number << 2) | 1).to_bytes(2, "little")
    return ((number << 2) | 2).to_bytes(4, "little")


def envelope(ciphertext: bytes, round_: int) -> bytes:
    """The wheels' `UserData`: the ciphertext with its length, then the round."""
    return compact(len(ciphertext)) + ciphertext + round_.to_bytes(8, "little")


def inner(user_data: bytes) -> bytes:
    """The ciphertext in a `UserData` whose ciphertext has 64 to 16383 bytes."""
    length = int.from_bytes(user_data[:2], "little") >> 2
    return user_data[2 : 2 + length]


def commit(wheel, state: dict, block_time: float, uids=(0, 258), weights=(65535, 1)) -> tuple[bytes, int]:
    """A commit of the wheel, and the round that it names."""
    return wheel.get_encrypted_commit_v2(
        list(uids), list(weights), 7,
        state["last_epoch"], state["pending"], state["index"], state["tempo"], state["since_step"],
        state["block"], state["period"], block_time, HOTKEY,
    )


def payload(uids, weights) -> bytes:
    """The plaintext of such a commit."""
    vectors = (compact(len(v)) + b"".join(n.to_bytes(2, "little") for n in v) for v in (uids, weights))
    return compact(32) + HOTKEY + b"".join(vectors) + (7).to_bytes(8, "little")


def sealed(name: str, wheel) -> list[dict]:
    """What a wheel encrypted to round 1000: free messages, and weights of 2 and of 256 neurons."""
    cases = []
    for message in (b"", b"hello", bytes(range(256)) * 4):
        ciphertext = inner(bytes(wheel.encrypt_at_round(message, ROUND)[0]))
        cases.append({"by": name, "message": message.hex(), "ciphertext": ciphertext.hex()})
    # A reveal seven blocks ahead lands on a round of the past when blocks take negative time.
    state = {"last_epoch": 80, "pending": 95, "index": 0, "tempo": 20, "since_step": 0, "block": 91, "period": 1}
    for uids, weights in (((0, 258), (65535, 1)), (range(256), range(1000, 1256))):
        block_time = (GENESIS + ROUND * PERIOD + 1.5 - time.time()) / 7
        ciphertext, round_ = commit(wheel, state, block_time, uids, weights)
        assert round_ == ROUND, round_
        cases.append({"by": name, "message": payload(uids, weights).hex(), "ciphertext": bytes(ciphertext).hex()})
    return cases


def states(count: int):
    """Subnets at all points of their epochs: pending ones, overdue ones, long without a step."""
    draw = random.Random(5)
    for _ in range(count):
        tempo = draw.choice([0, 1, 2, 3, 10, 20, 99, 360, 1000, 50_400, 60_000, 65_535])
        last = draw.randrange(0, 200_000)
        block = last + draw.choice([0, 1, draw.randrange(0, 2 * tempo + 2), max(tempo - 1, 0), tempo, tempo + 1])
        pending = draw.choice([0, 0, block, block + 1, block + 2, block + draw.randrange(0, tempo + 5), last])
        since = draw.choice([0, block - last, 50_398, 50_399, 50_400, 50_401, draw.randrange(0, 50_400)])
        yield {
            "last_epoch": last, "pending": pending, "index": draw.randrange(0, 1000), "tempo": tempo,
            "since_step": since, "block": block, "period": draw.choice([1, 1, 1, 2, 3, 7]),
        }


def reveal_block(wheel, state: dict):
    """The block in which the wheel expects the reveal; null where it refuses to commit."""
    hour = 3_600_000_000.0
    try:
        _, round_ = commit(wheel, state, hour)
    except ValueError:
        return None
    # Blocks that take a billion rounds each: the clock is lost in the rounding. Three blocks are the safety margin.
    ahead = round((round_ - (time.time() - GENESIS) / PERIOD) / (hour / PERIOD))
    return state["block"] + ahead - 3


def lines(rows: list[dict]) -> str:
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def record() -> None:
    cases = [case for name, wheel in WHEELS.items() for case in sealed(name, wheel)]
    (HERE / "wheel.json").write_text(lines(cases))
    rows = []
    for state in states(600):
        reveal, other = (reveal_block(wheel, state) for wheel in WHEELS.values())
        assert reveal == other, (state, reveal, other)
        rows.append({**state, "reveal": reveal})
    REVEAL.write_text(lines(rows))
    print(f"{len(cases)} ciphertexts, {len(rows)} reveal blocks recorded")


def opens(wheel, ciphertext: bytes, case: dict) -> bool:
    """Whether the wheel gets the message out."""
    try:
        message = bytes(wheel.decrypt_with_signature(envelope(ciphertext, case["round"]), case["signature"]))
    except Exception:
        return False
    return message.hex() == case["message"]


def check() -> None:
    cases = json.loads((HERE / "ours.json").read_text())
    for name, wheel in WHEELS.items():
        for case in cases:
            ciphertext = bytes.fromhex(case["ciphertext"])
            assert opens(wheel, ciphertext, case), f"{name} does not open {case['name']}"
            # The control: one bit of V, W, the text, the nonce.
            for at in (104, 144, 192, len(ciphertext) - 17):
                changed = bytearray(ciphertext)
                changed[at] ^= 1
                assert not opens(wheel, bytes(changed), case), f"{name} opens {case['name']} with byte {at} changed"
        print(f"{name}: {len(cases)} of {len(cases)} ciphertexts opened, none of {4 * len(cases)} changed ones")


if __name__ == "__main__":
    {"check": check, "record": record}[sys.argv[1]]()
