"""Answers of another engine for `validator calibrate --answers FILE`, sampled by PROTOCOL.md, "Seeded sampling".

    python contrib/reference_answers.py MODEL --text FILE > answers.jsonl                  by transformers, in f32
    python contrib/reference_answers.py MODEL --text FILE --dtype bfloat16 --device cuda   as most engines compute
    python contrib/reference_answers.py MODEL --text FILE --gguf MODEL.gguf                by llama.cpp

MODEL is a folder in the Hugging Face layout. Prompts are cut out of a text; parameters and seeds follow from `--name`.
One answer to a line: engine, prompt and answer as token ids, parameters, seed, and why it ended. Logits leave the LM
head as f32: hidden states are widened before the head, whatever the dtype; `--rounded` rounds the logits to the dtype
instead, which is another sampler. Needs torch and transformers, or torch, tokenizers and llama-cpp-python.
"""

import argparse
import hashlib
import importlib.metadata
import json
import pathlib

import torch

from vllm_seeded_sampler import Params, Row, choose

TEMPERATURES = (0.5, 0.7, 0.9, 1.0, 1.1, 1.3, 1.6, 2.0)
TOP_P = (1.0, 1.0, 0.95, 0.9, 0.8)
TOP_K = (0, 0, 0, 50, 20)
PENALTIES = (0.0, 0.0, 0.5)


def draw(name, *what):
    """32 bytes that follow from these words."""
    return hashlib.sha256("\0".join(map(str, ("assay reference answers", name, *what))).encode()).digest()


def pick(values, name, *what):
    return values[int.from_bytes(draw(name, *what)[:8], "little") % len(values)]


def params_of(name, number):
    """Parameters of an answer: every temperature equally often."""
    return {
        "temperature": TEMPERATURES[number % len(TEMPERATURES)],
        "top_k": pick(TOP_K, name, "top_k", number),
        "top_p": pick(TOP_P, name, "top_p", number),
        "presence_penalty": pick(PENALTIES, name, "presence", number),
        "frequency_penalty": pick(PENALTIES, name, "frequency", number),
    }


def prompts(folder, text, name, answers, batch):
    """Windows of the text; those of a batch are equally long, so that nothing is padded."""
    from tokenizers import Tokenizer

    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    for number in range(answers):
        length = pick(range(8, 65), name, "length", number // batch)
        if len(ids) <= length:
            raise SystemExit(f"the text has {len(ids)} tokens; name a longer one")
        begin = pick(range(len(ids) - length), name, "begin", number)
        yield ids[begin : begin + length]


class Transformers:
    """Decodes with a cache, a batch at a time."""

    def __init__(self, folder, dtype, device, rounded):
        from transformers import AutoModelForCausalLM

        self.dtype, self.device, self.rounded = getattr(torch, dtype), device, rounded
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=self.dtype).to(device).eval()
        head = self.model.get_output_embeddings()
        if getattr(head, "bias", None) is not None or getattr(self.model.config, "final_logit_softcapping", None):
            raise SystemExit("an LM head with a bias or a cap is not known here")
        self.head = head.weight.detach().to(torch.float32)
        version = importlib.metadata.version("transformers")
        self.name = f"transformers {version} {dtype} {device}" + (" rounded logits" if rounded else "")

    def begin(self, prompts):
        self.cache = None
        return self.next(prompts)

    def next(self, ids):
        output = self.model.base_model(
            torch.tensor(ids, device=self.device), past_key_values=self.cache, use_cache=True
        )
        self.cache = output.past_key_values
        logits = output.last_hidden_state[:, -1].to(torch.float32) @ self.head.T
        return logits.to(self.dtype).to(torch.float32) if self.rounded else logits


class Llama:
    """Decodes with a cache, one sequence after the other."""

    def __init__(self, path):
        import llama_cpp

        self.library = llama_cpp
        self.model = llama_cpp.Llama(str(path), n_ctx=2048, n_gpu_layers=0, verbose=False)
        self.name = f"llama-cpp-python {llama_cpp.__version__} {path.stem} cpu"

    def begin(self, prompts):
        self.model.reset()
        return self.next(prompts)

    def next(self, ids):
        import numpy

        self.model.eval(ids[0])
        row = self.library.llama_get_logits_ith(self.model.ctx, -1)
        return torch.from_numpy(numpy.ctypeslib.as_array(row, shape=(1, self.model.n_vocab())).copy())


@torch.no_grad()
def answer(engine, batch, ends, tokens):
    """Answers of a batch of (prompt, params): each ends with an end token, or at `tokens`."""
    answers, running = [[] for _ in batch], [True] * len(batch)
    logits = engine.begin([prompt for prompt, _ in batch])
    while True:
        rows = [Row(params, answers[n], len(prompt) + len(answers[n])) for n, (prompt, params) in enumerate(batch)]
        chosen = choose(logits, rows).tolist()
        for n, token in enumerate(chosen):
            if running[n]:
                answers[n].append(token)
                running[n] = token not in ends and len(answers[n]) < tokens
        if not any(running):
            return answers
        logits = engine.next([[token] for token in chosen])


def end_tokens(folder):
    for file in ("generation_config.json", "config.json"):
        if (folder / file).is_file():
            ends = json.loads((folder / file).read_text()).get("eos_token_id")
            if ends is not None:
                return {ends} if isinstance(ends, int) else set(ends)
    return set()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--gguf", type=pathlib.Path)
    parser.add_argument("--rounded", action="store_true")
    parser.add_argument("--answers", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--name", default="1")
    options = parser.parse_args()
    if options.gguf:
        engine, size = Llama(options.gguf), 1
    else:
        engine, size = Transformers(options.model, options.dtype, options.device, options.rounded), options.batch
    ends, text = end_tokens(options.model), options.text.read_text()
    asked = []
    for number, prompt in enumerate(prompts(options.model, text, options.name, options.answers, options.batch)):
        asked.append((prompt, params_of(options.name, number), draw(options.name, "seed", number)))
    for first in range(0, len(asked), size):
        part = asked[first : first + size]
        answers = answer(engine, [(prompt, Params(seed, **params)) for prompt, params, seed in part], ends, options.tokens)
        for (prompt, params, seed), ids in zip(part, answers):
            line = {"engine": engine.name, "prompt": prompt, "answer": ids, "params": params, "seed": seed.hex()}
            line["finish"] = "stop" if ids[-1] in ends else "length"
            print(json.dumps(line, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
