import { constants, deflateRawSync, gunzipSync, inflateRawSync, inflateSync, type ZlibOptions } from 'node:zlib'
import type { WsDeflateCompression, WsNegotiatedDeflate } from '../connect/permessage-deflate.ts'
import type { WsBinaryCompression } from '../connect/request.ts'
import type { ProtocolStatusCode } from '../errors/statuses.ts'

/**
 * RFC 7692 with Node's zlib, for the transports that are not native. Its synchronous functions keep no state from call to
 * call, so what messages before have left in the LZ77 window is handed over as a dictionary: some 30 µs a message, where
 * the thread pool would take more, and would have messages overtake control frames.
 */

/** What RFC 7692 7.2.1 has the sender cut off. */
const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff)
/** An empty final block: zlib reaches the end of its stream here if the message ended with a block, and only then. */
const END = Buffer.of(0x01, 0x00, 0x00, 0xff, 0xff)
const NOTHING = Buffer.alloc(0)
/** A message may have final blocks inside (RFC 7692 7.2.3.4); each costs another inflater. */
const MAX_FINAL_BLOCKS = 64

/** One side's half of what was negotiated. */
export interface DeflateContext {
  readonly noContextTakeover: boolean
  /** 8–15. */
  readonly maxWindowBits: number
}

export const serverContext = (negotiated: WsNegotiatedDeflate): DeflateContext => ({
  noContextTakeover: negotiated.serverNoContextTakeover,
  maxWindowBits: negotiated.serverMaxWindowBits,
})

export const clientContext = (negotiated: WsNegotiatedDeflate): DeflateContext => ({
  noContextTakeover: negotiated.clientNoContextTakeover,
  maxWindowBits: negotiated.clientMaxWindowBits,
})

/** The end of what has gone through a context. */
class Window {
  readonly #bytes: number
  #content: Buffer = NOTHING

  constructor({ noContextTakeover, maxWindowBits }: DeflateContext) {
    this.#bytes = noContextTakeover ? 0 : 2 ** maxWindowBits
  }

  get options(): { dictionary?: Buffer } {
    return this.#content.length === 0 ? {} : { dictionary: this.#content }
  }

  add(bytes: Buffer): void {
    if (this.#bytes === 0 || bytes.length === 0) return
    const kept = Math.max(0, this.#bytes - bytes.length)
    // slice(-0) would keep all of it.
    const before = kept === 0 ? NOTHING : this.#content.subarray(-kept)
    this.#content = Buffer.concat([before, bytes.subarray(-this.#bytes)])
  }
}

/** Whole messages of one peer, inflated in order. */
export class MessageInflater {
  readonly #maxMessageBytes: number
  readonly #windowBits: number
  readonly #noContextTakeover: boolean
  readonly #context: DeflateContext
  #window: Window

  constructor(context: DeflateContext, maxMessageBytes: number) {
    this.#context = context
    this.#maxMessageBytes = maxMessageBytes
    this.#windowBits = context.maxWindowBits
    this.#noContextTakeover = context.noContextTakeover
    this.#window = new Window(context)
  }

  /** The message, in memory of its own, or what is wrong with it; nothing may be inflated after that. */
  inflate(compressed: Uint8Array): Buffer | ProtocolStatusCode {
    let rest: Buffer = Buffer.concat([compressed, TAIL, END])
    let message: Buffer = NOTHING
    for (let finals = 0; ; finals++) {
      if (finals > MAX_FINAL_BLOCKS) return 'ERR_WS_INFLATE'
      const options = { windowBits: this.#windowBits, ...this.#window.options }
      const step = run(inflateRawSync, rest, options, this.#maxMessageBytes - message.length)
      if (typeof step === 'string') return step
      this.#window.add(step.output)
      message = finals === 0 ? step.output : Buffer.concat([message, step.output])
      rest = rest.subarray(step.inputBytes)
      if (rest.length === 0 || rest.length === TAIL.length + END.length) break
    }
    if (this.#noContextTakeover) this.#window = new Window(this.#context)
    return message
  }
}

/** Whole messages of ours, compressed in order. */
export class MessageDeflater {
  readonly thresholdBytes: number
  readonly #options: ZlibOptions
  readonly #window: Window

  constructor(context: DeflateContext, { thresholdBytes, level, memLevel }: Required<WsDeflateCompression>) {
    this.thresholdBytes = thresholdBytes
    this.#window = new Window(context)
    this.#options = { windowBits: context.maxWindowBits, level, memLevel, finishFlush: constants.Z_SYNC_FLUSH }
  }

  deflate(payload: Buffer): Buffer {
    const compressed = deflateRawSync(payload, { ...this.#options, ...this.#window.options })
    this.#window.add(payload)
    return compressed.subarray(0, -TAIL.length)
  }
}

const INFLATE = { gzip: gunzipSync, deflate: inflateSync, 'deflate-raw': inflateRawSync } as const

/** A binary message that an exchange compressed by itself (`inflateBinary`), or what is wrong with it. */
export function inflateMessage(
  kind: WsBinaryCompression,
  payload: Buffer,
  maxMessageBytes: number,
): Buffer | ProtocolStatusCode {
  const step = run(INFLATE[kind], payload, {}, maxMessageBytes)
  if (step === 'ERR_WS_INFLATE') return 'ERR_WS_INFLATE_BINARY'
  if (typeof step === 'string') return step
  return step.inputBytes === payload.length ? step.output : 'ERR_WS_INFLATE_BINARY'
}

interface Step {
  readonly output: Buffer
  readonly inputBytes: number
}

/** Inflates up to the end of the deflate stream, and no further than `maxBytes` of output. */
function run(
  inflate: (input: Buffer, options: ZlibOptions) => Buffer,
  input: Buffer,
  options: ZlibOptions,
  maxBytes: number,
): Step | ProtocolStatusCode {
  try {
    // zlib takes no limit of 0, so that one byte too much is found behind it.
    const result = inflate(input, { ...options, info: true, maxOutputLength: Math.max(1, maxBytes) })
    const { buffer, engine } = result as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (buffer.length > maxBytes) return 'ERR_WS_MESSAGE_TOO_LARGE'
    return { output: buffer, inputBytes: engine.bytesWritten }
  } catch (error) {
    // Of maxOutputLength; whatever zlib says itself is a plain Error.
    if (error instanceof RangeError) return 'ERR_WS_MESSAGE_TOO_LARGE'
    return (error as NodeJS.ErrnoException).code === 'Z_MEM_ERROR' ? 'ERR_WS_OUT_OF_MEMORY' : 'ERR_WS_INFLATE'
  }
}
