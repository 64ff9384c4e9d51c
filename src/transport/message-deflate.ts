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
    // Short of the octet that RFC 7692 7.2.3.6 wants, and clear all the same.
    if (compressed.length === 0) return NOTHING
    let rest: Buffer = Buffer.concat([compressed, TAIL, END])
    let message: Buffer = NOTHING
    for (let finals = 0; ; finals++) {
      if (finals > MAX_FINAL_BLOCKS) return 'ERR_WS_DEFLATE_CORRUPT'
      const options = { windowBits: this.#windowBits, ...this.#window.options }
      const room = this.#maxMessageBytes - message.length
      const step = run(inflateRawSync, rest, options, room)
      if (step === 'corrupt' || step === 'truncated') return deflateFault(rest, options, room)
      if (typeof step === 'string') return step
      this.#window.add(step.output)
      message = finals === 0 ? step.output : Buffer.concat([message, step.output])
      rest = rest.subarray(step.inputBytes)
      // Behind a final block without the octet of RFC 7692 7.2.3.4, the tail stands alone.
      if (rest.length === 0 || rest.length === TAIL.length + END.length) break
    }
    if (this.#noContextTakeover) this.#window = new Window(this.#context)
    return message
  }
}

/** What zlib takes without {@link END} is good as far as it goes: it only does not end where a block does. */
function deflateFault(rest: Buffer, options: ZlibOptions, room: number): ProtocolStatusCode {
  const open = { ...options, finishFlush: constants.Z_SYNC_FLUSH }
  const step = run(inflateRawSync, rest.subarray(0, -END.length), open, room)
  return typeof step === 'string' ? 'ERR_WS_DEFLATE_CORRUPT' : 'ERR_WS_DEFLATE_TRUNCATED'
}

/** Whole messages of ours, compressed in order. */
export class MessageDeflater {
  readonly #thresholdBytes: number
  readonly #options: ZlibOptions
  readonly #window: Window

  constructor(context: DeflateContext, { thresholdBytes, level, memLevel }: Required<WsDeflateCompression>) {
    this.#thresholdBytes = thresholdBytes
    this.#window = new Window(context)
    this.#options = { windowBits: context.maxWindowBits, level, memLevel, finishFlush: constants.Z_SYNC_FLUSH }
  }

  /** Undefined: it is to be sent as it is, being empty, below the threshold, or no smaller when compressed. */
  deflate(payload: Buffer): Buffer | undefined {
    if (payload.length === 0 || payload.length < this.#thresholdBytes) return undefined
    const compressed = deflateRawSync(payload, { ...this.#options, ...this.#window.options })
    if (compressed.length - TAIL.length >= payload.length) return undefined
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
  if (step === 'corrupt') return 'ERR_WS_BINARY_CORRUPT'
  if (step === 'truncated') return 'ERR_WS_BINARY_TRUNCATED'
  if (typeof step === 'string') return step
  return step.inputBytes === payload.length ? step.output : 'ERR_WS_BINARY_TRAILING'
}

interface Step {
  readonly output: Buffer
  readonly inputBytes: number
}

type Fault = 'corrupt' | 'truncated' | 'ERR_WS_MESSAGE_TOO_LARGE' | 'ERR_WS_OUT_OF_MEMORY'

/** Inflates up to the end of the deflate stream, and no further than `maxBytes` of output. */
function run(
  inflate: (input: Buffer, options: ZlibOptions) => Buffer,
  input: Buffer,
  options: ZlibOptions,
  maxBytes: number,
): Step | Fault {
  try {
    // zlib takes no limit of 0, so that one byte too much is found behind it.
    const result = inflate(input, { ...options, info: true, maxOutputLength: Math.max(1, maxBytes) })
    const { buffer, engine } = result as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (buffer.length > maxBytes) return 'ERR_WS_MESSAGE_TOO_LARGE'
    return { output: buffer, inputBytes: engine.bytesWritten }
  } catch (error) {
    // Of maxOutputLength; whatever zlib says itself is a plain Error.
    if (error instanceof RangeError) return 'ERR_WS_MESSAGE_TOO_LARGE'
    const { code } = error as NodeJS.ErrnoException
    if (code === 'Z_MEM_ERROR') return 'ERR_WS_OUT_OF_MEMORY'
    return code === 'Z_BUF_ERROR' ? 'truncated' : 'corrupt'
  }
}
