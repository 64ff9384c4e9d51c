import { isAscii } from 'node:buffer'
import type { WsConnectRequest } from '../../src/connect/request.ts'
import type { WsDisconnectCause } from '../../src/errors/disconnect-cause.ts'
import { systemRandom } from '../../src/support/random.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { WsFrame } from '../../src/transport/frame.ts'
import {
  OFFER_FULL,
  type WsBatch,
  type WsLink,
  type WsLinkEvents,
  type WsOpenInfo,
  type WsTransport,
} from '../../src/transport/transport.ts'
import { offerOf } from './deflate.ts'
import type { Action } from './script.ts'
import type { Vector } from './vectors.ts'

export interface Told {
  readonly opcode: number
  readonly payload: Uint8Array
}

const TEXT = 1
const BINARY = 2
const PING = 9
const PONG = 10
const TIMEOUTS = {
  dnsMs: 60_000,
  tcpMs: 60_000,
  proxyMs: 60_000,
  tlsMs: 60_000,
  upgradeMs: 10_000,
  totalMs: 120_000,
  attemptDelayMs: 250,
}

/** An application that sends every message back, as it came. Its clock stands still until the run moves it. */
export class EchoApplication implements WsLinkEvents {
  readonly clock = new VirtualClock()
  readonly link: WsLink
  /** What the user was told, in order. */
  readonly told: Told[] = []
  opened: WsOpenInfo | undefined
  cause: WsDisconnectCause | undefined
  /** A promise of the transport's contract that was broken. */
  defect: string | undefined
  paused = false

  #echoes = true
  /** What found no room on the link. */
  #waiting: { readonly bytes: Uint8Array; readonly binary: boolean }[] = []

  constructor(transport: WsTransport, url: URL, vector: Vector) {
    const { offer, compressFrom, inflateBinary } = vector.extensions
    const request: WsConnectRequest = {
      url,
      headers: [],
      subprotocols: vector.subprotocols,
      tls: {},
      lookup: async () => [{ address: '127.0.0.1', family: 4 }],
      family: 0,
      proxy: undefined,
      limits: { ...vector.limits, maxLinkBytes: 64 * 1024 },
      timeouts: TIMEOUTS,
      perMessageDeflate: offer === '' ? undefined : offerOf(offer, compressFrom),
      inflateBinary,
      socket: {},
      clock: this.clock,
      random: systemRandom,
    }
    this.link = transport.connect(request, this)
  }

  perform(action: Action): void {
    switch (action.verb) {
      case 'sends':
        for (let i = 0; i < action.times; i++) this.#offer(action.payload.bytes(), action.opcode === BINARY)
        return
      case 'pings':
        this.link.ping(action.payload.bytes())
        return
      case 'pongs':
        this.link.pong(action.payload.bytes())
        return
      case 'closes':
        this.link.close(action.code, action.reason, action.timeoutMs)
        return
      case 'terminates':
        this.link.terminate(TERMINATED)
        return
      case 'pauses':
        this.paused = true
        this.link.pause()
        return
      case 'resumes':
        this.paused = false
        this.link.resume()
        return
      case 'listens':
        this.#echoes = false
    }
  }

  onOpen(info: WsOpenInfo): void {
    this.opened = info
  }

  onMessages(batch: WsBatch): void {
    for (let i = 0; i < batch.length; i++) this.#message(batch.at(i))
  }

  onPing(payload: Uint8Array): void {
    this.#tell(PING, payload)
  }

  onPong(payload: Uint8Array): void {
    this.#tell(PONG, payload)
  }

  onTopic(): void {
    this.defect ??= 'the user was told of a topic without a plan'
  }

  onWritable(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { bytes, binary } of waiting) this.#offer(bytes, binary)
  }

  onEnd(cause: WsDisconnectCause): void {
    if (this.cause !== undefined) this.defect ??= 'the user was told of the end twice'
    this.cause = cause
  }

  #message(frame: WsFrame): void {
    const bytes = Buffer.from(frame.copy())
    const isText = frame.isText
    if (frame.ascii !== (isText && isAscii(bytes))) this.defect ??= 'the ascii flag of a message is wrong'
    if (isText && frame.text() !== bytes.toString()) this.defect ??= 'text() of a message is not its bytes'
    this.#tell(isText ? TEXT : BINARY, bytes)
    if (this.#echoes) this.#offer(bytes, !isText)
  }

  #tell(opcode: number, payload: Uint8Array): void {
    if (this.opened === undefined) this.defect ??= 'the user was told of a frame before the connection was open'
    if (this.cause !== undefined) this.defect ??= 'the user was told of a frame after the end'
    this.told.push({ opcode, payload })
  }

  #offer(bytes: Uint8Array, binary: boolean): void {
    if (this.#waiting.length > 0 || this.link.offer(bytes, { binary }) === OFFER_FULL) {
      this.#waiting.push({ bytes, binary })
    }
  }
}

export const TERMINATED: WsDisconnectCause = {
  kind: 'local-stop',
  code: 'ERR_TERMINATED',
  message: 'the vector said so',
  closeCode: 1006,
  closeReason: '',
}
