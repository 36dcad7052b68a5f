"""Holds the plugins to the vectors of PROTOCOL.md, "Seeded sampling", bit for bit, with the torch of this machine.

    python contrib/test_vectors.py [--without-torch]

Neither vLLM nor SGLang is needed: their side is played by objects of the shapes that they hand to a processor.
Without torch only the noise is checked, by numpy.
"""

import json
import math
import pathlib
import struct
import sys
from types import SimpleNamespace

import numpy

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = json.loads((HERE.parent / "proof/vectors/sampling.json").read_text())
# The one input whose result mathematical libraries round to either side.
SENSITIVE = 10604833

checks = 0


def check(holds, what):
    global checks
    if not holds:
        sys.exit(f"contrib: FAILED: {what}")
    checks += 1


def bits(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def numpy_words(seed, first, count):
    """ChaCha8 in another way than the plugins': one array of 16 words for all blocks."""
    with numpy.errstate(over="ignore"):
        blocks = numpy.arange(first // 16, (first + count + 15) // 16, dtype=numpy.uint64)
        start = numpy.zeros((16, len(blocks)), dtype=numpy.uint32)
        start[:4] = numpy.array([0x61707865, 0x3320646E, 0x79622D32, 0x6B206574], dtype=numpy.uint32)[:, None]
        start[4:12] = numpy.frombuffer(seed, dtype="<u4")[:, None]
        start[12], start[13] = blocks.astype(numpy.uint32), (blocks >> numpy.uint64(32)).astype(numpy.uint32)
        s = start.copy()
        for _ in range(4):
            for shift in (0, 1):
                for i in range(4):
                    a, b, c, d = i, 4 + (i + shift) % 4, 8 + (i + 2 * shift) % 4, 12 + (i + 3 * shift) % 4
                    for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                        s[x] += s[y]
                        s[z] ^= s[x]
                        s[z] = s[z] << numpy.uint32(turn) | s[z] >> numpy.uint32(32 - turn)
        return (s + start).T.reshape(-1)[first % 16 :][:count]


def numpy_gumbel(i):
    v = (i.astype(numpy.float64) + 0.5) / 2.0**24
    return (-numpy.log(-numpy.log1p(-v))).astype(numpy.float32)


def check_sum(gumbel_bits, name):
    """All 2^24 values, by the sum of their bit patterns."""
    expected, sum_ = int(VECTORS["gumbel_sum_of_bits"]), 0
    for first in range(0, 2**24, 2**20):
        values = gumbel_bits(numpy.arange(first, first + 2**20, dtype=numpy.uint32))
        sum_ += int(values.astype(numpy.uint64).sum())
    check(sum_ - expected in (0, 1), f"{name}: the sum over all noise is {sum_}, not {expected}")


def check_noise_with_numpy():
    for i, expected in VECTORS["gumbel"]:
        check(bits(numpy_gumbel(numpy.array([i]))[0]) == expected, f"numpy: the noise of {i}")
    for case in VECTORS["noise"]:
        first = case["position"] * case["vocabulary"] + case["token"]
        word = numpy_words(bytes.fromhex(case["seed"]), first, 1)
        check(int(word[0]) == case["word"], f"numpy: word {first}")
        check(bits(numpy_gumbel(word >> numpy.uint32(8))[0]) == case["g_bits"], f"numpy: the noise of word {first}")
    check_sum(lambda i: numpy_gumbel(i).view(numpy.uint32), "numpy")


def logits_of(spec):
    """As proof/vectors/sampling.py makes them."""
    mask, out = 2**64 - 1, []
    for n in range(spec["count"]):
        z = (spec["seed"] + (n + 1) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        r = z ^ z >> 31
        value = ((r >> 58) - 32) / 4 if spec["coarse"] else ((r >> 44) - 2**19) / 2**16
        out.append(-math.inf if spec["masked"] and r & 7 == 0 else value * spec["factor"])
    return out


def keys_of(case):
    names = ("seed", "temperature", "top_k", "top_p", "presence_penalty", "frequency_penalty")
    return {f"assay_{name}": case[name] for name in names}


def check_rule(torch, plugin):
    name = plugin.__name__
    for i, expected in VECTORS["gumbel"]:
        check(bits(plugin.gumbel(torch.tensor([i << 8])).item()) == expected, f"{name}: the noise of {i}")
    for case in VECTORS["noise"]:
        first = case["position"] * case["vocabulary"] + case["token"]
        word = plugin.words([bytes.fromhex(case["seed"])], [first], 1, "cpu")
        check(word.item() == case["word"], f"{name}: word {first}")
        check(bits(plugin.gumbel(word).item()) == case["g_bits"], f"{name}: the noise of word {first}")
    check_sum(
        lambda i: plugin.gumbel(torch.from_numpy(i.astype(numpy.int64)) << 8).numpy().view(numpy.uint32), name
    )
    # A long row, several seeds at once, and a counter that runs over 2^32 within the row.
    seeds, firsts, count = [bytes(range(32)), bytes(range(32, 64))], [2**36 - 1000, 7], 5003
    found = plugin.words(seeds, firsts, count, "cpu")
    for seed, first, row in zip(seeds, firsts, found):
        check((row.numpy() == numpy_words(seed, first, count)).all(), f"{name}: {count} words from {first}")
    moved = 0
    for case in VECTORS["cases"]:
        params = plugin.Params.read(keys_of(case))
        row = plugin.Row(params, case["answer"], case["position"])
        logits = torch.tensor([logits_of(case["logits"])], dtype=torch.float32)
        chosen = plugin.choose(logits, [row], case["vocabulary"]).item()
        check(chosen == case["chosen"], f"{name}: case {case['name']}: {chosen}, not {case['chosen']}")
        # Negative control: at another place most choices are others.
        other = plugin.Row(params, case["answer"], case["position"] + 1)
        moved += plugin.choose(logits, [other], case["vocabulary"]).item() != chosen
    check(moved > len(VECTORS["cases"]) // 2, f"{name}: choices depend on the position")
    for keys, what in (
        ({"assay_seed": "00"}, "assay_seed"),
        ({"assay_temperature": 1.0}, "assay_seed"),
        ({"assay_seed": "0" * 64, "assay_temperature": 0.001}, "assay_temperature"),
        ({"assay_seed": "0" * 64, "assay_top_p": 0}, "assay_top_p"),
        ({"assay_seed": "0" * 64, "assay_top_k": 1.5}, "assay_top_k"),
        ({"assay_seed": "0" * 64, "assay_presence_penalty": math.nan}, "assay_presence_penalty"),
        ({"assay_seed": "0" * 64, "assay_min_p": 0.1}, "assay_min_p"),
    ):
        check(refusal(lambda: plugin.Params.read(keys)).startswith(what), f"{name}: {keys} is refused")
    check(plugin.Params.read({"other": 1}) is None and plugin.Params.read(None) is None, "others are not touched")


def refusal(act):
    try:
        act()
    except ValueError as error:
        return str(error)
    return ""


def whole_cases():
    """Those with full rows, as engines have them, and a prompt that leaves room for the answer before the position."""
    return [
        case
        for case in VECTORS["cases"]
        if case["logits"]["count"] == case["vocabulary"] == 640 and len(case["answer"]) <= case["position"] < 2**20
    ]


def check_batch(torch, name, cases, untouched, out):
    """Each row has one possible token, the right one, and the row of another request is as it was."""
    for case, row in zip(cases, out):
        check(row.argmax().item() == case["chosen"], f"{name}: case {case['name']} in a batch")
        check(int(torch.isfinite(row).sum()) == 1, f"{name}: one token is possible")
    check(torch.equal(out[len(cases)], untouched), f"{name}: a row that asked for nothing stays")


def check_vllm(torch, plugin):
    cases = whole_cases()
    sampling = lambda keys, temperature=0.0: SimpleNamespace(extra_args=keys, temperature=temperature)
    processor = plugin.SeededSampler(SimpleNamespace(speculative_config=None), torch.device("cpu"), False)
    check(not processor.is_argmax_invariant(), "vllm: it decides the argmax")
    answers = [list(case["answer"]) for case in cases]
    added = [
        (n, sampling(keys_of(case)), [0] * (case["position"] - len(case["answer"])), answers[n])
        for n, case in enumerate(cases)
    ]
    added.append((len(cases), sampling(None, 0.7), [1, 2, 3], []))
    processor.update_state(SimpleNamespace(batch_size=len(added), removed=[], added=added, moved=[]))
    untouched = torch.arange(640, dtype=torch.float32)
    rows = lambda: torch.stack([*(torch.tensor(logits_of(case["logits"])) for case in cases), untouched])
    check_batch(torch, "vllm", cases, untouched, processor.apply(rows()))
    # The answer grows in the engine's list: another position, other tokens.
    answers[0].append(1)
    moved_on = processor.apply(rows())[0].argmax().item()
    answers[0].pop()
    check(moved_on != cases[0]["chosen"], "vllm: the position follows the answer")
    # Requests swap their places, and one takes the place of one that left.
    directions = SimpleNamespace(swap=SimpleNamespace(name="SWAP"), one=SimpleNamespace(name="UNIDIRECTIONAL"))
    processor.update_state(SimpleNamespace(removed=[], added=[], moved=[(0, 1, directions.swap)]))
    check_batch(torch, "vllm", [cases[1], cases[0], *cases[2:]], untouched, processor.apply(rows()[[1, 0, *range(2, len(added))]]))
    last = len(cases) - 1
    processor.update_state(SimpleNamespace(removed=[0], added=[], moved=[(last, 0, directions.one)]))
    out = processor.apply(rows()[[last, 0, *range(2, last)]])
    check_batch(torch, "vllm", [cases[last], cases[0], *cases[2:last]][:-1], out[-1], out)
    processor.update_state(None)
    # What is no logit stays for the engine to see.
    broken = rows()[[last]]
    broken[0, 5] = math.nan
    check(torch.equal(processor.apply(broken.clone()).isnan(), broken.isnan()), "vllm: NaN stays")
    check(refusal(lambda: processor.validate_params(sampling(keys_of(cases[0]), 0.7))), "vllm: two samplers are refused")
    check(
        refusal(lambda: plugin.SeededSampler(SimpleNamespace(speculative_config=1), None, False)),
        "vllm: speculative decoding is refused",
    )


def check_sglang(torch, plugin):
    cases = whole_cases()
    request = lambda case: SimpleNamespace(
        origin_input_ids=[0] * (case["position"] - len(case["answer"])), output_ids=list(case["answer"])
    )
    listed = [{**keys_of(case), "__req__": request(case)} for case in cases]
    untouched = torch.arange(640, dtype=torch.float32)
    rows = torch.stack([*(torch.tensor(logits_of(case["logits"])) for case in cases), untouched])
    check_batch(torch, "sglang", cases, untouched, plugin.SeededSampler()(rows, [*listed, None]))
    text = json.loads(plugin.callable_text())
    check("sglang_seeded_sampler" in bytes.fromhex(text["callable"]).decode("latin-1"), "sglang: the class by its name")


def rule_of(path):
    text = path.read_text()
    return text[text.index("# --- The rule") : text.index("# --- The end of the rule")]


def main():
    check_noise_with_numpy()
    plugins = [HERE / "vllm_seeded_sampler.py", HERE / "sglang_seeded_sampler.py"]
    check(rule_of(plugins[0]) == rule_of(plugins[1]), "the plugins have the same rule")
    if sys.argv[1:] == ["--without-torch"]:
        print(f"contrib: {checks} checks of the noise with numpy {numpy.__version__}; the plugins were not run, torch is not there")
        return
    import torch

    sys.path.insert(0, str(HERE))
    import sglang_seeded_sampler
    import vllm_seeded_sampler

    for plugin in (vllm_seeded_sampler, sglang_seeded_sampler):
        check_rule(torch, plugin)
    check_vllm(torch, vllm_seeded_sampler)
    check_sglang(torch, sglang_seeded_sampler)
    print(f"contrib: {checks} checks with torch {torch.__version__} and numpy {numpy.__version__}, all bit for bit")


if __name__ == "__main__":
    main()
