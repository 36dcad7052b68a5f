"""Independent oracle of PROTOCOL.md, "Seeded sampling": plain Python, ChaCha8 written out, no shared code.

    pip install blake3 && python3 sampling.py > sampling.json
"""

import json
import math
import struct

from blake3 import blake3

M32, M64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def derive(context, data):
    return blake3(data, derive_key_context=context).digest()


def u16(x):
    return struct.pack("<H", x)


def u32(x):
    return struct.pack("<I", x)


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def bits(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def chacha8_block(key, counter):
    first = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), counter & M32, counter >> 32, 0, 0]
    s = list(first)

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & M32
            s[z] ^= s[x]
            s[z] = (s[z] << turn | s[z] >> (32 - turn)) & M32

    for _ in range(4):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return [(x + y) & M32 for x, y in zip(s, first)]


def word(seed, position, vocabulary, token):
    w = (position * vocabulary + token) & M64
    return chacha8_block(seed, w // 16)[w % 16]


def gumbel(word):
    v = ((word >> 8) + 0.5) / 2**24
    return f32(-math.log(-math.log1p(-v)))


def mix(seed, n):
    z = (seed + (n + 1) * 0x9E3779B97F4A7C15) & M64
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M64
    return z ^ z >> 31


def logits(spec):
    """Exact in f32: multiples of 1/65536 from -8 to 8, or of 1/4 where they are coarse, times a power of two; some masked."""
    out = []
    for n in range(spec["count"]):
        r = mix(spec["seed"], n)
        value = ((r >> 58) - 32) / 4 if spec["coarse"] else ((r >> 44) - 2**19) / 2**16
        out.append(-math.inf if spec["masked"] and r & 7 == 0 else value * spec["factor"])
    return out


def scaled(case):
    z = []
    for token, logit in enumerate(logits(case["logits"])):
        count = case["answer"].count(token)
        if count:
            logit = f32(logit - f32(f32(case["frequency_penalty"]) * count))
            logit = f32(logit - f32(case["presence_penalty"]))
        z.append(logit if case["temperature"] == 0 else f32(logit / f32(case["temperature"])))
    return z


def kept(case, z):
    order = sorted(range(len(z)), key=lambda token: (-z[token], token))
    if 0 < case["top_k"] < len(z):
        order = order[: case["top_k"]]
    top_p = f32(case["top_p"])
    if top_p >= 1:
        return order
    e = [math.exp(z[token] - z[order[0]]) for token in order]
    total = 0.0
    for x in e:
        total += x
    before, count = 0.0, 0
    for x in e:
        if count and not before / total < top_p:
            break
        before += x
        count += 1
    return order[:count]


def choose(case):
    z = scaled(case)
    if case["temperature"] == 0:
        left, score = list(range(len(z))), z
    else:
        left, seed = kept(case, z), bytes.fromhex(case["seed"])
        score = {t: f32(z[t] + gumbel(word(seed, case["position"], case["vocabulary"], t))) for t in left}
    ranking = sorted(left, key=lambda token: (-score[token], token))
    best = ranking[0]
    margins = {token: f32(score[best] - score[token]) for token in ranking[:4] if score[token] > -math.inf}
    left = [best] if case["temperature"] == 0 else sorted(left)
    return {
        "chosen": best,
        "score_bits": bits(score[best]),
        "kept": len(left),
        "kept_ids": left if len(left) <= 24 else None,
        "margins": [[token, bits(margin)] for token, margin in margins.items()],
        "excluded": next((t for t in range(len(z)) if t not in left), None) if case["temperature"] else None,
    }


def case(name, n, **changes):
    spec = {"seed": 1000 + n, "count": 640, "coarse": False, "masked": False, "factor": 1}
    spec.update({key: changes.pop(key) for key in list(changes) if key in spec})
    one = {
        "name": name,
        "logits": spec,
        "vocabulary": spec["count"],
        "position": 37 * n + 5,
        "seed": derive("assay test seed", u32(n)).hex(),
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "answer": [],
    }
    one.update(changes)
    one.update(choose(one))
    return one


def cases():
    answer = [3, 600, 3, 17, 17, 17, 255, 3]
    changes = [
        ("plain", {}),
        ("hot", {"temperature": 1.7}),
        ("cold", {"temperature": 0.3}),
        ("coldest", {"temperature": 0.01}),
        ("sharp", {"factor": 4}),
        ("flat", {"factor": 0.03125}),
        ("large", {"factor": 4096}),
        ("padded", {"count": 600, "vocabulary": 640}),
        ("odd vocabulary", {"count": 601}),
        ("one token", {"count": 1}),
        ("far position", {"position": 2**40 + 3}),
        ("masked", {"masked": True}),
        ("top_k 1", {"top_k": 1}),
        ("top_k 5", {"top_k": 5}),
        ("top_k 50 hot", {"top_k": 50, "temperature": 1.3}),
        ("top_k all", {"top_k": 640}),
        ("top_k ties", {"coarse": True, "top_k": 7}),
        ("top_k ties masked", {"coarse": True, "top_k": 23, "masked": True}),
        ("top_p 0.9", {"top_p": 0.9}),
        ("top_p 0.5 flat", {"top_p": 0.5, "factor": 0.25}),
        ("top_p 0.95 sharp", {"top_p": 0.95, "factor": 4}),
        ("top_p tiny", {"top_p": 0.001}),
        ("top_p ties", {"top_p": 0.7, "coarse": True}),
        ("top_k and top_p", {"top_k": 40, "top_p": 0.8, "temperature": 0.7}),
        ("score ties", {"coarse": True, "factor": 1048576}),
        ("presence", {"presence_penalty": 1.5, "answer": answer}),
        ("frequency", {"frequency_penalty": 0.7, "answer": answer}),
        ("both penalties", {"presence_penalty": -0.3, "frequency_penalty": 1.1, "answer": answer, "temperature": 0.8}),
        ("penalised, cut", {"presence_penalty": 0.4, "frequency_penalty": -0.6, "answer": answer, "top_k": 20, "top_p": 0.9}),
        ("greedy", {"temperature": 0.0}),
        ("greedy ties", {"temperature": 0.0, "coarse": True}),
        ("greedy cuts nothing", {"temperature": 0.0, "top_k": 3, "top_p": 0.1}),
        ("greedy, penalised", {"temperature": 0.0, "presence_penalty": 2.0, "frequency_penalty": 2.0, "answer": answer * 9}),
    ]
    return [case(name, n, **change) for n, (name, change) in enumerate(changes)]


def noise():
    out = []
    for n, (position, vocabulary, token) in enumerate(
        [(0, 512, 0), (0, 512, 15), (0, 512, 16), (1, 1000, 999), (7, 128256, 127), (4095, 151936, 151935), (2**33, 50257, 1)]
    ):
        seed = derive("assay test seed", u32(100 + n))
        w = word(seed, position, vocabulary, token)
        out.append(
            {"seed": seed.hex(), "position": position, "vocabulary": vocabulary, "token": token, "word": w, "g_bits": bits(gumbel(w))}
        )
    return out


def derivation():
    floats = lambda *values: b"".join(struct.pack("<f", value) for value in values)
    prompt = [1, 15043, 29892, 3186]
    params = {"temperature": 0.7, "top_k": 40, "top_p": 0.95, "presence_penalty": 0.5, "frequency_penalty": -0.25}
    encoded = floats(0.7) + u32(40) + floats(0.95, 0.5, -0.25)
    digest = derive("assay inference request v1", encoded + b"".join(u32(x) for x in prompt))
    genesis, caller, own = (derive("assay test account", bytes([n])) for n in range(3))
    nonce = derive("assay test nonce", b"")
    seed = derive("assay inference seed v1", genesis + u16(61) + caller + own + nonce + digest)
    heads = [derive("assay inference chain v1", seed)]
    answer = [306, 626, 2]
    for token in answer:
        heads.append(derive("assay inference chain v1", heads[-1] + u32(token)))
    return {
        "prompt": prompt,
        "params": params,
        "params_encoded": encoded.hex(),
        "request_digest": digest.hex(),
        "genesis": genesis.hex(),
        "netuid": 61,
        "caller": caller.hex(),
        "own": own.hex(),
        "nonce": nonce.hex(),
        "seed": seed.hex(),
        "choice_nonces": [(nonce if n == 0 else derive("assay inference choice v1", nonce + u32(n))).hex() for n in range(3)],
        "integer_nonces": [[n, derive("assay inference integer v1", struct.pack("<q", n)).hex()] for n in (0, 42, -1)],
        "answer": answer,
        "heads": [head.hex() for head in heads],
    }


def lines(rows):
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"


edges = [[i, bits(gumbel(i << 8))] for i in (0, 1, 2, 2**23 - 1, 2**23, 10605222, 10605223, 2**24 - 2, 2**24 - 1)]
print('{\n"derivation": ' + json.dumps(derivation(), indent=1) + ",")
print('"gumbel": ' + json.dumps(edges) + ",")
print('"gumbel_sum_of_bits": "31021370251578368",')
print('"noise": ' + lines(noise()) + ",")
print('"cases": ' + lines(cases()) + "\n}")
