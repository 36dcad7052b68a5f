"""Small models with random weights, in the layout of Hugging Face: for checks of what is around a model."""

from __future__ import annotations

import array
import json
import random
import struct
from pathlib import Path

# Three special tokens, then one for each byte.
SPECIAL = ["<s>", "</s>", "<pad>"]
VOCABULARY = len(SPECIAL) + 256
HIDDEN, LAYERS, HEADS, INNER, CONTEXT = 32, 2, 4, 64, 512
TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: "


def decoder(folder: Path) -> Path:
    """A model of the Llama family."""
    head = HIDDEN // HEADS
    shapes = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "model.norm.weight": (HIDDEN,)}
    for layer in range(LAYERS):
        parts = {
            "input_layernorm": (HIDDEN,),
            "self_attn.q_proj": (HIDDEN, HIDDEN),
            "self_attn.k_proj": (2 * head, HIDDEN),
            "self_attn.v_proj": (2 * head, HIDDEN),
            "self_attn.o_proj": (HIDDEN, HIDDEN),
            "post_attention_layernorm": (HIDDEN,),
            "mlp.gate_proj": (INNER, HIDDEN),
            "mlp.up_proj": (INNER, HIDDEN),
            "mlp.down_proj": (HIDDEN, INNER),
        }
        shapes |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in parts.items()}
    config = {
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 2,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "eos_token_id": 1,
    }
    return write(folder, config, shapes)


def encoder(folder: Path) -> Path:
    """A model of the BERT family."""
    shapes = {f"embeddings.{name}_embeddings.weight": (rows, HIDDEN) for name, rows in
              (("word", VOCABULARY), ("position", CONTEXT), ("token_type", 2))}
    shapes |= {f"embeddings.LayerNorm.{part}": (HIDDEN,) for part in ("weight", "bias")}
    for layer in range(LAYERS):
        linear = {f"attention.{name}": (HIDDEN, HIDDEN) for name in ("self.query", "self.key", "self.value", "output.dense")}
        linear |= {"intermediate.dense": (INNER, HIDDEN), "output.dense": (HIDDEN, INNER)}
        for name, shape in linear.items():
            shapes[f"encoder.layer.{layer}.{name}.weight"] = shape
            shapes[f"encoder.layer.{layer}.{name}.bias"] = shape[:1]
        for name in ("attention.output", "output"):
            shapes |= {f"encoder.layer.{layer}.{name}.LayerNorm.{part}": (HIDDEN,) for part in ("weight", "bias")}
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": CONTEXT,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
    }
    return write(folder, config, shapes)


def write(folder: Path, config: dict, shapes: dict[str, tuple[int, ...]]) -> Path:
    """All files of a model; the same each time."""
    folder.mkdir(parents=True)
    numbers = random.Random(7)
    header, data, offset = {}, [], 0
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = array.array("f", (numbers.gauss(1 if "orm" in name else 0, 0.1) for _ in range(count)))
        data.append(values.tobytes())
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + 4 * count]}
        offset += 4 * count
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    settings = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def tokenizer() -> dict:
    """Byte-level BPE without merges: a token is a byte."""
    added = [{"id": at, "content": name, "special": True, "normalized": False, "lstrip": False, "rstrip": False,
              "single_word": False} for at, name in enumerate(SPECIAL)]
    vocabulary = {name: at for at, name in enumerate(SPECIAL)}
    vocabulary |= {name: len(SPECIAL) + byte for byte, name in enumerate(bytes_as_characters())}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary, "merges": []}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": level, "post_processor": None, "decoder": level, "model": model}


def bytes_as_characters() -> list[str]:
    """The printable character by which byte-level BPE writes each byte (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
