const CPU = 'cpu-ns/msg'

/**
 * @param {string} name
 * @param {string} records
 */
const bulk = (name, records) => ({
  name,
  impls: ['C', 'shared-ws:main', 'ws', 'ws+bufferutil', 'undici', 'node', 'websocket'],
  place: /** @type {const} */ ('same'),
  tls: true,
  task: 'receive',
  fields: { form: 'record' },
  path: `/bulk?size=150&records=${records}`,
  units: [CPU, 'msg/s'],
  size: 150,
})

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'tls',
  summary: 'What does it cost to receive a 150-byte message over TLS, many in a record and one in a record?',
  prepare: () => ({ cases: [bulk('16 KB records', '16k'), bulk('one record per frame', 'frame')] }),
  targets: [
    {
      case: '16 KB records',
      unit: CPU,
      impl: 'shared-ws:main',
      peer: 'ws',
      atLeast: 5,
      says: '5 times less CPU than ws',
    },
    {
      case: 'one record per frame',
      unit: CPU,
      impl: 'shared-ws:main',
      peer: 'ws',
      atLeast: 2.5,
      says: '2.5 times less CPU than ws',
    },
  ],
  notes: [
    'TLS 1.3, P-256 certificate, checked by every client. Server and client on one CPU.',
    'C is OpenSSL reading ahead, 256 KB a recv; Node brings an OpenSSL of its own.',
    'One record per frame: the server still sends many records with one write, so that it does not set the pace.',
  ],
}
