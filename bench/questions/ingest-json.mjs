/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'ingest-json',
  summary: 'What does it cost to receive a 150-byte message and JSON.parse it?',
  prepare: () => ({
    cases: [
      {
        name: 'bulk, JSON.parse',
        impls: ['C', 'shared-ws:main', 'ws', 'ws+bufferutil', 'undici', 'node', 'websocket'],
        place: 'same',
        task: 'receive',
        fields: { form: 'json' },
        path: '/bulk?size=150',
        parsed: 'all',
        units: ['cpu-ns/msg', 'msg/s'],
        size: 150,
      },
    ],
  }),
  targets: [
    {
      case: 'bulk, JSON.parse',
      unit: 'cpu-ns/msg',
      impl: 'shared-ws:main',
      peer: 'ws',
      atLeast: 1.5,
      says: '1.5 times less CPU than ws',
    },
  ],
  notes: ['C does not parse: its figure is that of receiving alone.', 'Server and client on one CPU.'],
}
