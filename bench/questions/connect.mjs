/**
 * @param {string} name
 * @param {boolean} tls
 */
const connect = (name, tls) => ({
  name,
  impls: ['C', 'shared-ws:main', 'ws', 'undici', 'node', 'websocket'],
  place: /** @type {const} */ ('apart'),
  tls,
  task: 'connect',
  path: '/idle',
  silent: true,
  units: ['cpu-us/connect', 'p50-us'],
  probe: 40,
  most: 400, // each leaves a port in TIME_WAIT for a minute
})

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'connect',
  summary: 'What does it cost to connect, upgrade and close, plain and over TLS?',
  prepare: () => ({ cases: [connect('plain', false), connect('TLS', true)] }),
  notes: [
    'One after another. The CPU is that of connect, upgrade and close; p50 the time from connect to open. On two CPUs.',
    'The server gives out no session tickets: every TLS handshake is a full one.',
  ],
}
