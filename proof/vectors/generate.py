"""Independent oracle of PROTOCOL.md, "Compute proof": plain Python, ChaCha8 written out, no shared code.

    pip install blake3 && python3 generate.py > compute.json
"""

import json
import struct

from blake3 import blake3

M32 = 0xFFFFFFFF


def derive(context, data, length=32):
    return blake3(data, derive_key_context=context).digest(length=length)


def u16(x):
    return struct.pack("<H", x)


def u32(x):
    return struct.pack("<I", x)


def u64(x):
    return struct.pack("<Q", x)


def chacha8(key, blocks):
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key)]
    out = b""
    for counter in range(blocks):
        first = start + [counter & M32, counter >> 32, 0, 0]
        s = list(first)

        def quarter(a, b, c, d):
            for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                s[x] = (s[x] + s[y]) & M32
                s[z] ^= s[x]
                s[z] = ((s[z] << turn) | (s[z] >> (32 - turn))) & M32

        for _ in range(4):
            for i in range(4):
                quarter(i, 4 + i, 8 + i, 12 + i)
            for i in range(4):
                quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
        out += struct.pack("<16I", *((x + y) & M32 for x, y in zip(s, first)))
    return out


def stream(key, length):
    return chacha8(key, -(-length // 64))[:length]


def mix32(h):
    h ^= h >> 16
    h = h * 0x7FEB352D & M32
    h ^= h >> 15
    h = h * 0x846CA68B & M32
    return h ^ (h >> 16)


def pack(row):
    bits = sum((x + 16) << (5 * i) for i, x in enumerate(row))
    return bits.to_bytes(len(row) * 5 // 8, "little")


def compact(x):
    if x < 64:
        return bytes([x << 2])
    return u16(x << 2 | 1) if x < 1 << 14 else u32(x << 2 | 2)


def tree(leaves):
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([derive("assay node v1", below[i] + below[i + 1]) for i in range(0, len(below), 2)])
    return levels


class Window:
    def __init__(self, genesis, netuid, block, nonce, width, layers, rows, openings, chains_max, rounds_max):
        self.n, self.t, self.m, self.k = width, layers, rows, openings
        policy = u32(width) + u32(layers) + u32(rows) + u32(openings) + u16(chains_max) + u32(rounds_max)
        self.encoded = genesis + u16(netuid) + u64(block) + nonce + policy
        self.id = derive("assay challenge v1", self.encoded)
        self.w = stream(derive("assay weights v1", self.id), layers * width * width)
        words = derive("assay salt v1", self.id, 4 * layers * width)
        self.salts = struct.unpack(f"<{layers * width}I", words)

    def row(self, head, index):
        n = self.n
        x = [(b & 31) - 16 for b in stream(derive("assay rows v1", head), (index + 1) * n)[index * n :]]
        for layer in range(self.t):
            out = []
            for col in range(n):
                at = (layer * n + col) * n
                y = sum((b - 256 if b > 127 else b) * v for b, v in zip(self.w[at : at + n], x))
                out.append((mix32((y & M32) ^ self.salts[layer * n + col]) >> 27) - 16)
            x = out
        return pack(x)

    def run(self, hotkey, chains, rounds):
        self.hotkey, self.seed = hotkey, derive("assay seed v1", self.id + hotkey)
        self.heads, self.trees, self.packed = [], [], []
        for c in range(chains):
            heads, trees, packed = [derive("assay chain v1", self.seed + u16(c))], [], []
            for j in range(1, rounds[c] + 1):
                rows = [self.row(heads[-1], r) for r in range(self.m)]
                place = lambda r: b"\0" + u16(c) + u32(j) + u32(r)
                trees.append(tree([derive("assay leaf v1", place(r) + p) for r, p in enumerate(rows)]))
                packed.append(rows)
                heads.append(derive("assay chain v1", heads[-1] + trees[-1][-1][0]))
            self.heads.append(heads), self.trees.append(trees), self.packed.append(packed)

    def samples(self, secret):
        data = secret + self.id + self.hotkey
        places = []
        for c, heads in enumerate(self.heads):
            data += u32(len(heads) - 1) + heads[-1]
            places += [(c, j, r) for j in range(1, len(heads)) for r in range(self.m)]
        words = struct.unpack(f"<{self.k}Q", derive("assay sample v1", data, 8 * self.k))
        return [places[word % len(places)] for word in words]

    def open(self, samples):
        out = compact(len(samples))
        for c, j, r in samples:
            packed, levels = self.packed[c][j - 1][r], self.trees[c][j - 1]
            path = [level[r >> depth ^ 1] for depth, level in enumerate(levels[:-1])]
            out += compact(len(packed)) + packed + compact(len(path)) + b"".join(path)
        return out


def window_vectors(netuid, admissible):
    out = []
    for case in range(8):
        hashes = [derive("assay test block", bytes([case]) + u16(i)) for i in range(1, admissible + 1)]
        for i, h in enumerate(hashes, 1):
            (u,) = struct.unpack("<Q", derive("assay window v1", h + u16(netuid))[:8])
            if u % (admissible - i + 1) == 0:
                out.append({"case": case, "offset": i})
                break
    return out


def policy(window, compute, reputation, inference=None):
    data = u32(2) + b"".join(map(u32, window)) + b"".join(map(u32, compute[:4]))
    return data + u16(compute[4]) + u32(compute[5]) + b"".join(map(u32, reputation)) + option(inference)


def option(inference):
    if inference is None:
        return b"\0"
    models = inference["models"]
    out = b"\1" + b"".join(u32(inference[key]) for key in ("ramp_ms", "hold_ms", "streams_max", "answer_tokens"))
    out += compact(len(models))
    for model in models:
        out += compact(len(model["id"])) + model["id"].encode() + bytes.fromhex(model["digest"])
        out += b"".join(u32(model[key]) for key in ("share", "first_ms", "prompt_us", "token_us", "fastest_us"))
        out += bytes([model["fingerprint"]])
    return out


def policy_vectors():
    dev = (2500, 150, 10, 2500), (512, 4, 128, 32, 8, 4096), (5, 50)
    production = (30000, 1000, 30, 10000), (4096, 32, 16384, 48, 64, 4096), (5, 50)
    times = dict(first_ms=400, prompt_us=250, token_us=20000, fastest_us=900)
    models = [
        dict(id="org/small", digest="05" * 32, share=300, **times, fingerprint=False),
        dict(id="org/large", digest="06" * 32, share=450, **{**times, "token_us": 40000}, fingerprint=True),
    ]
    inference = dict(ramp_ms=20000, hold_ms=30000, streams_max=256, answer_tokens=512, models=models)
    encoded = dict(dev=policy(*dev), production=policy(*production), models=policy(*production, inference))
    return {
        "inference": inference, "encoded": {name: data.hex() for name, data in encoded.items()},
        **{name: derive("assay policy v1", data).hex() for name, data in encoded.items()},
    }


def main():
    fields = dict(genesis="01" * 32, netuid=7, block=123456, nonce="02" * 32)
    compute = dict(width=32, layers=3, rows=8, openings=6, chains_max=4, rounds_max=16)
    win = Window(bytes.fromhex(fields["genesis"]), 7, 123456, bytes.fromhex(fields["nonce"]), **compute)
    hotkey, secret, rounds = b"\x03" * 32, b"\x04" * 32, [2, 0, 3]
    win.run(hotkey, 3, rounds)
    samples = win.samples(secret)
    opening = win.open(samples)
    asked = compact(len(samples)) + b"".join(u16(c) + u32(j) + u32(r) for c, j, r in samples)
    head = lambda c, j: derive("assay head v1", win.id + hotkey + u16(c) + u32(j) + win.heads[c][j])
    values = [x % 32 - 16 for x in range(0, 7 * 16, 7)]
    hexed = lambda nested: nested.hex() if isinstance(nested, bytes) else [hexed(x) for x in nested]
    print(json.dumps({
        "challenge": {**fields, "compute": compute}, "hotkey": hotkey.hex(), "secret": secret.hex(),
        "challenge_encoded": win.encoded.hex(), "id": win.id.hex(), "seed": win.seed.hex(),
        "weights_first": win.w[:32].hex(), "weights_blake3": blake3(win.w).hexdigest(),
        "salts_first": list(win.salts[:4]), "salts_last": win.salts[-1],
        "rounds": rounds, "roots": hexed([[t[-1][0] for t in trees] for trees in win.trees]),
        "heads": hexed(win.heads), "first_packed_row": win.packed[0][0][0].hex(),
        "first_leaf": win.trees[0][0][0][0].hex(), "head_digest_2_3": head(2, 3).hex(),
        "secret_commitment": derive("assay secret v1", secret).hex(), "samples": samples,
        "opening": opening.hex(),
        "opening_digest": derive("assay opening v1", win.id + hotkey + asked + opening).hex(),
        "mix32": [[x, mix32(x)] for x in (0, 1, 2**31 - 1, 2**31, M32, 0xDEADBEEF)],
        "pack": {"values": values, "packed": pack(values).hex()},
        "window": {"netuid": 7, "admissible": 20, "openings": window_vectors(7, 20)},
        "policies": policy_vectors(),
    }, indent=1))


main()
