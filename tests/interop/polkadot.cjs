// What polkadot.js does with a dev chain. Run by polkadot.py: one line of JSON for each check.
'use strict';

const { ApiPromise, Keyring, WsProvider } = require('@polkadot/api');

const url = process.argv[2];

function equal(found, expected, what) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  }
}

async function check(name, body) {
  let outcome;
  try {
    outcome = { name, detail: String((await body()) ?? '') };
  } catch (error) {
    outcome = { name, failure: String(error.message ?? error) };
  }
  console.log(JSON.stringify(outcome));
}

// Submits, waits for finality, and fails with the chain's own name for what went wrong.
function send(api, extrinsic, signer) {
  return new Promise((resolve, reject) => {
    extrinsic
      .signAndSend(signer, (result) => {
        if (result.dispatchError?.isModule) {
          const { section, name } = api.registry.findMetaError(result.dispatchError.asModule);
          reject(new Error(`${section}.${name}`));
        } else if (result.dispatchError || result.isError) {
          reject(new Error(String(result.dispatchError ?? result.status)));
        } else if (result.status.isFinalized) {
          resolve(result);
        }
      })
      .catch(reject);
  });
}

// The values that a subscription hands out until `enough` says so.
function watch(subscribe, enough) {
  return new Promise((resolve, reject) => {
    const seen = [];
    const stop = subscribe((value) => {
      seen.push(value);
      if (enough(seen)) stop.then((unsubscribe) => (unsubscribe(), resolve(seen)));
    });
    stop.catch(reject);
  });
}

async function main() {
  const provider = new WsProvider(url);
  const api = await ApiPromise.create({ provider, noInitWarn: true });
  const keyring = new Keyring({ type: 'sr25519', ss58Format: 42 });
  const [alice, bob, dave] = ['//Alice', '//Bob', '//Dave'].map((uri) => keyring.addFromUri(uri));
  const netuid = 2;
  const subtensor = api.tx.subtensorModule;

  await check('connect', async () => {
    equal(api.runtimeVersion.specName.toString(), 'node-subtensor', 'runtime');
    return `${await api.rpc.system.chain()}, spec ${api.runtimeVersion.specVersion}`;
  });
  await check('metadata', () => {
    equal(subtensor.setWeights.meta.args.map((arg) => arg.name.toString()), ['netuid', 'dests', 'weights', 'versionKey'], 'set_weights');
    equal(api.consts.balances.existentialDeposit.toNumber(), 500, 'existential deposit');
    return `version ${api.runtimeMetadata.version}, ${api.runtimeMetadata.asLatest.pallets.length} pallets`;
  });
  await check('storage subscription and transfer', async () => {
    const before = (await api.query.system.account(dave.address)).data.free.toBigInt();
    const sum = 3_000_000_000n;
    const changes = watch(
      (on) => api.query.system.account(dave.address, (account) => on(account.data.free.toBigInt() - before)),
      (seen) => seen.includes(sum),
    );
    await send(api, api.tx.balances.transferKeepAlive(dave.address, sum), alice);
    equal((await changes).map(Number), [0, Number(sum)], 'changes');
    return `${sum} rao`;
  });
  await check('paymentInfo is what is paid', async () => {
    const transfer = api.tx.balances.transferKeepAlive(dave.address, 1_000_000_000);
    const { partialFee, class: kind } = await transfer.paymentInfo(alice);
    const { events } = await send(api, transfer, alice);
    const paid = events.find(({ event }) => event.method === 'TransactionFeePaid').event.data.actualFee;
    equal(kind.toString(), 'Normal', 'class');
    // The length of a compact nonce or tip may differ by a byte, which costs a rao.
    if (Math.abs(paid.toNumber() - partialFee.toNumber()) > 4) throw new Error(`${partialFee} expected, ${paid} paid`);
    return `${paid} rao`;
  });
  await check('payment_queryInfo and system_dryRun', async () => {
    const signed = await api.tx.balances.transferKeepAlive(dave.address, 5_000).signAsync(alice);
    const before = (await api.query.system.account(dave.address)).data.free.toBigInt();
    // As it comes: polkadot.js has no type for weights of two dimensions here.
    const info = await provider.send('payment_queryInfo', [signed.toHex()]);
    const { inclusionFee } = await api.rpc.payment.queryFeeDetails(signed.toHex());
    const { baseFee, lenFee, adjustedWeightFee } = inclusionFee.unwrap();
    equal(String(baseFee.add(lenFee).add(adjustedWeightFee)), info.partialFee, 'fee');
    const outcome = await api.rpc.system.dryRun(signed.toHex());
    if (!outcome.isOk || !outcome.asOk.isOk) throw new Error(outcome.toString());
    const poor = await api.tx.balances.transferKeepAlive(dave.address, 10n ** 18n).signAsync(alice);
    const failure = await api.rpc.system.dryRun(poor.toHex());
    if (!failure.isOk || !failure.asOk.isErr) throw new Error(`more than there is: ${failure}`);
    equal((await api.query.system.account(dave.address)).data.free.toBigInt() === before, true, 'nothing was moved');
    return `${info.partialFee} rao, ${outcome}, ${failure}`;
  });
  await check('register a subnet, set weights', async () => {
    await send(api, subtensor.registerNetwork(bob.address), alice);
    await send(api, subtensor.startCall(netuid), alice);
    await send(api, subtensor.setWeights(netuid, [0], [7], 0), bob);
    const row = await api.query.subtensorModule.weights(netuid, 0);
    equal(row.toJSON(), [[0, 65535]], 'weights');
    return JSON.stringify(row);
  });
  await check('a refusal has its name', async () => {
    const refused = await send(api, subtensor.setWeights(netuid, [0], [1, 2], 0), bob).then(() => 'included', String);
    if (!refused.includes('WeightVecNotEqualSize')) throw new Error(refused);
    return refused;
  });
  await check('sudo', async () => {
    const key = api.query.subtensorModule.tempo.key(netuid);
    await send(api, api.tx.sudo.sudo(api.tx.system.setStorage([[key, '0x0d00']])), alice);
    equal((await api.query.subtensorModule.tempo(netuid)).toNumber(), 13, 'tempo');
    return 'tempo 13';
  });
  await check('api.call', async () => {
    const [neuron] = await api.call.neuronInfoRuntimeApi.getNeuronsLite(netuid);
    equal(neuron.hotkey.toString(), bob.address, 'hotkey');
    const graph = (await api.call.subnetInfoRuntimeApi.getMetagraph(netuid)).unwrap();
    equal(graph.tempo.toNumber(), 13, 'tempo');
    return `${neuron.hotkey} at uid ${neuron.uid}`;
  });
  await check('entries', async () => {
    const entries = await api.query.subtensorModule.keys.entries(netuid);
    equal(entries.map(([key, value]) => [key.args[1].toNumber(), value.toString()]), [[0, bob.address]], 'keys');
    return `${(await api.query.subtensorModule.networksAdded.entries()).length} subnets`;
  });
  await check('newHeads', async () => {
    const heads = watch((on) => api.rpc.chain.subscribeNewHeads(on), (seen) => seen.length === 3);
    for (const _ of [1, 2, 3]) await send(api, api.tx.system.remark('0x00'), alice);
    const numbers = (await heads).map((head) => head.number.toNumber());
    equal(numbers, [0, 1, 2].map((step) => numbers[0] + step), 'heads');
    return numbers;
  });
  await api.disconnect();
}

main().then(() => process.exit(0), (error) => (console.error(error), process.exit(1)));
