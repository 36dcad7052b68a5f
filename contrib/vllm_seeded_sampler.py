"""Seeded sampling of assay (PROTOCOL.md, "Seeded sampling") in vLLM.

    PYTHONPATH=contrib VLLM_USE_V2_MODEL_RUNNER=0 vllm serve MODEL --logits-processors vllm_seeded_sampler:SeededSampler

A request asks for it with `vllm_xargs`: {"assay_seed": "<64 hex>", "assay_temperature": 0.7, ...}, and for
temperature 0 of the engine itself; requests without are not touched. The class is a logits processor of vLLM's V1
model runner (vllm.v1.sample.logits_processor.LogitsProcessor); newer versions take those with
VLLM_USE_V2_MODEL_RUNNER=0. Speculative decoding must be off. vLLM computes logits in the model's dtype and widens
them to f32 before processors run: with a bf16 head the rows are rounded, and what a checker with an f32 head computes
differs by that.
"""

import dataclasses
import math
import re
import struct

import torch

try:
    from vllm.v1.sample.logits_processor import LogitsProcessor
except ImportError:  # The tests of the rule need no vLLM.
    LogitsProcessor = object

# --- The rule: PROTOCOL.md, "Seeded sampling". The same text stands in every plugin; contrib/test_vectors.py compares them. ---


@dataclasses.dataclass(frozen=True)
class Params:
    """What a request says about sampling."""

    seed: bytes
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0

    @classmethod
    def read(cls, keys):
        """From the keys of a request; None where it does not ask for seeded sampling.

        Raises ValueError for what no sampler takes.
        """
        keys = {name: value for name, value in (keys or {}).items() if name.startswith("assay_")}
        if not keys:
            return None
        seed = keys.pop("assay_seed", "")
        if not isinstance(seed, str) or not re.fullmatch("[0-9a-fA-F]{64}", seed):
            raise ValueError("assay_seed must be 64 hexadecimal digits")
        values = {name.removeprefix("assay_"): value for name, value in keys.items()}
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"assay_{unknown[0]} is not known")
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int if name == "top_k" else (int, float)):
                raise ValueError(f"assay_{name} must be a number")
        params = cls(bytes.fromhex(seed), **values)
        for name, holds, admitted in (
            ("temperature", params.temperature == 0 or _f32(0.01) <= _f32(params.temperature) <= 2, "0, or from 0.01 to 2"),
            ("top_k", 0 <= params.top_k < 2**32, "from 0 to 4294967295"),
            ("top_p", 0 < _f32(params.top_p) <= 1, "above 0 and at most 1"),
            ("presence_penalty", -2 <= params.presence_penalty <= 2, "from -2 to 2"),
            ("frequency_penalty", -2 <= params.frequency_penalty <= 2, "from -2 to 2"),
        ):
            if not holds:
                raise ValueError(f"assay_{name} must be {admitted}")
        return params


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of logits: what was asked, the answer so far, and the index of the next token in prompt and answer."""

    params: Params
    answer: list
    position: int


def _f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def _int32(value):
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


def words(seeds, firsts, count, device):
    """Words `first .. first + count` of the ChaCha8 stream of each seed: int64 [seeds, count], from 0 to 2^32 - 1."""
    blocks = (count + 15) // 16 + 1
    # The counter is 64 bits, and may run over the end of the lower 32 within a row.
    counters = torch.tensor([first // 16 for first in firsts], dtype=torch.int64, device=device)[:, None]
    counters = counters + torch.arange(blocks, dtype=torch.int64, device=device)
    signed = lambda x: torch.where(x >= 2**31, x - 2**32, x).to(torch.int32)
    keys = torch.tensor([struct.unpack("<8i", seed) for seed in seeds], dtype=torch.int32, device=device)
    constants = [_int32(x) for x in (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)]
    # Four rows of the state, each [4, seeds, blocks]: a quarter round works on all columns at once.
    wide = lambda x: x.expand(4, len(seeds), blocks)
    a = wide(torch.tensor(constants, dtype=torch.int32, device=device)[:, None, None])
    b, c = wide(keys[:, :4].T[:, :, None]), wide(keys[:, 4:].T[:, :, None])
    zero = torch.zeros_like(counters, dtype=torch.int32)
    d = torch.stack([signed(counters & 0xFFFFFFFF), signed(counters >> 32 & 0xFFFFFFFF), zero, zero])
    first = (a, b, c, d)

    # int32 wraps around; a shift to the right brings the sign along, which the mask takes away.
    turn = lambda x, by: (x << by) | ((x >> (32 - by)) & ((1 << by) - 1))
    for step in range(8):
        a = a + b
        d = turn(d ^ a, 16)
        c = c + d
        b = turn(b ^ c, 12)
        a = a + b
        d = turn(d ^ a, 8)
        c = c + d
        b = turn(b ^ c, 7)
        # Diagonals become columns, and columns diagonals again.
        ahead = 1 if step % 2 == 0 else -1
        b, c, d = b.roll(-ahead, 0), c.roll(-2, 0), d.roll(ahead, 0)
    stream = torch.cat([x + y for x, y in zip((a, b, c, d), first)])
    stream = stream.permute(1, 2, 0).reshape(len(seeds), blocks * 16).to(torch.int64) & 0xFFFFFFFF
    at = torch.tensor([first % 16 for first in firsts], device=device)[:, None] + torch.arange(count, device=device)
    return stream.gather(1, at)


def gumbel(words):
    """The noise of words, in f64 and rounded once."""
    v = ((words >> 8).to(torch.float64) + 0.5) / 16777216.0
    return (-torch.log(-torch.log1p(-v))).to(torch.float32)


def penalise(logits, row):
    """In f32, operation by operation."""
    params = row.params
    if not row.answer or (params.presence_penalty == 0 and params.frequency_penalty == 0):
        return logits
    if min(row.answer) < 0:
        raise RuntimeError("the engine does not show the answer so far; switch asynchronous scheduling off")
    counts = torch.bincount(torch.tensor(row.answer, device=logits.device), minlength=len(logits))[: len(logits)]
    one = lambda value: torch.full((1,), value, dtype=torch.float32, device=logits.device)
    less = logits - one(params.frequency_penalty) * counts.to(torch.float32)
    return torch.where(counts > 0, less - one(params.presence_penalty), logits)


def cut(z, params):
    """`z` with -inf where top-k or top-p excludes a token."""
    top_k = params.top_k if 0 < params.top_k < len(z) else len(z)
    if top_k == len(z) and params.top_p >= 1:
        return z
    order = torch.sort(z, descending=True, stable=True).indices[:top_k]
    if params.top_p < 1:
        e = torch.exp(z[order].to(torch.float64) - z[order[0]].to(torch.float64))
        sums = torch.cumsum(e, 0)
        before = torch.cat([torch.zeros_like(sums[:1]), sums[:-1]])
        left = before / sums[-1] < _f32(params.top_p)
        left[0] = True
        order = order[left]
    kept = torch.full_like(z, -math.inf)
    kept[order] = z[order]
    return kept


def choose(logits, rows, vocabulary=None):
    """The token of each row: int64 [rows]. `logits` is f32 [rows, tokens]; a row without Row is not looked at, and gets 0."""
    vocabulary = vocabulary or logits.shape[1]
    chosen = torch.zeros(len(rows), dtype=torch.int64, device=logits.device)
    noisy = [n for n, row in enumerate(rows) if row and row.params.temperature > 0]
    noise = {}
    if noisy:
        firsts = [rows[n].position * vocabulary % 2**64 for n in noisy]
        seeds = [rows[n].params.seed for n in noisy]
        noise = dict(zip(noisy, gumbel(words(seeds, firsts, logits.shape[1], logits.device))))
    ids = torch.arange(logits.shape[1], device=logits.device)
    for n, row in enumerate(rows):
        if not row:
            continue
        score = penalise(logits[n], row)
        if n in noise:
            # A divisor that is a tensor of the device: by a number, CUDA kernels multiply with its reciprocal.
            z = score / torch.full((1,), row.params.temperature, dtype=torch.float32, device=logits.device) + 0.0
            score = cut(z, row.params) + noise[n]
        # `argmax` may return any of equal ones.
        chosen[n] = torch.where(score == score.max(), ids, len(ids) - 1).min()
    return chosen


def leave_chosen(logits, rows):
    """Leaves the chosen token of each row as the only possible one, in place. Rows with what is no logit stay as they are."""
    if not any(rows):
        return logits
    asked = torch.tensor([bool(row) for row in rows], device=logits.device)
    proper = (logits < math.inf).all(dim=1) & (logits > -math.inf).any(dim=1)
    chosen = choose(logits.to(torch.float32), rows)
    only = torch.full_like(logits, -math.inf).scatter_(1, chosen[:, None], 0.0)
    logits.copy_(torch.where((asked & proper)[:, None], only, logits))
    return logits


# --- The end of the rule. ---


def read_params(sampling_params):
    """What a request asks of this plugin, or None. Raises ValueError where it asks for it and for the engine's own sampling too."""
    params = Params.read(sampling_params.extra_args)
    if params:
        for name, off in (("temperature", 0), ("presence_penalty", 0), ("frequency_penalty", 0), ("repetition_penalty", 1)):
            if getattr(sampling_params, name, off) != off:
                raise ValueError(f"with assay_seed, {name} must be {off}: the plugin samples")
    return params


class SeededSampler(LogitsProcessor):
    """Knows for each row of the batch what was asked, the length of its prompt, and its answer so far."""

    @classmethod
    def validate_params(cls, sampling_params):
        """Refuses a request before it enters the batch."""
        read_params(sampling_params)

    def __init__(self, vllm_config, device, is_pin_memory):
        if getattr(vllm_config, "speculative_config", None):
            raise ValueError("seeded sampling needs speculative decoding to be off")
        self.rows = {}

    def is_argmax_invariant(self):
        """It decides the argmax."""
        return False

    def update_state(self, batch_update):
        """Follows requests that leave, enter and move. The list of answer tokens is the engine's own, which grows."""
        if batch_update is None:
            return
        for index in batch_update.removed:
            self.rows.pop(index, None)
        for index, sampling_params, prompt, answer in batch_update.added:
            params = read_params(sampling_params)
            self.rows.pop(index, None)
            if params:
                if prompt is None:
                    raise ValueError("seeded sampling needs a prompt of token ids")
                self.rows[index] = (params, len(prompt), answer)
        for source, target, direction in batch_update.moved:
            moved, there = self.rows.pop(source, None), self.rows.pop(target, None)
            if moved:
                self.rows[target] = moved
            if there and direction.name == "SWAP":
                self.rows[source] = there

    def apply(self, logits):
        """Leaves one token possible in each row that asked."""
        rows = [None] * logits.shape[0]
        for index, (params, prompt, answer) in self.rows.items():
            if index < len(rows):
                rows[index] = Row(params, answer, prompt + len(answer))
        return leave_chosen(logits, rows)
