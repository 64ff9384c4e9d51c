import { isUtf8 } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { SharedWsError } from '../errors/errors.ts'

/**
 * Captures: gzip (or plain) NDJSON; line 1 is the header, every other line one message. The reader streams: it holds
 * one line at a time, so the length of a capture does not matter.
 */
export const CAPTURE_FORMAT = 'shared-ws-capture/1'

/** A longer line is refused: no WebSocket message that we take (16 MiB) needs more. */
export const MAX_LINE_BYTES = 128 * 1024 * 1024

export interface CaptureHeader {
  /** Where it was recorded. */
  readonly url: string
  /** Unix epoch seconds, to which the messages' `tMs` is relative. */
  readonly startedAtUnixS: number
  readonly source: string | undefined
}

interface CaptureMessageBase {
  /** `in`: from the exchange to the client. */
  readonly dir: 'in' | 'out'
  /** ms since the header's `startedAtUnixS`. */
  readonly tMs: number
}

/** One message: exactly one of `text` and `bytes` is there. The caller may keep both. */
export type CaptureMessage = CaptureMessageBase &
  ({ readonly text: string; readonly bytes?: undefined } | { readonly text?: undefined; readonly bytes: Uint8Array })

export interface Capture {
  readonly file: string
  readonly header: CaptureHeader
  /** Reads the file from its beginning, each time it is called. Throws {@link CaptureError}. */
  messages(): AsyncGenerator<CaptureMessage, void, undefined>
}

/** What a capture holds: one pass over all of it. */
export interface CaptureTotals {
  readonly messagesIn: number
  readonly messagesOut: number
  /** Payload bytes of the messages in. */
  readonly bytesIn: number
  readonly largestIn: number
  /** `tMs` of the last message. */
  readonly durationMs: number
}

/** The file is no capture, or is damaged: `ERR_CAPTURE`. `line` is 1 for the header, 0 where no line is to blame. */
export class CaptureError extends SharedWsError {
  readonly file: string
  readonly line: number

  constructor(file: string, line: number, reason: string, options?: ErrorOptions) {
    super('ERR_CAPTURE', line === 0 ? `${file}: ${reason}` : `${file}, line ${line}: ${reason}`, options)
    this.file = file
    this.line = line
  }
}

/** Reads the header. Throws {@link CaptureError}. Nothing stays open. */
export async function openCapture(file: string): Promise<Capture> {
  for await (const line of lines(file)) {
    const header = parseHeader(file, line.bytes)
    return { file, header, messages: () => messages(file) }
  }
  throw new CaptureError(file, 0, 'the file is empty; a capture begins with a header line')
}

/** Reads the whole capture, so that a damaged line is found before anybody depends on it. */
export async function measureCapture(capture: Capture): Promise<CaptureTotals> {
  let messagesIn = 0
  let messagesOut = 0
  let bytesIn = 0
  let largestIn = 0
  let durationMs = 0
  for await (const message of capture.messages()) {
    durationMs = Math.max(durationMs, message.tMs)
    if (message.dir === 'out') {
      messagesOut++
      continue
    }
    const length = message.text === undefined ? message.bytes.length : Buffer.byteLength(message.text)
    messagesIn++
    bytesIn += length
    largestIn = Math.max(largestIn, length)
  }
  return { messagesIn, messagesOut, bytesIn, largestIn, durationMs }
}

async function* messages(file: string): AsyncGenerator<CaptureMessage, void, undefined> {
  for await (const line of lines(file)) {
    if (line.number === 1) parseHeader(file, line.bytes)
    else yield parseMessage(file, line.number, line.bytes)
  }
}

function parseHeader(file: string, bytes: Buffer): CaptureHeader {
  const header = parseObject(file, 1, bytes)
  const { format, url, startedAtUnixS, source } = header
  const wrong: string[] = []
  if (format !== CAPTURE_FORMAT) wrong.push(`"format" must be "${CAPTURE_FORMAT}", not ${show(format)}`)
  if (typeof url !== 'string') wrong.push(`"url" must be a string, not ${show(url)}`)
  if (typeof startedAtUnixS !== 'number') wrong.push(`"startedAtUnixS" must be a number, not ${show(startedAtUnixS)}`)
  if (source !== undefined && typeof source !== 'string') wrong.push(`"source" must be a string, not ${show(source)}`)
  if (wrong.length > 0) throw new CaptureError(file, 1, `not the header of a capture: ${wrong.join('; ')}`)
  return { url: url as string, startedAtUnixS: startedAtUnixS as number, source: source as string | undefined }
}

function parseMessage(file: string, number: number, line: Buffer): CaptureMessage {
  const { dir, tMs, text, binary } = parseObject(file, number, line)
  const fail = (reason: string): never => {
    throw new CaptureError(file, number, reason)
  }
  if (dir !== 'in' && dir !== 'out') return fail(`"dir" must be "in" or "out", not ${show(dir)}`)
  if (typeof tMs !== 'number' || tMs < 0) return fail(`"tMs" must be a number of ms, 0 or more, not ${show(tMs)}`)
  if ((text === undefined) === (binary === undefined)) return fail('a message has either "text" or "binary"')
  if (text !== undefined) {
    if (typeof text !== 'string') return fail(`"text" must be a string, not ${show(text)}`)
    // It could not be sent unchanged: UTF-8 has no form for half a pair.
    if (/\p{Surrogate}/u.test(text)) return fail('"text" holds half of a surrogate pair')
    return { dir, tMs, text }
  }
  if (typeof binary !== 'string' || !isBase64(binary)) return fail(`"binary" must be base64, not ${show(binary)}`)
  return { dir, tMs, bytes: Buffer.from(binary, 'base64') }
}

function parseObject(file: string, number: number, line: Buffer): Record<string, unknown> {
  if (!isUtf8(line)) throw new CaptureError(file, number, 'not UTF-8')
  let value: unknown
  try {
    value = JSON.parse(line.toString())
  } catch (error) {
    throw new CaptureError(file, number, `not JSON: ${(error as Error).message}`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CaptureError(file, number, `a JSON object is expected, not ${show(value)}`)
  }
  return value as Record<string, unknown>
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** The non-empty lines. Splits at "\n" only: JSON text may hold U+2028, at which node:readline splits too. */
async function* lines(file: string): AsyncGenerator<{ number: number; bytes: Buffer }, void, undefined> {
  let number = 0
  let partial: Buffer[] = []
  let partialBytes = 0
  const take = (end: Buffer): Buffer => {
    const bytes = partial.length === 0 ? end : Buffer.concat([...partial, end])
    partial = []
    partialBytes = 0
    return bytes
  }
  try {
    for await (const chunk of chunks(file)) {
      let from = 0
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
        const bytes = take(chunk.subarray(from, at))
        from = at + 1
        number++
        if (!isBlank(bytes)) yield { number, bytes }
      }
      partial.push(chunk.subarray(from))
      partialBytes += chunk.length - from
      if (partialBytes > MAX_LINE_BYTES) {
        throw new CaptureError(file, number + 1, `longer than ${MAX_LINE_BYTES} bytes`)
      }
    }
  } catch (error) {
    throw readError(file, number, error as NodeJS.ErrnoException)
  }
  const last = take(Buffer.alloc(0))
  if (!isBlank(last)) yield { number: number + 1, bytes: last }
}

function isBlank(line: Buffer): boolean {
  return line.length === 0 || (line.length === 1 && line[0] === 13)
}

async function* chunks(file: string): AsyncGenerator<Buffer, void, undefined> {
  const handle = await open(file, 'r')
  let source: Readable
  try {
    const gzip = await beginsWithGzipMagic(file, handle)
    const raw = handle.createReadStream({ start: 0, highWaterMark: 256 * 1024 })
    // pipeline() hands an error of the file to the inflater, and destroys the file when the reader leaves early.
    source = gzip ? pipeline(raw, createGunzip({ chunkSize: 256 * 1024 }), () => {}) : raw
  } catch (error) {
    await handle.close()
    throw error
  }
  yield* source as AsyncIterable<Buffer>
}

async function beginsWithGzipMagic(file: string, handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
  if (bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b) return true
  if (bytesRead > 0 && buffer[0] !== 0x7b) {
    throw new CaptureError(file, 0, 'neither gzip nor NDJSON; a capture is NDJSON, plain or gzipped')
  }
  return false
}

function readError(file: string, linesRead: number, error: NodeJS.ErrnoException): CaptureError {
  if (error instanceof CaptureError) return error
  const { code = '', message } = error
  if (code === 'ENOENT') return new CaptureError(file, 0, 'no such file', { cause: error })
  if (code === 'EISDIR') return new CaptureError(file, 0, 'is a directory, not a file', { cause: error })
  if (code.startsWith('Z_')) {
    const reason = `the gzip data is damaged or cut short (${message}); ${linesRead} lines could be read before it`
    return new CaptureError(file, 0, reason, { cause: error })
  }
  return new CaptureError(file, 0, `cannot be read (${message})`, { cause: error })
}
