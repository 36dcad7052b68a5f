// What OpenAI's Node client does with our miner. Run by openai_client.py: one line of JSON for each check.
'use strict';

const OpenAI = require('openai');
const { VERSION: version } = require('openai/version');

const [url, apiKey, model, embedder] = process.argv.slice(2);
const messages = [{ role: 'user', content: 'Hello?' }];
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });

function equal(found, expected, what) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  }
}

async function check(name, body) {
  let outcome;
  try {
    outcome = { name: `Node ${version}: ${name}`, detail: String((await body()) ?? '') };
  } catch (error) {
    outcome = { name: `Node ${version}: ${name}`, failure: String(error.message ?? error) };
  }
  console.log(JSON.stringify(outcome));
}

async function refused(name, kind, code, call) {
  await check(`${name} is ${kind.name}`, async () => {
    try {
      await call();
    } catch (error) {
      if (!(error instanceof kind)) throw error;
      equal(error.code, code, 'code');
      return `${error.status} ${error.code}`;
    }
    throw new Error('it is answered');
  });
}

async function main() {
  await check('models are listed', async () => {
    const ids = [];
    for await (const one of client.models.list()) ids.push(one.id);
    equal(ids, [model, embedder], 'models');
    return (await client.models.retrieve(model)).id;
  });
  const ask = { model, messages, max_tokens: 16, seed: 5 };
  await check('a stream says the same as the whole, and its usage', async () => {
    const whole = await client.chat.completions.create(ask);
    const stream = await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } });
    let [text, usage] = ['', null];
    for await (const part of stream) {
      text += part.choices[0]?.delta?.content ?? '';
      usage = part.usage ?? usage;
    }
    equal(text, whole.choices[0].message.content, 'text');
    equal(usage, whole.usage, 'usage');
    return JSON.stringify(usage);
  });
  await check('log probabilities', async () => {
    const answer = await client.chat.completions.create({ ...ask, logprobs: true, top_logprobs: 2 });
    const { content } = answer.choices[0].logprobs;
    equal(content.map((token) => token.top_logprobs.length), content.map(() => 2), 'alternatives');
    const texts = await client.completions.create({ model, prompt: 'x', max_tokens: 4, logprobs: 1 });
    equal(texts.choices[0].logprobs.tokens.length, texts.usage.completion_tokens, 'tokens');
    return content.length;
  });
  await check('embeddings', async () => {
    const answer = await client.embeddings.create({ model: embedder, input: ['one', 'another'] });
    equal(answer.data.map((row) => row.index), [0, 1], 'indexes');
    return `${answer.data[0].embedding.length} numbers`;
  });
  const chat = (more) => client.chat.completions.create({ model, messages, ...more });
  const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'another', maxRetries: 0 });
  await refused('an unknown key', OpenAI.AuthenticationError, 'invalid_api_key', () => stranger.models.list());
  await refused('an unknown model', OpenAI.NotFoundError, 'model_not_found', () => chat({ model: 'other' }));
  await refused('a bad parameter', OpenAI.BadRequestError, 'invalid_value', () => chat({ top_p: 9 }));
  const long = [{ role: 'user', content: 'x'.repeat(9000) }];
  await refused('too long a prompt', OpenAI.BadRequestError, 'context_length_exceeded', () => chat({ messages: long }));
}

main().then(() => process.exit(0));
