"""256 greedy tokens of each model beside this file by transformers, in f32: writes greedy.json.

    pip install torch==2.6.0 transformers==5.23.0
    python greedy.py

Of every step the gap between the two largest logits is kept: where it is smaller than rounding, another implementation may go on
elsewhere. Nothing stops at an end of sequence.
"""

import json
import pathlib

import torch
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
here = pathlib.Path(__file__).parent
results = []
for folder in sorted(path for path in here.iterdir() if (path / "config.json").is_file()):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    prompt = [(7 * i * i + 3 * i + 1) % model.config.vocab_size for i in range(12)]
    ids, gaps, largest = list(prompt), [], 0.0
    with torch.no_grad():
        for _ in range(256):
            # The whole sequence each time: no cache, so that nothing of it can be at fault.
            logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
            top = torch.topk(logits, 2)
            gaps.append(float(f"{float(top.values[0] - top.values[1]):.4g}"))
            largest = max(largest, float(logits.abs().max()))
            ids.append(int(top.indices[0]))
    results.append({"model": folder.name, "prompt": prompt, "ids": ids[len(prompt):], "gaps": gaps, "largest": float(f"{largest:.5g}")})
    print(folder.name, "smallest gap", min(gaps), "largest logit", largest)
lines = ",\n".join(json.dumps(result) for result in results)
(here / "greedy.json").write_text(f"[\n{lines}\n]\n")
