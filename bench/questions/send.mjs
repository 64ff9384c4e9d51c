/** @param {number} burst */
const send = (burst) => ({
  name: `${burst} a tick`,
  impls: ['C', 'shared-ws:main', 'ws', 'ws+bufferutil', 'undici', 'node', 'websocket'],
  place: /** @type {const} */ ('same'),
  task: 'send',
  fields: { burst, size: 100 },
  path: '/sink',
  units: ['cpu-ns/msg', 'msg/s'],
  size: 100,
  probe: 10_240,
})

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'send',
  summary: 'What does it cost to send a 100-byte text message, 1, 16 and 256 per tick of the event loop?',
  prepare: () => ({ cases: [send(1), send(16), send(256)] }),
  notes: [
    'A tick is one setImmediate. shared-ws: `send` for 1, `sendBatch` for more; the others have `send` only.',
    'C encodes and masks the same messages and sends each burst with one call; it has no event loop to turn.',
    'The server counts, and checks that every frame is masked. Server and client on one CPU.',
  ],
}
