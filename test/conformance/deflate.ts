import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import type { WsDeflateOffer } from '../../src/connect/permessage-deflate.ts'
import type { Payload } from './payload.ts'

/** The server's half of RFC 7692, with Node's zlib: what messages before left in the window is its dictionary. */

/** Of a `Sec-WebSocket-Extensions` line, as far as it is well-formed. */
export interface DeflateParameters {
  readonly serverNoContextTakeover: boolean
  readonly serverMaxWindowBits: number
  readonly clientNoContextTakeover: boolean
  readonly clientMaxWindowBits: number
}

export function parametersOf(header: string): DeflateParameters {
  const bits = (name: string): number => Number(new RegExp(`${name}="?(\\d+)`).exec(header)?.[1] ?? 15)
  return {
    serverNoContextTakeover: header.includes('server_no_context_takeover'),
    serverMaxWindowBits: bits('server_max_window_bits'),
    clientNoContextTakeover: header.includes('client_no_context_takeover'),
    clientMaxWindowBits: bits('client_max_window_bits'),
  }
}

/** The offer that a client makes with this header. */
export function offerOf(header: string, thresholdBytes: number | undefined): WsDeflateOffer {
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } =
    parametersOf(header)
  return {
    serverNoContextTakeover,
    clientNoContextTakeover,
    serverMaxWindowBits: header.includes('server_max_window_bits') ? serverMaxWindowBits : undefined,
    clientMaxWindowBits: header.includes('client_max_window_bits=')
      ? clientMaxWindowBits
      : header.includes('client_max_window_bits'),
    compress: thresholdBytes === undefined ? undefined : { thresholdBytes, level: 6, memLevel: 8 },
    required: false,
  }
}

const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff)

interface Past {
  readonly payload: Payload
  readonly before: Past | undefined
}

/** Messages that go out compressed, in order. */
export class ServerDeflate {
  readonly #windowBits: number
  readonly #takeover: boolean
  #past: Past | undefined

  constructor({ serverNoContextTakeover, serverMaxWindowBits }: DeflateParameters) {
    this.#takeover = !serverNoContextTakeover
    this.#windowBits = serverMaxWindowBits
  }

  /** The next message; compressed when its bytes are asked for, as often as they are. */
  next(payload: Payload): () => Buffer {
    const before = this.#past
    if (this.#takeover) this.#past = { payload, before }
    return () => {
      const dictionary = endOf(before, 2 ** this.#windowBits)
      // zlib cannot compress with a window of 8: such a server stores.
      const options = this.#windowBits === 8 ? { level: 0 } : { windowBits: this.#windowBits, ...dictionary }
      return deflateRawSync(payload.bytes(), { ...options, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
    }
  }
}

function endOf(past: Past | undefined, size: number): { dictionary?: Buffer } {
  const parts: Buffer[] = []
  let found = 0
  for (let at = past; at !== undefined && found < size; at = at.before) {
    parts.unshift(at.payload.bytes())
    found += at.payload.byteLength
  }
  const dictionary = Buffer.concat(parts).subarray(-size)
  return dictionary.length === 0 ? {} : { dictionary }
}

/** Messages that came compressed, in order; throws where the client broke what was negotiated. */
export class ServerInflate {
  readonly #windowBits: number
  readonly #takeover: boolean
  #window: Buffer = Buffer.alloc(0)

  constructor({ clientNoContextTakeover, clientMaxWindowBits }: DeflateParameters) {
    this.#takeover = !clientNoContextTakeover
    this.#windowBits = clientMaxWindowBits
  }

  next(payload: Buffer): Buffer {
    const dictionary = this.#window.length === 0 ? {} : { dictionary: this.#window }
    const message = inflateRawSync(Buffer.concat([payload, TAIL]), {
      windowBits: this.#windowBits,
      ...dictionary,
      finishFlush: constants.Z_SYNC_FLUSH,
    })
    if (this.#takeover) this.#window = Buffer.concat([this.#window, message]).subarray(-(2 ** this.#windowBits))
    return message
  }
}
