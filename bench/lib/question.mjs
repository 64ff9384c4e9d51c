// What a file of bench/questions/ exports, and the list of all of them.

/**
 * @typedef {object} Target What we promised ourselves.
 * @property {string} case
 * @property {string} unit
 * @property {string} impl One of ours.
 * @property {string} peer
 * @property {number} atLeast The ratio to reach; above 1 means that we are better.
 * @property {string} says In words.
 *
 * @typedef {object} Question
 * @property {string} name
 * @property {string} summary One line: the question.
 * @property {() => { cases: import('./run-case.mjs').Case[], captures?: string[] }} prepare
 *   Throws `CannotRun` when something it needs is not there.
 * @property {readonly Target[]} [targets]
 * @property {readonly string[]} [notes] What a reader has to know to judge the figures.
 */

/** A question that cannot be asked here; the message says what is missing. */
export class CannotRun extends Error {}

const NAMES = [
  'ingest',
  'ingest-json',
  'tls',
  'capture',
  'send',
  'connect',
  'reconnect',
  'rtt',
  'deflate',
  'gzip-binary',
  'topics',
  'codec',
]

/** @returns {Promise<Question[]>} */
export async function allQuestions() {
  const modules = await Promise.all(NAMES.map((name) => import(`../questions/${name}.mjs`)))
  return modules.map(({ question }) => question)
}
