"""Independent oracle of PROTOCOL.md, "Fingerprints": plain Python, Newton's divided differences, no shared code.

    python3 fingerprint.py > fingerprint.json

Rows are derived: entry n of seed s is made of r = output n of SplitMix64 from s.
    wide   sign r >> 63, exponent field 110 + number of leading ones of r's lowest 24 bits counted from bit 0, mantissa r >> 32 & 127
    bell   the sum of the four 16-bit lanes of r less 131070, over 32768, as bf16
    any    the lowest 16 bits of r: every pattern, NaN and infinity too
    nan    0xFF80 | r & 127: negative infinity and NaN, of which some are beyond the prime
    flat   one of four patterns, by r & 3: nearly all entries are ties
A verifier's rows are those of a case, changed: `drift` adds (r & 3) - 1 to the magnitude of an entry, r from its own seed;
`flip` flips the signs; `zero` empties a row; `other` has another seed.
"""

import json
import struct

PRIME, TOP = 65497, 128
M64 = 2**64 - 1


def splitmix(seed, n):
    z = (seed + (n + 1) * 0x9E3779B97F4A7C15) & M64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
    return z ^ z >> 31


def bf16(value):
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    low, half = bits & 0xFFFF, bits >> 16
    if low > 0x8000 or (low == 0x8000 and half & 1):
        half += 1
    return half


def entry(kind, r):
    if kind == "wide":
        ones = 0
        while ones < 24 and r >> ones & 1:
            ones += 1
        return r >> 63 << 15 | (110 + ones) << 7 | r >> 32 & 127
    if kind == "bell":
        return bf16((sum(r >> 16 * lane & 0xFFFF for lane in range(4)) - 131070) / 32768)
    if kind == "any":
        return r & 0xFFFF
    if kind == "nan":
        return 0xFF80 | r & 127
    return (0x3F80, 0xBF80, 0x4000, 0x3F81)[r & 3]


def rows(kind, seed, entries):
    return [entry(kind, splitmix(seed, n)) for n in range(entries)]


def largest(values, k):
    order = sorted(range(len(values)), key=lambda i: (-(values[i] & 0x7FFF), i))
    return sorted(order[:k])


def fingerprint(values):
    xs = largest(values, TOP)
    modulus = next(m for m in range(PRIME, 0, -1) if len({x % m for x in xs}) == len(xs))
    nodes = [x % modulus for x in xs]
    table = [values[x] % PRIME for x in xs]
    for width in range(1, len(xs)):
        for i in range(len(xs) - 1, width - 1, -1):
            slope = pow(nodes[i] - nodes[i - width], -1, PRIME)
            table[i] = (table[i] - table[i - 1]) * slope % PRIME
    polynomial = [0] * len(xs)
    for node, value in zip(reversed(nodes), reversed(table)):
        shifted = [0] + polynomial[:-1]
        polynomial = [(a - node * b) % PRIME for a, b in zip(shifted, polynomial)]
        polynomial[0] = (polynomial[0] + value) % PRIME
    return modulus, polynomial


def distance(modulus, polynomial, values):
    exponents, signs, mantissas = 0, 0, []
    for x in largest(values, TOP):
        y = sum(c * pow(x % modulus, power, PRIME) for power, c in enumerate(polynomial)) % PRIME
        if y >> 7 & 255 != values[x] >> 7 & 255:
            exponents += 1
            continue
        signs += y >> 15 != values[x] >> 15
        mantissas.append(abs((y & 127) - (values[x] & 127)))
    if not mantissas:
        return [exponents, signs, None, None]
    mean = -(-1000 * sum(mantissas) // len(mantissas))
    return [exponents, signs, mean, sorted(mantissas)[len(mantissas) // 2]]


def moved(pattern, step):
    return pattern & 0x8000 | min(max((pattern & 0x7FFF) + step, 0), 0x7F7F)


def verifiers(kind, seed, values, hidden):
    drift = [moved(v, (splitmix(seed ^ 0xFFFF, n) & 3) - 1) for n, v in enumerate(values)]
    yield "same", values
    yield "drift", drift
    yield "flip", [v ^ 0x8000 for v in values]
    yield "zero", [0] * hidden + values[hidden:]
    yield "other", rows(kind, seed + 1, len(values))


def case(kind, seed, count, hidden):
    values = rows(kind, seed, count * hidden)
    modulus, polynomial = fingerprint(values)
    return {
        "kind": kind,
        "seed": seed,
        "rows": count,
        "hidden": hidden,
        "modulus": modulus,
        "bytes": b"".join(struct.pack(">H", n) for n in [modulus] + polynomial).hex(),
        "distances": {
            name: distance(modulus, polynomial, seen) for name, seen in verifiers(kind, seed, values, hidden)
        },
    }


CASES = [
    ("wide", 1, 32, 64),
    ("wide", 2, 5, 64),
    ("wide", 15, 32, 3072),
    ("bell", 4, 32, 256),
    ("bell", 12, 32, 2560),
    ("any", 6, 3, 16),
    ("any", 7, 1, 1),
    ("flat", 8, 8, 32),
    ("nan", 9, 1, 16),
]
ROUNDED = [0.0, -0.0, 1.0, 1.00390625, 1.01171875, 1.0039063, 3.3e38, -3.39e38, 1e-40, 0.1, -2.7182817]

if __name__ == "__main__":
    bits = lambda value: struct.unpack("<I", struct.pack("<f", value))[0]
    print("{")
    print(f'"bf16": {json.dumps([[bits(value), bf16(value)] for value in ROUNDED])},')
    print('"cases": [')
    print(",\n".join(json.dumps(case(*arguments)) for arguments in CASES))
    print("]}")
