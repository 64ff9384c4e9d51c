import { BoundedBytes } from '../support/bounded-bytes.ts'
import type { ResponseHead } from './response-head.ts'

/** What is kept of the body of a refusal. */
export const MAX_BODY_BYTES = 64 * 1024

/**
 * The body of a response that refused the upgrade (RFC 9112 6): for people, so a malformed one is not an error of its
 * own, it just counts as truncated.
 */
export class RefusalBody {
  readonly #kept = new BoundedBytes(MAX_BODY_BYTES)
  readonly #framing: Framing
  #complete = false
  #cut = false

  constructor(head: ResponseHead) {
    this.#framing = framingOf(head)
  }

  /** True when nothing more is wanted; known once the bytes behind the head, perhaps none, have been fed. */
  get complete(): boolean {
    return this.#complete
  }

  feed(chunk: Uint8Array): void {
    if (this.#complete) return
    for (const data of this.#framing.decode(chunk)) {
      if (this.#kept.append(data) < data.length) this.#cut = true
    }
    this.#complete = this.#cut || this.#framing.complete
  }

  /** `peerEnded`: the connection ended; otherwise we stop waiting. */
  finish(peerEnded: boolean): { readonly body: string; readonly bodyTruncated: boolean } {
    const whole = this.#framing.complete ? !this.#framing.broken : peerEnded && this.#framing.untilClose
    const bodyTruncated = this.#cut || !whole
    // As a stream that goes on, a character cut in two is left out.
    const body = new TextDecoder().decode(this.#kept.view(), { stream: bodyTruncated })
    return { body, bodyTruncated }
  }
}

/** Where a body ends. `decode` finds the body's bytes in a chunk. */
interface Framing {
  readonly untilClose: boolean
  readonly complete: boolean
  /** Complete because nothing sensible can follow. */
  readonly broken: boolean
  decode(chunk: Uint8Array): readonly Uint8Array[]
}

function framingOf({ status, headers }: ResponseHead): Framing {
  if (status === 101 || status === 204 || status === 304) return new Counted(0)
  const values = (name: string): string[] =>
    headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value.toLowerCase())
  const encoding = values('transfer-encoding')
  if (encoding.length > 0) return encoding.join(',').endsWith('chunked') ? new Chunked() : new UntilClose()
  const [length, ...more] = values('content-length')
  const isCounted = length !== undefined && /^\d{1,15}$/.test(length) && more.every((other) => other === length)
  return isCounted ? new Counted(Number(length)) : new UntilClose()
}

class UntilClose implements Framing {
  readonly untilClose = true
  readonly complete = false
  readonly broken = false

  decode(chunk: Uint8Array): Uint8Array[] {
    return [chunk]
  }
}

class Counted implements Framing {
  readonly untilClose = false
  readonly broken = false
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
  }

  get complete(): boolean {
    return this.#left === 0
  }

  decode(chunk: Uint8Array): Uint8Array[] {
    const data = chunk.subarray(0, this.#left)
    this.#left -= data.length
    return [data]
  }
}

const MAX_CHUNK_LINE = 256

class Chunked implements Framing {
  readonly untilClose = false
  complete = false
  broken = false
  #line = ''
  #dataLeft = 0
  #behindData = false

  decode(chunk: Uint8Array): Uint8Array[] {
    const found: Uint8Array[] = []
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let at = 0
    while (at < bytes.length && !this.complete) {
      if (this.#dataLeft > 0) {
        const data = bytes.subarray(at, at + this.#dataLeft)
        this.#dataLeft -= data.length
        this.#behindData = this.#dataLeft === 0
        at += data.length
        found.push(data)
        continue
      }
      const end = bytes.indexOf(0x0a, at)
      const stop = end === -1 ? bytes.length : end
      this.#line += bytes.toString('latin1', at, Math.min(stop, at + MAX_CHUNK_LINE + 1))
      at = stop + 1
      if (this.#line.length > MAX_CHUNK_LINE) this.#break()
      else if (end !== -1) this.#takeLine()
    }
    return found
  }

  #takeLine(): void {
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line
    this.#line = ''
    if (this.#behindData) {
      this.#behindData = false
      if (line !== '') this.#break()
      return
    }
    const size = /^[0-9a-f]{1,8}(?=$|[;\t ])/i.exec(line)?.[0]
    if (size === undefined) this.#break()
    // Trailers are nothing to show.
    else if (Number.parseInt(size, 16) === 0) this.complete = true
    else this.#dataLeft = Number.parseInt(size, 16)
  }

  #break(): void {
    this.broken = true
    this.complete = true
  }
}
