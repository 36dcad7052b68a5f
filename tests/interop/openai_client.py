"""OpenAI's own clients, unmodified, against our miner with two small models: Python here, Node in openai_client.cjs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import openai

from report import Report, Row, equal

KEY = "a key that an operator made"
MODEL, EMBEDDER = "small/decoder", "small-encoder"
# A loopback address of its own, as the chain refuses 127.0.0.1.
LISTEN = "127.0.0.4:0"
HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]


async def checks(report: Report, programs: Path, home: Path) -> None:
    report.begin("OpenAI's clients")
    with ExitStack() as running:
        with report("a miner with a decoder, an encoder and an API key") as seen:
            url = await miner(running, programs, home)
            seen(url)
        if report.groups[report.group][-1].failure:
            return
        python(report, url)
        node(report, url)


async def miner(running: ExitStack, programs: Path, home: Path) -> str:
    """A registered miner that serves; its address."""
    from axon import Program, wallet
    from model import decoder, encoder
    from node import ALICE, BOB, Chain, Node, key

    chain_node = running.enter_context(Node(programs / "localnet", "--block-ms", "250", seal="interval"))
    async with Chain(chain_node) as chain:
        served = wallet(home, "serving")
        netuid = await chain.subnet(ALICE, key("//openai/owner"))
        await chain.register(netuid, BOB, served.hotkey)
        keys = home / "api-keys"
        keys.write_text(hashlib.sha256(KEY.encode()).hexdigest() + "  -\n")
        models = [(MODEL, decoder(home / "decoder"), "decoder"), (EMBEDDER, encoder(home / "encoder"), "encoder")]
        config = home / "serving.toml"
        config.write_text(configuration(netuid, keys, models))
        program = Program(programs / "miner", chain, netuid, served, "--listen", LISTEN, "--config", str(config))
    return "http://" + running.enter_context(program).address


def configuration(netuid: int, keys: Path, models: list[tuple[str, Path, str]]) -> str:
    lines = [f"netuid = {netuid}", "[inference]", f"api_keys_file = {json.dumps(str(keys))}"]
    for name, path, kind in models:
        lines += ["[[inference.models]]", 'source = "local"', f"id = {json.dumps(name)}"]
        lines += [f"path = {json.dumps(str(path))}", f'kind = "{kind}"']
    return "\n".join(lines) + "\n"


def python(report: Report, url: str) -> None:
    """What the Python client does."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=60)
    version = f"Python {openai.__version__}"
    listed(report, client, version)
    answered(report, client, version)
    streamed(report, client, version)
    probabilities(report, client, version)
    embedded(report, client, version)
    refused(report, client, version, url)


def listed(report: Report, client: openai.OpenAI, version: str) -> None:
    with report(f"{version}: models are listed and found by name") as seen:
        equal([model.id for model in client.models.list()], [MODEL, EMBEDDER], "models")
        seen(client.models.retrieve(MODEL).id)


def answered(report: Report, client: openai.OpenAI, version: str) -> None:
    with report(f"{version}: a conversation is answered, the same for the same seed") as seen:
        ask = lambda seed: client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, seed=seed)
        first, again, other = ask(1), ask(1), ask(2)
        equal(again.choices[0].message.content, first.choices[0].message.content, "the same seed")
        assert other.choices[0].message.content != first.choices[0].message.content, "another seed says the same"
        equal(first.usage.total_tokens, first.usage.prompt_tokens + first.usage.completion_tokens, "usage")
        assert first.choices[0].finish_reason in ("stop", "length") and first.system_fingerprint
        seen(first.usage)
    with report(f"{version}: n answers, stop, max_tokens and ids as prompt") as seen:
        extra = {"ignore_eos": True}
        long = client.completions.create(model=MODEL, prompt="ab", max_tokens=20, seed=3, n=3, extra_body=extra)
        equal([choice.index for choice in long.choices], [0, 1, 2], "indexes")
        equal({choice.finish_reason for choice in long.choices}, {"length"}, "finish")
        text = long.choices[0].text
        stop = next(character for character in text if character != "\ufffd")
        short = client.completions.create(model=MODEL, prompt="ab", max_tokens=20, seed=3, stop=stop, extra_body=extra)
        equal((short.choices[0].text, short.choices[0].finish_reason), (text.split(stop)[0], "stop"), "stop")
        ids = client.completions.create(model=MODEL, prompt=[5, 6, 7], max_tokens=4, extra_body=extra)
        equal((ids.usage.prompt_tokens, ids.usage.completion_tokens), (3, 4), "ids")
        seen(repr(stop))


def streamed(report: Report, client: openai.OpenAI, version: str) -> None:
    with report(f"{version}: a stream says the same, and its usage") as seen:
        ask = {"model": MODEL, "messages": HELLO, "max_tokens": 16, "seed": 5}
        whole = client.chat.completions.create(**ask)
        parts = list(client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
        text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
        equal(text, whole.choices[0].message.content, "text")
        equal(parts[0].choices[0].delta.role, "assistant", "role")
        equal(parts[-2].choices[0].finish_reason, whole.choices[0].finish_reason, "finish")
        equal((parts[-1].choices, parts[-1].usage), ([], whole.usage), "the last part")
        seen(f"{len(parts)} parts")
    with report(f"{version}: a stream that is closed early leaves nothing behind") as seen:
        for _ in range(20):
            with client.completions.create(model=MODEL, prompt="x", max_tokens=400, stream=True) as stream:
                next(iter(stream))
        after = client.completions.create(model=MODEL, prompt="x", max_tokens=1)
        seen(f"20 closed, then {after.choices[0].finish_reason}")


def probabilities(report: Report, client: openai.OpenAI, version: str) -> None:
    with report(f"{version}: log probabilities of a conversation") as seen:
        answer = client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=6, temperature=0, logprobs=True, top_logprobs=3
        )
        tokens = answer.choices[0].logprobs.content
        equal(len(tokens), answer.usage.completion_tokens, "tokens")
        for token in tokens:
            equal(len(token.top_logprobs), 3, "alternatives")
            equal(token.logprob, max(other.logprob for other in token.top_logprobs), "the most probable, at temperature 0")
        seen(f"{tokens[0].token!r} {tokens[0].logprob:.3f}")
    with report(f"{version}: log probabilities of a text") as seen:
        answer = client.completions.create(model=MODEL, prompt="x", max_tokens=6, logprobs=2)
        found = answer.choices[0].logprobs
        count = answer.usage.completion_tokens
        equal([len(found.tokens), len(found.token_logprobs), len(found.text_offset)], [count] * 3, "lengths")
        seen(found.text_offset)


def embedded(report: Report, client: openai.OpenAI, version: str) -> None:
    with report(f"{version}: embeddings, in both formats") as seen:
        packed = client.embeddings.create(model=EMBEDDER, input=["one", "another"])
        plain = client.embeddings.create(model=EMBEDDER, input=["one", "another"], encoding_format="float")
        for left, right in zip(packed.data, plain.data):
            assert max(abs(a - b) for a, b in zip(left.embedding, right.embedding)) < 1e-6
            assert abs(sum(number * number for number in left.embedding) - 1) < 1e-3, "unit length"
        seen(f"{len(plain.data[0].embedding)} numbers, {plain.usage.total_tokens} tokens")


def refused(report: Report, client: openai.OpenAI, version: str, url: str) -> None:
    chat = client.chat.completions.create
    stranger = openai.OpenAI(base_url=f"{url}/v1", api_key="another", max_retries=0).chat.completions.create
    asked = {"model": MODEL, "messages": HELLO}
    for name, error, code, call in (
        ("an unknown key", openai.AuthenticationError, "invalid_api_key", lambda: stranger(**asked)),
        ("an unknown model", openai.NotFoundError, "model_not_found", lambda: chat(**asked | {"model": "other"})),
        ("a bad parameter", openai.BadRequestError, "invalid_value", lambda: chat(**asked, temperature=9)),
        ("tools", openai.BadRequestError, "unsupported_parameter", lambda: chat(
            **asked, tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}])),
        ("no messages", openai.BadRequestError, "invalid_value", lambda: chat(model=MODEL, messages=[])),
        ("too long a prompt", openai.BadRequestError, "context_length_exceeded", lambda: chat(
            model=MODEL, messages=[{"role": "user", "content": "x" * 9000}])),
        ("too long a prompt for a stream", openai.BadRequestError, "context_length_exceeded", lambda: chat(
            model=MODEL, messages=[{"role": "user", "content": "x" * 9000}], stream=True)),
    ):
        refusal(report, f"{version}: {name} is {error.__name__}", error, code, call)


def refusal(report: Report, name: str, error: type, code: str, call: Callable[[], object]) -> None:
    with report(name) as seen:
        try:
            call()
        except error as refused:
            equal(refused.code, code, "code")
            seen(f"{refused.status_code} {refused.code}")
        else:
            raise AssertionError("it is answered")


def node(report: Report, url: str) -> None:
    """What the Node client does."""
    modules = os.environ.get("ASSAY_INTEROP_NODE_MODULES")
    if not modules or not (Path(modules) / "openai").exists():
        print("  Node: skipped: scripts/interop found no npm, or no network")
        return
    script = Path(__file__).with_name("openai_client.cjs")
    run = subprocess.run(
        [shutil.which("node") or "node", str(script), url, KEY, MODEL, EMBEDDER],
        env=os.environ | {"NODE_PATH": modules},
        capture_output=True,
        text=True,
        timeout=120,
    )
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            report.add(Row(**json.loads(line)))
    with report("the program ends well"):
        assert run.returncode == 0, run.stderr.strip()[-500:]
