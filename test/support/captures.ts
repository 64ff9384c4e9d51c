import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Capture, openCapture } from '../../src/cli/capture.ts'
import { MessageHash } from './message-hash.ts'

/** Where recorded sessions lie: beside the checkout, or where `SHARED_WS_CAPTURES` says. They are not part of it. */
export const CAPTURES =
  process.env['SHARED_WS_CAPTURES'] ?? fileURLToPath(new URL('../../../shared/captures', import.meta.url))

/** Why tests of captures are skipped, or undefined when they can run. */
export const NO_CAPTURES = existsSync(`${CAPTURES}/README.md`)
  ? undefined
  : `there are no captures in ${CAPTURES}; set SHARED_WS_CAPTURES to the folder that holds them`

export interface CaptureRow {
  readonly name: string
  readonly messagesIn: number
  readonly medianBytes: number
  readonly percentile99Bytes: number
  readonly largestBytes: number
}

/** The table in the captures' README: what its author counted. */
export function captureRows(): CaptureRow[] {
  if (NO_CAPTURES !== undefined) return []
  const rows = readFileSync(`${CAPTURES}/README.md`, 'utf8').matchAll(
    /^\| ([a-z-]+)(?: \([^)]*\))? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$/gm,
  )
  return Array.from(rows, ([, name, ...numbers]) => {
    const [messagesIn = 0, medianBytes = 0, percentile99Bytes = 0, largestBytes = 0] = numbers.map(Number)
    return { name: name as string, messagesIn, medianBytes, percentile99Bytes, largestBytes }
  })
}

export function captureFile(name: string): string {
  return `${CAPTURES}/${name}.ndjson.gz`
}

export interface LoadedCapture {
  readonly capture: Capture
  /** The messages of the exchange, in memory. */
  readonly messages: readonly { readonly isText: boolean; readonly bytes: Uint8Array }[]
  readonly digest: string
}

const loaded = new Map<string, Promise<LoadedCapture>>()

/** A capture and the digest that its messages must have at the other end. Read once per test file. */
export function loadCapture(name: string): Promise<LoadedCapture> {
  const known = loaded.get(name) ?? load(name)
  loaded.set(name, known)
  return known
}

async function load(name: string): Promise<LoadedCapture> {
  const capture = await openCapture(captureFile(name))
  const hash = new MessageHash()
  const messages: { isText: boolean; bytes: Uint8Array }[] = []
  for await (const { dir, text, bytes } of capture.messages()) {
    if (dir === 'out') continue
    const message = { isText: text !== undefined, bytes: text === undefined ? bytes : Buffer.from(text) }
    messages.push(message)
    hash.add(message.isText, message.bytes)
  }
  return { capture, messages, digest: hash.digest() }
}
