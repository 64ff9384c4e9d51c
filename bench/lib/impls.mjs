// Every implementation that a question may name.
import { join } from 'node:path'
import { buildCodec, ROOT } from './native.mjs'

/**
 * @typedef {object} ImplSpec
 * @property {string} name As in the JSON.
 * @property {(native: import('./native.mjs').NativePrograms) => string[]} command
 * @property {Record<string, string | number>} [fields] Added to each task line.
 * @property {(ca: string) => NodeJS.ProcessEnv} [env]
 * @property {boolean} [mayBeAbsent] Left out, with the reason, where it does not load; the others fail the case.
 */

/**
 * @param {string} file
 * @param {{ flags?: string[], root?: string }} [how]
 */
const node = (file, { flags = [], root } = {}) => [
  process.execPath,
  ...flags,
  join(ROOT, 'bench', 'client.mjs'),
  file,
  ...(root ? [root] : []),
]

// Behind a flag on Node 20 and 21.
const builtInFlags = globalThis.WebSocket ? [] : ['--experimental-websocket', '--no-warnings']

/** @type {ImplSpec[]} */
export const IMPLS = [
  { name: 'C', command: (native) => [native.client] },
  { name: 'C:spin', command: (native) => [native.client], fields: { spin: 1 } },
  { name: 'C:memcpy', command: (native) => [native.client], fields: { op: 'memcpy' } },
  { name: 'shared-ws:main', command: () => node('shared-ws-main') },
  { name: 'shared-ws:kernel', command: () => node('shared-ws-main'), fields: { timestampSource: 'kernel' } },
  { name: 'shared-ws:plan', command: () => node('shared-ws-main'), fields: { topics: 'plan' } },
  { name: 'shared-ws:slice', command: () => node('shared-ws-main'), fields: { topics: 'slice' } },
  { name: 'shared-ws:json', command: () => node('shared-ws-main'), fields: { topics: 'json' } },
  { name: 'shared-ws:codec', command: () => [buildCodec(ROOT)] },
  { name: 'ws', command: () => node('ws') },
  { name: 'ws+bufferutil', command: () => node('ws-bufferutil'), mayBeAbsent: true },
  { name: 'ws:gunzipSync', command: () => node('ws'), fields: { gunzip: 'sync' } },
  { name: 'ws:gunzip', command: () => node('ws'), fields: { gunzip: 'async' } },
  { name: 'ws:warm', command: () => node('ws-warm') },
  { name: 'undici', command: () => node('undici') },
  {
    name: 'node',
    command: () => node('node', { flags: builtInFlags }),
    env: (ca) => ({ NODE_EXTRA_CA_CERTS: ca }),
    mayBeAbsent: true,
  },
  { name: 'websocket', command: () => node('websocket') },
]

/**
 * shared-ws as built in another folder; for `bench:check`.
 * @param {string} name
 * @param {string} root
 * @returns {ImplSpec}
 */
export const builtIn = (name, root) => ({ name, command: () => node('shared-ws-main', { root }) })

/** @param {string} name */
export function findImpl(name) {
  const found = IMPLS.find((impl) => impl.name === name)
  if (!found)
    throw new Error(`no implementation is called ${name}; there are ${IMPLS.map((impl) => impl.name).join(', ')}`)
  return found
}

/**
 * `--filter ws,C`: an implementation matches by its name, or by what stands before the colon.
 * @param {string} name
 * @param {readonly string[]} filter Empty: all match.
 */
export const matchesFilter = (name, filter) =>
  filter.length === 0 || filter.includes(name) || filter.includes(name.split(':')[0] ?? '')

/**
 * A word of the filter that means nothing would make an empty table that looks like an answer.
 * @param {readonly string[]} filter
 */
export function checkFilter(filter) {
  const known = IMPLS.map(({ name }) => name)
  const unknown = filter.filter((word) => !known.some((name) => matchesFilter(name, [word])))
  if (unknown.length > 0) {
    throw new Error(`--filter: no implementation is called ${unknown.join(', ')}; there are ${known.join(', ')}`)
  }
}
