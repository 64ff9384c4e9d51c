import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { acceptFor } from '../connect/upgrade-request.ts'

/**
 * What `ws` gets for a socket. The upgrade is done by `establish()`, so that every transport connects, fails and reports
 * in one way; but `ws` takes no upgraded socket through its public API and insists on a handshake of its own. This stream
 * answers that one itself and passes everything behind it to the real socket.
 *
 * It reads nothing: its owner pushes what it read, and null at the end.
 */
export class UpgradedStream extends Duplex {
  readonly #socket: Socket
  readonly #subprotocol: string
  #upgraded = false
  #request = ''
  /** Bytes behind the handshake that the kernel took. */
  bytesSent = 0

  constructor(socket: Socket, subprotocol: string) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    this.#subprotocol = subprotocol
  }

  // Back-pressure is the owner's: it pauses the socket.
  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#upgraded) {
      this.#send([chunk], callback)
      return
    }
    this.#request += chunk.toString('latin1')
    if (this.#request.endsWith('\r\n\r\n')) this.#switchProtocols()
    callback()
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    if (this.#upgraded) {
      this.#send(
        chunks.map(({ chunk }) => chunk),
        callback,
      )
    } else {
      this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', callback)
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.end(() => callback())
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const socket = this.#socket
    if (socket.closed) {
      callback(error)
      return
    }
    socket.once('close', () => callback(error))
    socket.destroy()
  }

  #switchProtocols(): void {
    const key = /\r\nSec-WebSocket-Key: ([^\r]*)\r\n/i.exec(this.#request)?.[1] ?? ''
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${acceptFor(key)}`,
    ]
    if (this.#subprotocol !== '') lines.push(`Sec-WebSocket-Protocol: ${this.#subprotocol}`)
    this.#upgraded = true
    this.#request = ''
    this.push(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  }

  /** One system call where the kernel has room. `callback` runs when the kernel has taken every byte. */
  #send(chunks: readonly Buffer[], callback: (error?: Error | null) => void): void {
    const socket = this.#socket
    let bytes = 0
    let done = false
    const finish = (error?: Error | null): void => {
      if (done) return
      done = true
      if (!error) this.bytesSent += bytes
      callback(error)
    }
    socket.cork()
    for (const [index, chunk] of chunks.entries()) {
      bytes += chunk.length
      if (index === chunks.length - 1) socket.write(chunk, finish)
      else socket.write(chunk)
    }
    socket.uncork()
    // Node tells only in the next tick that the kernel took all of it; a burst of small frames would find us full.
    if (socket.writableLength === 0 && socket.errored === null && !socket.destroyed) finish()
  }
}
