#!/usr/bin/env python3
"""Makes the models of this folder and their expected results: a decoder in f64, written from the published rules.

    python3 reference.py            # numpy is all that it needs
    python3 reference.py check DIR  # compares itself with the expected results of other models in DIR

Rules: `rope` and `attend` below; RMS norm; SiLU. Weights are random and made for this purpose.
"""
import base64
import json
import struct
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
COMMON = dict(hidden_size=32, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
              vocab_size=50, max_position_embeddings=512, rms_norm_eps=1e-5, hidden_act="silu", tie_word_embeddings=False)
MODELS = {
    "llama3-tied-bf16": dict(COMMON, model_type="llama", head_dim=16, tie_word_embeddings=True, rope_theta=10000.0,
                             rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                               original_max_position_embeddings=32)),
    "mistral-window-bf16": dict(COMMON, model_type="mistral", head_dim=12, sliding_window=8, rope_theta=1e6),
    "qwen2-bias-bf16": dict(COMMON, model_type="qwen2", sliding_window=8, use_sliding_window=False, max_window_layers=0,
                            rope_theta=1e6, rms_norm_eps=1e-6),
    "qwen3-norm-bf16": dict(COMMON, model_type="qwen3", head_dim=16, rms_norm_eps=1e-6, sliding_window=None,
                            rope_parameters=dict(rope_theta=1e6, rope_type="default")),
}


def read(folder):
    """The tensors of a folder in f64."""
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        for name, info in json.loads(data[8:8 + length]).items():
            if name == "__metadata__":
                continue
            begin, end = info["data_offsets"]
            raw = data[8 + length + begin:8 + length + end]
            if info["dtype"] == "BF16":
                values = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
            else:
                values = np.frombuffer(raw, "<f4")
            tensors[name] = values.reshape(info["shape"]).astype(np.float64)
    return tensors


def write(path, tensors):
    """Tensors as bf16, by rounding down: they are random anyway."""
    header, body = {}, b""
    for name, values in sorted(tensors.items()):
        raw = (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        header[name] = dict(dtype="BF16", shape=list(values.shape), data_offsets=[len(body), len(body) + len(raw)])
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def make(config, seed):
    random = np.random.default_rng(seed)
    hidden, wide, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    head = config.get("head_dim") or hidden // config["num_attention_heads"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    matrix = lambda rows, columns, gain=1.5: random.normal(0, gain / columns ** 0.5, (rows, columns))
    norm = lambda width, middle=1.0: random.normal(middle, 0.1, width)
    tied = config["tie_word_embeddings"]
    tensors = {"model.embed_tokens.weight": matrix(vocabulary, hidden, 3.0),
               "model.norm.weight": norm(hidden, 1.2 if tied else 1.0)}
    if not tied:
        tensors["lm_head.weight"] = matrix(vocabulary, hidden, 4.0)
    for layer in range(config["num_hidden_layers"]):
        parts = {"input_layernorm.weight": norm(hidden), "post_attention_layernorm.weight": norm(hidden),
                 "self_attn.q_proj.weight": matrix(queries, hidden), "self_attn.k_proj.weight": matrix(keys, hidden),
                 "self_attn.v_proj.weight": matrix(keys, hidden), "self_attn.o_proj.weight": matrix(hidden, queries),
                 "mlp.gate_proj.weight": matrix(wide, hidden), "mlp.up_proj.weight": matrix(wide, hidden),
                 "mlp.down_proj.weight": matrix(hidden, wide)}
        if config["model_type"] == "qwen2":
            parts |= {"self_attn.q_proj.bias": norm(queries, 0) * 5, "self_attn.k_proj.bias": norm(keys, 0) * 5,
                      "self_attn.v_proj.bias": norm(keys, 0) * 5}
        if config["model_type"] == "qwen3":
            parts |= {"self_attn.q_norm.weight": norm(head, 1.3), "self_attn.k_norm.weight": norm(head, 0.9)}
        tensors |= {f"model.layers.{layer}.{name}": values for name, values in parts.items()}
    return tensors


def frequencies(config, head):
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = rope.get("rope_theta") or config.get("rope_theta", 10000.0)
    plain = 1.0 / theta ** (np.arange(0, head, 2) / head)
    if rope.get("rope_type") != "llama3":
        return plain
    factor, low, high = rope["factor"], rope["low_freq_factor"], rope["high_freq_factor"]
    turns = rope["original_max_position_embeddings"] * plain / (2 * np.pi)
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    return (1 - smooth) * plain / factor + smooth * plain


def norm(x, weight, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def rope(x, angles):
    """x: tokens × heads × head; the pairs are its halves."""
    first, second = np.split(x, 2, -1)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)


def attend(q, k, v, window):
    """A query sees itself and what lies less than a window before it."""
    tokens, heads, head = q.shape
    k, v = (np.repeat(x, heads // x.shape[1], 1) for x in (k, v))
    scores = np.einsum("ihd,jhd->hij", q, k) / head ** 0.5
    distance = np.arange(tokens)[:, None] - np.arange(tokens)
    scores[:, (distance < 0) | (distance >= window)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return np.einsum("hij,jhd->ihd", weights, v).reshape(tokens, -1)


def forward(config, tensors, ids):
    """Logits and hidden states after the final norm, at every position."""
    heads, keys = config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    epsilon, kind = config["rms_norm_eps"], config["model_type"]
    windowed = kind == "mistral" or config.get("use_sliding_window")
    window = config.get("sliding_window") if windowed else None
    angles = np.arange(len(ids))[:, None] * frequencies(config, head)
    x = tensors["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        get = lambda name: tensors[f"model.layers.{layer}.{name}"]
        linear = lambda x, name: x @ get(name + ".weight").T + (get(name + ".bias") if bias else 0)
        bias = kind == "qwen2"
        y = norm(x, get("input_layernorm.weight"), epsilon)
        q, k, v = (linear(y, f"self_attn.{part}_proj").reshape(len(ids), -1, head) for part in "qkv")
        bias = False
        if kind == "qwen3":
            q, k = norm(q, get("self_attn.q_norm.weight"), epsilon), norm(k, get("self_attn.k_norm.weight"), epsilon)
        x = x + linear(attend(rope(q, angles), rope(k, angles), v, window or len(ids)), "self_attn.o_proj")
        y = norm(x, get("post_attention_layernorm.weight"), epsilon)
        gate = linear(y, "mlp.gate_proj")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(y, "mlp.up_proj"), "mlp.down_proj")
    x = norm(x, tensors["model.norm.weight"], epsilon)
    head = "model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"
    return x @ tensors[head].T, x


def encode(row):
    return base64.b64encode(row.astype("<f4").tobytes()).decode()


def results(config, tensors, prompts, steps):
    out, gap = [], np.inf
    for ids in prompts:
        logits, hidden = forward(config, tensors, ids)
        sums = np.log(np.exp(logits).sum(-1))
        order = np.argsort(-logits, 1, kind="stable")[:, :8]
        record = dict(ids=ids, logsumexp=[round(float(x), 6) for x in sums],
                      top8=[[row.tolist(), [round(float(x), 6) for x in logits[at][row]]] for at, row in enumerate(order)],
                      prompt_logprobs=[round(float(logits[at, ids[at + 1]] - sums[at]), 6) for at in range(len(ids) - 1)],
                      full_rows=[dict(position=at, logits_b64=encode(logits[at])) for at in (0, len(ids) - 1)],
                      hidden_post_norm=[dict(position=at, b64=encode(hidden[at])) for at in (0, len(ids) - 1)])
        top = np.sort(logits, 1)
        gap = min(gap, (top[:, -1] - top[:, -2]).min())
        sequence, logprobs = list(ids), []
        for _ in range(steps):
            row = forward(config, tensors, sequence)[0][-1]
            top = np.sort(row)
            gap = min(gap, top[-1] - top[-2])
            sequence.append(int(row.argmax()))
            logprobs.append(round(float(row.max() - np.log(np.exp(row).sum())), 6))
        record["greedy"] = dict(ids=sequence[len(ids):], logprobs=logprobs)
        out.append(record)
    return out, gap


def build():
    for name, config in MODELS.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        for seed in range(100):
            write(folder / "model.safetensors", make(config, [seed, *name.encode()]))
            random = np.random.default_rng(seed)
            prompts = [random.integers(0, config["vocab_size"], length).tolist() for length in (9, 37)]
            tensors = read(folder)
            prompts, gap = results(config, tensors, prompts, 24)
            if gap > 5e-3:
                break
        lines = ",\n".join(json.dumps(prompt, separators=(",", ":")) for prompt in prompts)
        (HERE / f"{name}.json").write_text('{"prompts":[\n' + lines + "\n]}\n")
        print(name, "seed", seed, "smallest gap", round(float(gap), 4))


def check(folder):
    for path in sorted(folder.glob("*/config.json")):
        config = json.loads(path.read_text())
        if config["model_type"] == "bert":
            continue
        tensors, worst = read(path.parent), 0.0
        for prompt in json.loads((folder / f"{path.parent.name}.json").read_text())["prompts"]:
            logits = forward(config, tensors, prompt["ids"])[0]
            for row in prompt["full_rows"]:
                expected = np.frombuffer(base64.b64decode(row["logits_b64"]), "<f4")
                worst = max(worst, np.abs(logits[row["position"]] - expected).max())
        print(path.parent.name, "largest difference", worst)


if __name__ == "__main__":
    check(Path(sys.argv[2])) if sys.argv[1:2] == ["check"] else build()
