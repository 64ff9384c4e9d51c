const PEERS = ['ws', 'ws+bufferutil', 'undici', 'node', 'websocket']
const IMPLS = ['C', 'shared-ws:main', ...PEERS]
const STAMPED = ['C', 'shared-ws:main', 'shared-ws:kernel', ...PEERS]
const CPU = 'cpu-ns/msg'

/** @param {'record' | 'view' | 'string'} form */
const bulk = (form) => ({
  name: `bulk, ${form}`,
  impls: form === 'record' ? STAMPED : IMPLS,
  place: /** @type {const} */ ('same'),
  task: 'receive',
  fields: { form },
  path: '/bulk?size=150',
  units: [CPU, 'msg/s'],
  size: 150,
})

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'ingest',
  summary: 'What does it cost to receive a 150-byte text message, in each form of delivery, in bulk and at 100 000/s?',
  prepare: () => ({
    cases: [
      bulk('record'),
      bulk('view'),
      bulk('string'),
      {
        name: 'paced 100k/s, record',
        impls: STAMPED,
        place: 'apart',
        task: 'receive',
        fields: { form: 'record' },
        path: '/paced?size=150&rate=100000',
        units: [CPU, 'msg/s'],
        size: 150,
        probe: 10_000,
      },
    ],
  }),
  targets: [
    target('bulk, record', 'ws', 10, '10 times less CPU than ws'),
    target('bulk, string', 'ws', 5, '5 times less CPU than ws'),
    target('bulk, record', 'C', 1 / 2, 'at most 2 times the C limit'),
    target('paced 100k/s, record', 'C', 1 / 1.3, 'at most 1.3 times the C limit'),
  ],
  notes: [
    'record: first byte, length and receive time are read where the message lies (shared-ws: `onBatch`). view: a Uint8Array ' +
      'over it. string: the text.',
    'ws gives a Buffer for record and view, and `toString()` of it for string. undici, Node and websocket give a string ' +
      'whatever is asked for. None of them says when a message was received: they pay a `performance.now()` for each.',
    'bulk: server and client on one CPU; the server writes 256 KB at a time. paced: one frame a write, on two CPUs.',
    "shared-ws:kernel: the same with `timestampSource: 'kernel'`, which costs per read, not per message.",
    'C is recv and a walk over the frames: it checks no UTF-8, which shared-ws and ws do.',
  ],
}

/**
 * @param {string} name
 * @param {string} peer
 * @param {number} atLeast
 * @param {string} says
 */
function target(name, peer, atLeast, says) {
  return { case: name, unit: CPU, impl: 'shared-ws:main', peer, atLeast, says }
}
