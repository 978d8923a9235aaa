// node-redis: what people do with it. Usage: node node_redis.mjs PORT
import assert from 'node:assert/strict';
import { createClient } from 'redis';

const url = `redis://127.0.0.1:${process.argv[2]}`;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function connect(options = {}) {
  const client = createClient({ url, ...options });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function until(condition) {
  const end = Date.now() + 20000;
  while (!(await condition())) {
    assert(Date.now() < end, 'waited in vain');
    await pause(5);
  }
}

const oneWaits = async (client) => (await client.info('clients')).includes('blocked_clients:1\r');

const cases = {
  async pipeline(client) {
    const replies = await Promise.all(Array.from({ length: 1000 }, () => client.incr('counter')));
    assert.equal(replies.at(-1), 1000);
    assert.equal(await client.get('counter'), '1000');
  },
  async transaction(client) {
    const replies = await client.multi().set('a', '1').incrBy('a', 4).exec();
    assert.deepEqual(replies, ['OK', 5]);
    const other = await connect();
    await client.watch('a');
    await other.set('a', '9');
    await assert.rejects(client.multi().get('a').exec());
    other.destroy();
  },
  async pubsub(client) {
    const listener = await connect();
    const got = [];
    await listener.subscribe('news', (text) => got.push(`news ${text}`));
    await listener.pSubscribe('n*', (text) => got.push(`n* ${text}`));
    assert.equal(await client.publish('news', 'hello'), 2);
    await until(() => got.length === 2);
    assert.deepEqual(got.sort(), ['n* hello', 'news hello']);
    listener.destroy();
  },
  async blocking(client) {
    const waiting = await connect();
    const popped = waiting.blPop(['q1', 'q2'], 20);
    await until(() => oneWaits(client));
    await client.rPush('q2', 'job');
    assert.deepEqual({ ...(await popped) }, { key: 'q2', element: 'job' });
    waiting.destroy();
  },
  async scripts(client) {
    const script = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
    const options = { keys: ['sum'], arguments: ['5'] };
    assert.equal(await client.eval(script, options), 5);
    const sha = await client.scriptLoad(script);
    assert.equal(await client.evalSha(sha, options), 10);
  },
  async streams(client) {
    const first = await client.xAdd('stream', '*', { n: '1' });
    await client.xGroupCreate('stream', 'group', '0');
    const read = await client.xReadGroup('group', 'me', { key: 'stream', id: '>' });
    assert.deepEqual(read[0].messages.map((m) => ({ ...m.message })), [{ n: '1' }]);
    assert.equal(await client.xAck('stream', 'group', first), 1);
    const waiting = await connect();
    const next = waiting.xReadGroup('group', 'other', { key: 'stream', id: '>' },
                                    { BLOCK: 20000 });
    await until(() => oneWaits(client));
    await client.xAdd('stream', '*', { n: '2' });
    assert.equal((await next)[0].messages[0].message.n, '2');
    assert.equal((await client.xPending('stream', 'group')).pending, 1);
    waiting.destroy();
  },
  async tracking(client) {
    const cached = await connect({ RESP: 3, clientSideCache: { ttl: 0, maxEntries: 100 } });
    await client.set('key', 'old');
    assert.equal(await cached.get('key'), 'old');
    assert.equal(await cached.get('key'), 'old');
    await client.set('key', 'new');
    await until(async () => (await cached.get('key')) === 'new');
    cached.destroy();
  },
};

let failed = false;
for (const [name, run] of Object.entries(cases)) {
  const client = await connect();
  await client.flushAll();
  try {
    await run(client);
    console.log(`ok ${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAILED ${name}: ${error.stack}`);
  }
  client.destroy();
}
process.exit(failed ? 1 : 0);
