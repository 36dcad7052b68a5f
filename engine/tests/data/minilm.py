#!/usr/bin/env python3
"""Makes minilm.json: what all-MiniLM-L6-v2 says to a few texts, in f64.

    minilm.py FOLDER > minilm.json        needs numpy; FOLDER as scripts/minilm fetches it

Reads vocab.txt and model.safetensors itself, so that nothing is shared with the engine that is tested: neither tokenizer
nor framework. Rules: BERT's own (basic tokenizer, WordPiece, post-LN, GELU by the error function).
"""
import base64
import json
import math
import struct
import sys
import unicodedata

import numpy as np

TEXTS = [
    "How do I reset my password?",
    "I forgot my login credentials and cannot sign in.",
    "The river bends twice before it reaches the old mill.",
    "",
    "Crème brûlée, naïve façade — Ærøskøbing!",
    "今日は川の水が多い。",
    "unbelievableness antidisestablishmentarianism 1,234.56 e=mc^2",
    "\u200b\ufeff tabs\tand\u00a0spaces \U0001f642",
    "A sentence that is repeated, and cut where the model ends. " * 40,
]
LONGEST = 256


def tensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        if entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            out[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"]).astype(np.float64)
    return out


def is_punctuation(c):
    code = ord(c)
    ascii_sign = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_sign or unicodedata.category(c).startswith("P")


def is_cjk(code):
    ranges = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
              (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]
    return any(low <= code <= high for low, high in ranges)


def words(text):
    out = []
    for c in text:
        if ord(c) in (0, 0xFFFD) or (unicodedata.category(c).startswith("C") and c not in "\t\n\r"):
            continue
        out.append(" " if c.isspace() else f" {c} " if is_cjk(ord(c)) else c)
    text = unicodedata.normalize("NFD", "".join(out))
    text = "".join(c for c in text if unicodedata.category(c) != "Mn").lower()
    spaced = "".join(f" {c} " if is_punctuation(c) else c for c in text)
    return spaced.split()


def pieces(word, vocabulary):
    if len(word) > 100:
        return ["[UNK]"]
    out, begin = [], 0
    while begin < len(word):
        for end in range(len(word), begin, -1):
            piece = ("##" if begin else "") + word[begin:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        out.append(piece)
        begin = end
    return out


def ids(text, vocabulary):
    found = [vocabulary[piece] for word in words(text) for piece in pieces(word, vocabulary)]
    return [vocabulary["[CLS]"], *found[: LONGEST - 2], vocabulary["[SEP]"]]


def norm(x, t, name):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-12) * t[name + ".weight"] + t[name + ".bias"]


def linear(x, t, name):
    return x @ t[name + ".weight"].T + t[name + ".bias"]


def vector(tokens, t, heads=12, layers=6):
    x = t["embeddings.word_embeddings.weight"][tokens]
    x = x + t["embeddings.position_embeddings.weight"][: len(tokens)] + t["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, t, "embeddings.LayerNorm")
    erf = np.vectorize(math.erf)
    for layer in range(layers):
        at = f"encoder.layer.{layer}."
        split = lambda y: y.reshape(len(tokens), heads, -1).transpose(1, 0, 2)
        q, k, v = (split(linear(x, t, at + "attention.self." + name)) for name in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        attended = (shares @ v).transpose(1, 0, 2).reshape(len(tokens), -1)
        x = norm(linear(attended, t, at + "attention.output.dense") + x, t, at + "attention.output.LayerNorm")
        y = linear(x, t, at + "intermediate.dense")
        y = y * 0.5 * (1 + erf(y / math.sqrt(2)))
        x = norm(linear(y, t, at + "output.dense") + x, t, at + "output.LayerNorm")
    pooled = x.mean(0)
    return pooled / np.linalg.norm(pooled)


def main():
    folder = sys.argv[1]
    with open(folder + "/vocab.txt", encoding="utf-8") as file:
        vocabulary = {line.rstrip("\n"): index for index, line in enumerate(file)}
    t = tensors(folder + "/model.safetensors")
    cases = []
    for text in TEXTS:
        tokens = ids(text, vocabulary)
        data = vector(tokens, t).astype("<f4").tobytes()
        cases.append({"text": text, "ids": tokens, "vector_b64": base64.b64encode(data).decode()})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    print('{"model": "all-MiniLM-L6-v2", "cases": [\n' + lines + "\n]}")


main()
