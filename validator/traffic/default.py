"""Makes default.jsonl: requests as clients of the OpenAI API send them, for validators without a recording of their own.

python3 default.py > default.jsonl

Nothing of it is measured. Which members come together follows what common clients send (their documentation and defaults); texts are
put together from sentences.txt, long ones from the documents of this repository; of the same files it makes the same bytes.
"""

import json
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
REQUESTS = 700
random = random.Random(20260101)


def topics():
    found, kinds = [], None
    for line in (HERE / "sentences.txt").read_text().splitlines():
        if line.startswith("== "):
            kinds = {"name": line[3:], "Q": [], "C": [], "A": []}
            found.append(kinds)
        elif line[:2] in ("Q ", "C ", "A "):
            kinds[line[0]].append(line[2:])
    return found


def documents():
    """Paragraphs of prose, each with those that follow it."""
    found = []
    for path in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "LICENSE", *sorted((ROOT / "docs").glob("*.md"))]:
        paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", path.read_text())]
        prose = [p for p in paragraphs if len(p) > 80 and p[0] not in "#|`<-$["]
        if len(prose) > 3:
            found.append(prose)
    return found


TOPICS, DOCUMENTS = topics(), documents()
SYSTEMS = [
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a helpful assistant. Answer briefly.",
    "You are a careful tutor. Explain each step, ask back when something is unclear, and never give the final answer of a homework at once.",
    "You are the support agent of a shop for lamps and furniture. Be friendly, stay with the facts that the customer gives, and do not promise dates.",
    "You translate and correct texts. Return only the text, without comments.",
    "You are an experienced software engineer. Prefer simple solutions and name the assumptions that you make. Code goes into fenced blocks with the name of the language. If a question cannot be answered without more information, say which.",
    "You write fiction together with the user. Stay in the tone of the story, write in the past tense, and do not end a scene before the user does. Keep each answer below two hundred words and never speak for the user's characters.",
    "Answer the question only from the given context. If the context does not contain the answer, say that you do not know.",
]


def some(sentences, low, high):
    """A few of them in the order in which they were written."""
    count = min(len(sentences), random.randint(low, high))
    return [sentences[i] for i in sorted(random.sample(range(len(sentences)), count))]


def question(topic):
    words, kind = [], random.random()
    if kind < 0.30:
        words = [random.choice(topic["Q"])]
    elif kind < 0.55:
        words = some(topic["C"], 1, 2) + [random.choice(topic["Q"])]
    elif kind < 0.80:
        words = [random.choice(topic["Q"])] + some(topic["C"], 1, 4)
    else:
        words = some(topic["C"], 2, 6) + some(topic["Q"], 1, 2)
    text = " ".join(words)
    if random.random() < 0.12:
        text = text[0].lower() + text[1:].rstrip(".?")
    return random.choice(["", "", "", "", "", "Hi, ", "Hello! ", "Quick question: "]) + text


def answer(topic):
    text = some(topic["A"], 2, 5)
    return ("\n- " if random.random() < 0.2 else "\n\n" if random.random() < 0.2 else " ").join(text)


def document(least):
    prose = random.choice(DOCUMENTS)
    begin, text = random.randrange(len(prose)), ""
    while len(text) < least and begin < len(prose):
        text, begin = (text + "\n\n" + prose[begin]).strip(), begin + 1
    return text


def about(text):
    wish = random.choice([
        "Summarise the following text in three sentences.",
        "What does this text say about costs?",
        "Explain the text below to somebody who is new to the subject.",
        "Write five questions that this text answers.",
        "Which of these statements could be wrong?",
        "Shorten this to half of its length.",
        "Answer from the context: who checks what, and how?",
    ])
    return random.choice([f"{wish}\n\n{text}", f"{text}\n\n{wish}", f"Context:\n{text}\n\nQuestion: {wish}"])


def user():
    if random.random() < 0.10:
        return about(document(random.choice([150, 200, 300, 500, 800, 1500, 3500])))
    return question(random.choice(TOPICS))


def dialogue(topic, turns):
    """Nobody says the same twice: who has nothing more to say changes the subject."""
    messages, left = [], None
    for turn in range(turns):
        if left is None or len(left["Q"]) < 1 or len(left["C"]) < 3 or len(left["A"]) < 2:
            left = {kind: topic[kind] for kind in "QCA"}
            topic = random.choice([other for other in TOPICS if other is not topic])
        said = question(left)
        messages.append({"role": "user", "content": said})
        if turn < turns - 1:
            said += answer({"A": left["A"][:random.randint(2, 3)]})
            messages.append({"role": "assistant", "content": said[len(messages[-1]["content"]):]})
        left = {kind: [s for s in left[kind] if s.rstrip(".?").lower() not in said.lower()] for kind in "QCA"}
    return messages


def conversation(system, turns):
    messages = [] if system is None else [{"role": "system", "content": system}]
    if turns == 1:
        return messages + [{"role": "user", "content": user()}]
    return messages + dialogue(random.choice(TOPICS), turns)


def most(*choices):
    return random.choice(choices)


def plain():
    return {"messages": conversation(most(None, None, SYSTEMS[0]), 1)}


def script():
    body = {"messages": conversation(random.choice([None, *SYSTEMS]), 1), "temperature": most(0, 0, 0.0, 0.2, 0.3, 0.5, 0.7, 0.7, 1, 1.0)}
    if random.random() < 0.7:
        body["max_tokens"] = most(50, 64, 100, 128, 150, 200, 256, 256, 300, 500, 512, 512, 800, 1000, 1024, 1024, 2000, 2048, 4096)
    if random.random() < 0.1:
        body["seed"] = most(0, 1, 7, 42, 42, 42, 123, 1234)
    return body


def front_end():
    body = {
        "messages": conversation(random.choice(SYSTEMS), most(1, 1, 2, 2, 3, 3, 4, 5, 6, 8)),
        "temperature": most(0.6, 0.7, 0.7, 0.8, 0.8, 1),
        "top_p": most(0.9, 0.95, 1, 1),
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "stream_options": {"include_usage": True},
    }
    if random.random() < 0.5:
        body["max_tokens"] = most(512, 1000, 1024, 2048, 4000, 4096)
    if random.random() < 0.3:
        body["user"] = f"u-{random.randrange(10**6):06d}"
    return body


def story_teller():
    topic = next(topic for topic in TOPICS if topic["name"] == "short stories")
    return {
        "messages": [{"role": "system", "content": SYSTEMS[7]}, *dialogue(topic, random.randint(1, 4))],
        "temperature": most(0.9, 1.0, 1.05, 1.1, 1.2, 1.3),
        "top_p": most(0.9, 0.92, 0.95, 0.98, 1),
        "top_k": most(0, 40, 40, 50, 100),
        "presence_penalty": most(0, 0.1, 0.2, 0.3, 0.5),
        "frequency_penalty": most(0, 0.1, 0.2, 0.3, 0.7),
        "max_tokens": most(180, 200, 250, 300, 350, 400),
        "stop": most(["\nUser:"], ["\nUser:", "\n***"], ["</s>", "\nUser:"]),
    }


def chain():
    context = document(random.choice([200, 300, 600, 1200]))
    return {
        "messages": [
            {"role": "system", "content": SYSTEMS[8]},
            {"role": "user", "content": f"Context:\n{context}\n\nQuestion: " + most(
                "What is the main point?", "Who is paid, and for what?", "Which limits are named?", "How is it enforced?",
                "What happens when it fails?", "Is there anything that an operator has to do?")},
        ],
        "temperature": most(0, 0.0, 0.1, 0.7),
        "n": 1,
        **most({}, {"max_tokens": most(256, 512, 1000)}, {"stop": None}),
    }


def newer():
    body = {"messages": conversation(most(None, *SYSTEMS), most(1, 1, 2))}
    if random.random() < 0.4:
        body["messages"][-1]["content"] = [{"type": "text", "text": body["messages"][-1]["content"]}]
    if body["messages"][0]["role"] == "system" and random.random() < 0.4:
        body["messages"][0]["role"] = "developer"
    return body | most({}, {"max_completion_tokens": most(256, 500, 1000, 2048)}, {"top_p": 0.9}, {"logprobs": True, "top_logprobs": most(1, 2, 5)})


def completion():
    topic = random.choice(TOPICS)
    prompt = most(
        lambda: f"Question: {random.choice(topic['Q'])}\nAnswer:",
        lambda: f"Q: {random.choice(topic['Q'])}\nA: {random.choice(topic['A'])}\n\nQ: {random.choice(topic['Q'])}\nA:",
        lambda: " ".join(some(topic["C"], 1, 4)),
        lambda: document(random.choice([150, 300, 700])),
        lambda: "### Instruction:\n" + question(topic) + "\n\n### Response:\n",
    )()
    body = {"prompt": prompt, "max_tokens": most(16, 32, 50, 64, 100, 128, 200, 256, 512), "temperature": most(0, 0.2, 0.7, 0.7, 0.8, 1)}
    return body | most({}, {}, {"stop": ["\n\n"]}, {"stop": "\n"}, {"stop": ["Q:", "\n\n"]}, {"top_p": 0.95}, {"logprobs": most(1, 5)},
                       {"stop": ["### Instruction:"], "presence_penalty": 0.1})


def main():
    makers = [plain] * 22 + [script] * 30 + [front_end] * 20 + [story_teller] * 7 + [chain] * 8 + [newer] * 7 + [completion] * 9
    for _ in range(REQUESTS):
        sys.stdout.write(json.dumps(random.choice(makers)(), ensure_ascii=False) + "\n")


main()
