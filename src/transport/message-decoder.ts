import { isUtf8 } from 'node:buffer'
import type { WsBinaryCompression } from '../connect/request.ts'
import type { ProtocolStatus, ProtocolStatusCode } from '../errors/statuses.ts'
import { isSendableCloseCode } from './control.ts'
import { protocolStatus } from './end-causes.ts'
import { type FrameHeader, type FrameLimits, type FrameSink, FrameWalker } from './frame-walker.ts'
import { inflateMessage, type MessageInflater } from './message-deflate.ts'

const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

export interface MessageSink {
  /** Payloads are memory of their own. */
  onMessage(payload: Buffer, binary: boolean): void
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** 1005: the frame carried no code. Nothing comes after it. */
  onClose(code: number, reason: string): void
}

/**
 * Whole messages out of a server's bytes, in the way of RFC 6455. The first violation is latched; what comes before it
 * has been told by then. No socket, no clock.
 */
export class MessageDecoder implements FrameSink {
  readonly #sink: MessageSink
  readonly #walker: FrameWalker
  readonly #maxMessageBytes: number
  readonly #inflateBinary: WsBinaryCompression | undefined
  /** Fragments of the data message under way. */
  #fragments: Buffer[] = []
  #messageOpcode = 0
  #messageCompressed = false
  #inflater: MessageInflater | undefined
  /** Pieces of the frame under way. */
  #pieces: Buffer[] = []
  #header: FrameHeader | undefined
  #closed = false
  #messageWasLast = false
  #violation: ProtocolStatus | undefined

  /** `inflateBinary`: binary messages are compressed by themselves, and become text. */
  constructor(limits: FrameLimits, sink: MessageSink, inflateBinary?: WsBinaryCompression) {
    this.#sink = sink
    this.#maxMessageBytes = limits.maxMessageBytes
    this.#inflateBinary = inflateBinary
    this.#walker = new FrameWalker(limits, this)
  }

  /** permessage-deflate has been negotiated. */
  inflateWith(inflater: MessageInflater): void {
    this.#inflater = inflater
    this.#walker.admitCompressed()
  }

  get violation(): ProtocolStatus | undefined {
    return this.#violation ?? (this.#closed ? undefined : this.#walker.violation)
  }

  /** Chunks after a CLOSE or a violation are ignored (RFC 6455 5.5.1, 7.1.7). */
  feed(chunk: Uint8Array): void {
    this.#messageWasLast = false
    if (!this.#done) this.#walker.walk(chunk)
  }

  /** The last byte fed was the last one of a message that was told. */
  get endedWithMessage(): boolean {
    return this.#messageWasLast && !this.#walker.isInHeader
  }

  get #done(): boolean {
    return this.#closed || this.violation !== undefined
  }

  onHeader(header: FrameHeader): void {
    this.#messageWasLast = false
    this.#header = header
    this.#pieces = []
    if (header.opcode !== TEXT && header.opcode !== BINARY) return
    this.#messageOpcode = header.opcode
    this.#messageCompressed = header.compressed
  }

  onPayload(chunk: Uint8Array, start: number, end: number): void {
    this.#pieces.push(Buffer.from(chunk.subarray(start, end)))
  }

  onFrameEnd(): void {
    // The walker does not know of violations in payloads, and goes on.
    if (this.#done) return
    const { opcode, fin } = this.#header as FrameHeader
    if (opcode >= CLOSE) {
      this.#control(opcode, Buffer.concat(this.#pieces))
      return
    }
    this.#fragments.push(...this.#pieces)
    if (!fin) return
    let message: Buffer | ProtocolStatusCode = Buffer.concat(this.#fragments)
    this.#fragments = []
    if (this.#messageCompressed) message = (this.#inflater as MessageInflater).inflate(message)
    let notUtf8: ProtocolStatusCode = 'ERR_WS_TEXT_NOT_UTF8'
    let binary = this.#messageOpcode === BINARY
    if (binary && this.#inflateBinary !== undefined && typeof message !== 'string') {
      message = inflateMessage(this.#inflateBinary, message, this.#maxMessageBytes)
      notUtf8 = 'ERR_WS_BINARY_NOT_UTF8'
      binary = false
    }
    if (typeof message === 'string') this.#violation = protocolStatus(message)
    else if (!binary && !isUtf8(message)) this.#violation = protocolStatus(notUtf8)
    else {
      this.#messageWasLast = true
      this.#sink.onMessage(message, binary)
    }
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === PING) this.#sink.onPing(payload)
    else if (opcode === PONG) this.#sink.onPong(payload)
    else this.#close(payload)
  }

  #close(payload: Buffer): void {
    const code = payload.length === 0 ? 1005 : payload.readUInt16BE(0)
    if (payload.length > 0 && !isSendableCloseCode(code)) {
      this.#violation = protocolStatus('ERR_WS_CLOSE_CODE_INVALID')
    } else if (!isUtf8(payload.subarray(2))) {
      this.#violation = protocolStatus('ERR_WS_CLOSE_REASON_NOT_UTF8')
    } else {
      this.#closed = true
      this.#sink.onClose(code, payload.toString('utf8', 2))
    }
  }
}
