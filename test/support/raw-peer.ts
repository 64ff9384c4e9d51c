import type { Socket } from 'node:net'
import {
  type ClientFrame,
  ClientFrameParser,
  encodeServerClose,
  encodeServerFrame,
  type ServerFrameOptions,
} from './raw-frames.ts'

/** What a client asked for: the request line and its header lines, in order. */
export interface RawRequest {
  readonly line: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The first value of a header, case-insensitively. */
  header(name: string): string | undefined
}

/** How the client's side of the socket ended. */
export type RawEnd =
  | { readonly how: 'fin' }
  | { readonly how: 'reset'; readonly code: string }
  | { readonly how: 'destroyed' }

const DEFAULT_WAIT_MS = 30_000

/**
 * One accepted connection, in the hands of the test. Waits reject after 10 s, so that a broken client fails a test with
 * a sentence and not with the runner's timeout.
 */
export class RawPeer {
  readonly socket: Socket
  /** Every complete frame the client has sent, in order. */
  readonly frames: ClientFrame[] = []
  /** Set when the client broke a rule of RFC 6455; {@link nextFrame} rejects with it. */
  defect: Error | undefined

  readonly #chop: (() => number) | undefined
  readonly #parser = new ClientFrameParser()
  #head = ''
  #request: RawRequest | undefined
  #taken = 0
  #end: RawEnd | undefined
  #writes: Promise<void> = Promise.resolve()
  readonly #waiting = new Set<() => void>()

  /** `chop`: sizes of the pieces that writes are cut into; undefined writes whole. */
  constructor(socket: Socket, chop: (() => number) | undefined) {
    this.socket = socket
    this.#chop = chop
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => this.#receive(bytes))
    socket.on('end', () => this.#finish({ how: 'fin' }))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#finish({ how: 'reset', code: error.code ?? error.message }),
    )
    socket.on('close', () => this.#finish({ how: 'destroyed' }))
  }

  /** The client's whole request head. */
  async request(): Promise<RawRequest> {
    return this.#wait('a complete request head', () => this.#request)
  }

  /** permessage-deflate is agreed upon: the client's data frames may be compressed from now on. */
  admitCompressed(): void {
    this.#parser.admitsCompressed = true
  }

  /** The next frame that nobody has taken, control frames included. */
  async nextFrame(): Promise<ClientFrame> {
    return this.#wait('a frame', () => {
      if (this.#taken < this.frames.length) return this.frames[this.#taken++]
      if (this.defect !== undefined) throw this.defect
      return undefined
    })
  }

  /** The next frame, which must have this opcode. */
  async expectFrame(opcode: number): Promise<ClientFrame> {
    const frame = await this.nextFrame()
    if (frame.opcode !== opcode) throw new Error(`expected a frame with opcode ${opcode}, got ${frame.opcode}`)
    return frame
  }

  /** How the client ended its side, if it has. */
  get end(): RawEnd | undefined {
    return this.#end
  }

  /** How the client ended its side. */
  async ended(): Promise<RawEnd> {
    return this.#wait('the end of the connection', () => this.#end)
  }

  /** Resolves when the kernel has the bytes, or the socket is gone. Writes are sent in call order. */
  write(bytes: string | Uint8Array): Promise<void> {
    const all = Buffer.from(bytes as Uint8Array)
    this.#writes = this.#writes.then(() => this.#writeChopped(all))
    return this.#writes
  }

  frame(opcode: number, payload: string | Uint8Array, options?: ServerFrameOptions): Promise<void> {
    return this.write(encodeServerFrame(opcode, payload, options))
  }

  text(payload: string): Promise<void> {
    return this.frame(1, payload)
  }

  binary(payload: Uint8Array): Promise<void> {
    return this.frame(2, payload)
  }

  /** Without a code: an empty CLOSE. */
  close(code?: number, reason?: string | Uint8Array): Promise<void> {
    return this.write(encodeServerClose(code, reason))
  }

  /** FIN after what was written; the client may go on sending. */
  halfClose(): void {
    void this.#writes.then(() => this.socket.end())
  }

  /** RST, at once. Plain TCP only: Node has no reset for TLS. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Stops taking bytes: the client's sends pile up in the kernel, then at the client. */
  stall(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Gone, without waiting for anything. Called by the server's `close()`. */
  destroy(): void {
    this.socket.destroy()
  }

  async #writeChopped(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && !this.socket.destroyed; ) {
      const size = this.#chop === undefined ? bytes.length : this.#chop()
      await new Promise<void>((resolve) => {
        this.socket.once('close', resolve)
        this.socket.write(bytes.subarray(at, at + size), () => {
          this.socket.off('close', resolve)
          resolve()
        })
      })
      at += size
      // The pieces must reach the kernel one by one, and the client shall have a turn to read them.
      if (this.#chop !== undefined) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #receive(bytes: Buffer): void {
    let rest: Uint8Array = bytes
    if (this.#request === undefined) {
      this.#head += bytes.toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      rest = Buffer.from(this.#head.slice(end + 4), 'latin1')
      this.#request = parseRequest(this.#head.slice(0, end))
    }
    try {
      this.frames.push(...this.#parser.push(rest))
    } catch (error) {
      this.defect ??= error as Error
    }
    this.#wake()
  }

  #finish(end: RawEnd): void {
    this.#end ??= end
    this.#wake()
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look()
  }

  #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(attempt)
        action()
      }
      const attempt = (): void => {
        try {
          const value = look()
          if (value !== undefined) settle(() => resolve(value))
          else if (this.#end !== undefined) {
            settle(() => reject(new Error(`the connection ended (${JSON.stringify(this.#end)}) before ${what} came`)))
          }
        } catch (error) {
          settle(() => reject(error as Error))
        }
      }
      const timer = setTimeout(() => settle(() => reject(new Error(`${what} did not come`))), DEFAULT_WAIT_MS)
      this.#waiting.add(attempt)
      attempt()
    })
  }
}

function parseRequest(head: string): RawRequest {
  const [line = '', ...lines] = head.split('\r\n')
  const headers = lines.map((text): readonly [string, string] => {
    const colon = text.indexOf(':')
    return [text.slice(0, colon), text.slice(colon + 1).trim()]
  })
  const header = (name: string): string | undefined =>
    headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
  return { line, headers, header }
}
