/**
 * @param {string} name
 * @param {boolean | 'tickets'} tls
 * @param {readonly string[]} impls
 */
const connect = (name, tls, impls) => ({
  name,
  impls,
  place: /** @type {const} */ ('apart'),
  tls,
  task: 'connect',
  ...(tls === 'tickets' ? { fields: { resumes: 1 } } : {}),
  path: '/idle',
  silent: true,
  units: ['cpu-us/connect', 'p50-us'],
  probe: 40,
  most: 400, // each leaves a port in TIME_WAIT for a minute
})

const ALL = ['C', 'shared-ws:main', 'ws', 'undici', 'node', 'websocket']

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'connect',
  summary: 'What does it cost to connect, upgrade and close, plain, over TLS, and with a TLS session resumed?',
  prepare: () => ({
    cases: [
      connect('plain', false, ALL),
      connect('TLS', true, ALL),
      connect('TLS, resumed', 'tickets', ['C', 'shared-ws:main', 'ws', 'undici']),
    ],
  }),
  notes: [
    'One after another. The CPU is that of connect, upgrade and close; p50 the time from connect to open. On two CPUs.',
    'TLS: the server gives out no session tickets, so that every handshake is a full one. Resumed: it does, and C, shared-ws',
    'and ws (by the session cache of an https.Agent) prove that each handshake used one; undici keeps them by itself.',
  ],
}
