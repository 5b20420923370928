#!/usr/bin/env node
// Pushes one entry for Gordon, with the package redis.
//
//   node push.mjs TYPE [ARGUMENT...]
//
// REDIS_ADDRESS is host:port or the absolute path of a unix socket, QUEUE_KEY is
// the queue_key of gordon.toml. Prints how many entries now wait.
//
// With ioredis it is: new Redis(address).rpush(list, JSON.stringify(entry))

import { createClient } from 'redis'

// push resolves to the number of entries that now wait. args are the arguments
// of the script, env are variables for its environment. Gordon takes strings
// only, so numbers become some.
async function push(client, list, args = [], env = {}) {
  const entry = {
    args: args.map(String),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)])),
  }
  return client.rPush(list, JSON.stringify(entry))
}

function socket(address) {
  if (address.startsWith('/')) return { path: address }
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}

const [type, ...args] = process.argv.slice(2)
if (type === undefined) {
  console.error('usage: push.mjs TYPE [ARGUMENT...]')
  process.exit(2)
}
const { REDIS_ADDRESS = '127.0.0.1:6379', QUEUE_KEY = 'taskqueue' } = process.env
// Without a listener an error would end the program before it can be handled,
// and without reconnectStrategy it would try for ever.
const client = createClient({ socket: { ...socket(REDIS_ADDRESS), reconnectStrategy: false } })
client.on('error', () => {})
await client.connect()
try {
  console.log(await push(client, `${QUEUE_KEY}:${type}`, args))
} finally {
  client.destroy()
}
