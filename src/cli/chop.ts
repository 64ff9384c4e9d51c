import { Duplex } from 'node:stream'

/** The largest piece, in bytes. */
const MAX_PIECE = 8192

/**
 * Piece sizes from 1 to 8192, spread evenly over the powers of two: half of them are shorter than 91 bytes, so that
 * cuts fall into frame headers, between frames and into payloads alike. Equal seeds give equal sequences.
 */
export function pieceSizes(seed: number): () => number {
  // Marsaglia's xorshift32, which must not start at 0; the multiplication keeps neighbouring seeds apart.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.floor(MAX_PIECE ** ((state >>> 0) / 2 ** 32))
  }
}

/**
 * A socket whose writes leave in pieces of random sizes, one system call each, and each in a turn of the event loop of
 * its own: whoever reads at the other end sees the stream cut anywhere. It takes the place of the socket it is given.
 */
export class ChoppedSocket extends Duplex {
  readonly #socket: Duplex
  readonly #nextSize: () => number

  constructor(socket: Duplex & { setNoDelay?: (on: boolean) => unknown }, seed: number) {
    super()
    this.#socket = socket
    this.#nextSize = pieceSizes(seed)
    // Otherwise the kernel would join small pieces again.
    socket.setNoDelay?.(true)
    socket.on('data', (chunk) => {
      if (!this.push(chunk)) socket.pause()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#writePieces(chunk, 0, done)
  }

  // Taken together, so that a piece can span several writes.
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#writePieces(Buffer.concat(chunks.map(({ chunk }) => chunk)), 0, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  #writePieces(bytes: Buffer, from: number, done: (error?: Error | null) => void): void {
    if (from >= bytes.length || this.destroyed) {
      done(this.destroyed ? new Error('the socket was closed') : null)
      return
    }
    const to = Math.min(bytes.length, from + this.#nextSize())
    this.#socket.write(bytes.subarray(from, to), (error) => {
      if (error) done(error)
      else setImmediate(() => this.#writePieces(bytes, to, done))
    })
  }
}
