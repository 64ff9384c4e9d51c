const IMPLS = ['shared-ws:main', 'ws', 'undici']

/**
 * @param {string} name
 * @param {string} query
 * @returns {import('../lib/run-case.mjs').Case}
 */
const deflateCase = (name, query) => ({
  name,
  impls: IMPLS,
  place: 'same',
  task: 'receive',
  fields: { form: 'record', deflate: 1 },
  path: `/deflate?${query}`,
  units: ['cpu-ns/msg', 'msg/s'],
  probe: 500,
  quick: { windowMs: 40, warmUpMs: 100 },
})

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'deflate',
  summary: 'What does it cost to receive messages that the server compresses with permessage-deflate?',
  prepare: () => ({
    cases: [
      deflateCase('tickers, context kept', 'kind=ticker'),
      deflateCase('tickers, context dropped', 'kind=ticker&takeover=0'),
      deflateCase('books, context kept', 'kind=book'),
      deflateCase('books, context dropped', 'kind=book&takeover=0'),
    ],
  }),
  targets: [
    {
      case: 'tickers, context kept',
      unit: 'cpu-ns/msg',
      impl: 'shared-ws:main',
      peer: 'ws',
      atLeast: 100,
      says: '100 times less CPU than ws',
    },
  ],
  notes: [
    'Tickers of 150 bytes and books of 2 KB, generated, whose figures move; compressed beforehand, so that the server costs little.',
    'ws and undici inflate in the thread pool; CPU is that of all threads. Server and client on one CPU.',
  ],
}
