/**
 * @param {string} name
 * @param {number} perMessage
 */
const reconnect = (name, perMessage) => ({
  name,
  impls: ['C', 'shared-ws:main', 'ws'],
  place: /** @type {const} */ ('apart'),
  task: 'reconnect',
  fields: { perMessage },
  endsItself: true,
  path: '/subscribe',
  units: ['p50-us', 'p99-us', 'cpu-us/reconnect'],
  probe: 30,
  most: 2000,
})

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'reconnect',
  summary: "How long from the server's RST to the last of 100 subscriptions acknowledged, and what does it cost?",
  prepare: () => ({ cases: [reconnect('100 messages', 1), reconnect('1 message of 100', 100)] }),
  notes: [
    'Each reconnects at once and asks for 100 topics, in a message each or in one of 2 KB. The server answers what one read ' +
      'has brought with one write. It says when it sent the RST, and the client compares that with the same clock; p50 and ' +
      'p99 are those of single reconnects.',
    'shared-ws: `connect()` with `subscriptions`, no connect budget, `new ExponentialBackoff({ immediateFirst: true })` and ' +
      '`stableMs: 0`, since connections that live as short as these would not count as healthy. A topic is acknowledged when ' +
      '`onEvent` says so. ws: the loop of 40 lines that keeps the same books, without backoff, deadlines or events.',
    'C neither parses the answers nor keeps books. The CPU includes 5 ms of rest behind each reconnect. On two CPUs.',
  ],
}
