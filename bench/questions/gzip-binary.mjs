const IMPLS = ['shared-ws:main', 'ws:gunzipSync', 'ws:gunzip']

/**
 * @param {string} name
 * @param {string} kind
 * @returns {import('../lib/run-case.mjs').Case}
 */
const gzipCase = (name, kind) => ({
  name,
  impls: IMPLS,
  place: 'same',
  task: 'receive',
  fields: { form: 'record', gzip: 1 },
  path: `/gzip?kind=${kind}`,
  units: ['cpu-ns/msg', 'msg/s'],
  probe: 500,
  quick: { windowMs: 40, warmUpMs: 100 },
})

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'gzip-binary',
  summary: 'What does it cost to receive binary messages that an exchange compressed with gzip, as text?',
  prepare: () => ({ cases: [gzipCase('tickers, gzip', 'ticker'), gzipCase('books, gzip', 'book')] }),
  notes: [
    'shared-ws by its option inflateBinary; ws with zlib.gunzipSync or zlib.gunzip (the thread pool) in its message handler.',
    'Only shared-ws has checked that what it delivers is UTF-8. Server and client on one CPU.',
  ],
}
