const UNITS = ['p50-us', 'p99-us', 'cpu-us/rtt']
const NODE_IMPLS = ['shared-ws:main', 'ws', 'undici', 'node', 'websocket']

/**
 * @param {string} name
 * @param {import('../lib/machine.mjs').Place} place
 * @param {string[]} impls
 * @param {string} path
 * @param {'blaster' | 'uws'} [server]
 */
const rtt = (name, place, impls, path, server = 'blaster') => ({
  name,
  impls,
  place,
  server,
  task: 'rtt',
  fields: { size: 100 },
  endsItself: true,
  path,
  units: UNITS,
  size: 100,
  probe: 300,
})

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'rtt',
  summary: 'How long does the echo of a 100-byte message take, one in flight?',
  prepare: () => ({
    cases: [
      rtt('one CPU, blocking server', 'same', ['C', ...NODE_IMPLS], '/echo'),
      rtt('unpinned, blocking server', 'free', ['C', 'C:spin', ...NODE_IMPLS, 'ws:warm'], '/echo'),
      rtt('unpinned, spinning server', 'free', ['C', 'C:spin', ...NODE_IMPLS, 'ws:warm'], '/echo?spin=1'),
      rtt('one CPU, uWebSockets.js server', 'same', ['C', ...NODE_IMPLS], '/echo', 'uws'),
    ],
  }),
  targets: [
    {
      case: 'one CPU, blocking server',
      unit: 'p50-us',
      impl: 'shared-ws:main',
      peer: 'C',
      atLeast: 1 / 1.25,
      says: 'p50 at most 1.25 times the blocking C client',
    },
  ],
  notes: [
    'ws:warm is ws in a process that a setImmediate loop never lets sleep. C:spin asks recv again and again.',
    'Unpinned figures and p99 depend on what else the machine does: only the same-CPU p50 is used to judge changes. ' +
      'A client that spins is not run on one CPU with its server.',
  ],
}
