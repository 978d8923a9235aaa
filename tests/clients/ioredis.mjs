// ioredis: what people do with it. Usage: node ioredis.mjs PORT
import assert from 'node:assert/strict';
import Redis from 'ioredis';

const port = Number(process.argv[2]);
const connect = () => new Redis({ port, host: '127.0.0.1' });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

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
    const pipe = client.pipeline();
    for (let i = 0; i < 1000; ++i) pipe.set(`k${i}`, i).incr('counter');
    const replies = await pipe.exec();
    assert.equal(replies.length, 2000);
    assert.deepEqual(replies.at(-1), [null, 1000]);
  },
  async transaction(client) {
    assert.deepEqual(await client.multi().set('a', 1).incrby('a', 4).exec(),
                     [[null, 'OK'], [null, 5]]);
  },
  async pubsub(client) {
    const listener = connect();
    const got = [];
    listener.on('message', (channel, text) => got.push(`${channel} ${text}`));
    listener.on('pmessage', (pattern, channel, text) => got.push(`${pattern} ${text}`));
    await listener.subscribe('news');
    await listener.psubscribe('n*');
    assert.equal(await client.publish('news', 'hello'), 2);
    await until(() => got.length === 2);
    assert.deepEqual(got.sort(), ['n* hello', 'news hello']);
    listener.disconnect();
  },
  async blocking(client) {
    const waiting = connect();
    const popped = waiting.blpop('q1', 'q2', 20);
    await until(() => oneWaits(client));
    await client.rpush('q2', 'job');
    assert.deepEqual(await popped, ['q2', 'job']);
    waiting.disconnect();
  },
  async scripts(client) {
    client.defineCommand('addto', {
      numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    });
    assert.equal(await client.addto('sum', 5), 5);  // EVALSHA, then EVAL
    assert.equal(await client.addto('sum', 5), 10);
  },
  async streams(client) {
    const first = await client.xadd('stream', '*', 'n', '1');
    await client.xgroup('CREATE', 'stream', 'group', '0');
    const read = await client.xreadgroup('GROUP', 'group', 'me', 'STREAMS', 'stream', '>');
    assert.deepEqual(read, [['stream', [[first, ['n', '1']]]]]);
    assert.equal(await client.xack('stream', 'group', first), 1);
    const waiting = connect();
    const next = waiting.xreadgroup('GROUP', 'group', 'other', 'BLOCK', 20000, 'STREAMS',
                                    'stream', '>');
    await until(() => oneWaits(client));
    await client.xadd('stream', '*', 'n', '2');
    assert.deepEqual((await next)[0][1][0][1], ['n', '2']);
    waiting.disconnect();
  },
  async tracking(client) {
    const listener = connect();
    const cached = connect();
    let lost = [];
    listener.on('message', (channel, keys) => { lost = lost.concat(keys); });
    const target = await listener.client('ID');
    await listener.subscribe('__redis__:invalidate');
    await cached.client('TRACKING', 'ON', 'REDIRECT', target);
    await cached.get('key');
    await client.set('key', 'new');
    await until(() => lost.length > 0);
    assert.deepEqual(lost, ['key']);
    listener.disconnect();
    cached.disconnect();
  },
};

let failed = false;
for (const [name, run] of Object.entries(cases)) {
  const client = connect();
  await client.flushall();
  try {
    await run(client);
    console.log(`ok ${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAILED ${name}: ${error.stack}`);
  }
  client.disconnect();
}
process.exit(failed ? 1 : 0);
