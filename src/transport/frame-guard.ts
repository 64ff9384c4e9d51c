import { isUtf8 } from 'node:buffer'
import type { ProtocolStatus, ProtocolStatusCode } from '../errors/statuses.ts'
import { protocolStatus } from './end-causes.ts'
import { type FrameHeader, type FrameLimits, type FrameSink, FrameWalker } from './frame-walker.ts'

const CLOSE = 8

/** What of a chunk `ws` may see. */
export interface Admitted {
  /** Bytes before a frame that breaks a rule; all of them when none does. */
  readonly end: number
  /** Where the peer's CLOSE frame begins, when it begins in this chunk. */
  readonly closeAt: number | undefined
}

/**
 * Judges frame headers before `ws` sees them: `ws` knows no limit for a single frame, lets non-minimal lengths pass, and
 * reports several violations by one code. It remains the judge of payloads: {@link statusOf}.
 */
export class FrameGuard implements FrameSink {
  readonly #walker: FrameWalker
  #closeAt: number | undefined
  #inClose = false
  #closeSeen = false
  #closePayload: Uint8Array = new Uint8Array(0)

  constructor(limits: FrameLimits) {
    this.#walker = new FrameWalker(limits, this)
  }

  /** permessage-deflate has been negotiated. */
  admitCompressed(): void {
    this.#walker.admitCompressed()
  }

  /** The peer's CLOSE frame is complete; what follows it means nothing (RFC 6455 5.5.1). */
  get closeSeen(): boolean {
    return this.#closeSeen
  }

  get violation(): ProtocolStatus | undefined {
    return this.#closeSeen ? undefined : this.#walker.violation
  }

  admit(chunk: Uint8Array): Admitted {
    if (this.#closeSeen || this.violation !== undefined) return { end: 0, closeAt: undefined }
    this.#closeAt = undefined
    const end = this.#walker.walk(chunk)
    return { end: this.#closeSeen ? chunk.length : end, closeAt: this.#closeAt }
  }

  /** The status that stands for an error of `ws` about a payload; undefined when it is not about the peer's bytes. */
  statusOf(error: Error & { readonly code?: unknown }): ProtocolStatus | undefined {
    const status = BY_WS_CODE[error.code as keyof typeof BY_WS_CODE] as ProtocolStatusCode | undefined
    if (status === undefined) return undefined
    // One code of `ws` for text and for a CLOSE's reason, which is held here.
    if (status === 'ERR_WS_TEXT_NOT_UTF8' && !isUtf8(this.#closePayload.subarray(2))) {
      return protocolStatus('ERR_WS_CLOSE_REASON_NOT_UTF8')
    }
    return protocolStatus(status)
  }

  onHeader({ opcode }: FrameHeader): void {
    this.#inClose = opcode === CLOSE && !this.#closeSeen
    if (this.#inClose) this.#closeAt = this.#walker.frameStart
  }

  onPayload(chunk: Uint8Array, start: number, end: number): void {
    if (this.#inClose) this.#closePayload = Buffer.concat([this.#closePayload, chunk.subarray(start, end)])
  }

  onFrameEnd(): void {
    if (this.#inClose) this.#closeSeen = true
    this.#inClose = false
  }
}

/** What `ws` 8 says about payloads; whatever it says about headers was found here before. */
const BY_WS_CODE = {
  WS_ERR_INVALID_UTF8: 'ERR_WS_TEXT_NOT_UTF8',
  WS_ERR_INVALID_CLOSE_CODE: 'ERR_WS_CLOSE_CODE_INVALID',
} as const satisfies Record<string, ProtocolStatusCode>
