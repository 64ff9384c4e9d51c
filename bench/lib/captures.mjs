// Turns recorded sessions (gzip over NDJSON) into plain framed files that the native server replays.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { BUILD, ROOT } from './native.mjs'

/** Where the recordings are: SHARED_WS_CAPTURES, or `captures` in the folder `shared` beside the repository. */
export const captureFolder = () => process.env['SHARED_WS_CAPTURES'] ?? join(ROOT, '..', 'shared', 'captures')

/**
 * @typedef {{ name: string, file: string, messages: number, binary: boolean }} Capture
 */

/**
 * The names of all recordings, sorted; undefined where there are none.
 * @returns {string[] | undefined}
 */
export function listCaptures() {
  const folder = captureFolder()
  if (!existsSync(folder)) return undefined
  const names = readdirSync(folder).filter((name) => name.endsWith('.ndjson.gz'))
  return names.length > 0 ? names.map((name) => name.replace('.ndjson.gz', '')).sort() : undefined
}

/**
 * The messages from the exchange as u32 length (little endian), u8 opcode, payload; one after another.
 * @param {string} ndjson
 */
export function frameCapture(ndjson) {
  /** @type {Buffer[]} */
  const parts = []
  let messages = 0
  let binaries = 0
  for (const line of ndjson.split('\n').slice(1)) {
    if (line === '') continue
    const message = JSON.parse(line)
    if (message.dir !== 'in') continue
    const isBinary = message.binary !== undefined
    const payload = isBinary ? Buffer.from(message.binary, 'base64') : Buffer.from(message.text)
    const head = Buffer.alloc(5)
    head.writeUInt32LE(payload.length)
    head[4] = isBinary ? 2 : 1
    parts.push(head, payload)
    messages++
    if (isBinary) binaries++
  }
  if (binaries !== 0 && binaries !== messages) throw new Error('text and binary messages are mixed')
  return { bytes: Buffer.concat(parts), messages, binary: binaries > 0 }
}

/**
 * @param {readonly string[]} names
 * @returns {Capture[]}
 */
export function prepareCaptures(names) {
  const target = join(BUILD, 'captures')
  mkdirSync(target, { recursive: true })
  return names.map((name) => {
    const source = join(captureFolder(), `${name}.ndjson.gz`)
    const file = join(target, `${name}.frames`)
    const { bytes, messages, binary } = frameCapture(gunzipSync(readFileSync(source)).toString())
    if (!existsSync(file) || statSync(file).mtimeMs < statSync(source).mtimeMs) writeFileSync(file, bytes)
    return { name, file, messages, binary }
  })
}
