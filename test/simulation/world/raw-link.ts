import { type RawLink, RawLinkError } from '../../../src/connect/raw-link.ts'
import type { ClientLoop } from './loop.ts'
import type { Tcp } from './socket.ts'
import type { WorldTime } from './time.ts'

type TlsInfo = Awaited<ReturnType<RawLink['startTls']>>

/** What a TLS handshake comes to: after a time, success, an error code, or nothing at all. */
export type TlsFate = { readonly kind: 'done' | 'never' } | { readonly kind: 'failed'; readonly code: string }

interface Waiting<T> {
  resolve(value: T): void
  reject(error: RawLinkError): void
}

/** A connection before it is a WebSocket, over the simulated network: what `establish()` drives. */
export class SimRawLink implements RawLink {
  readonly tlsName = 'simulated'
  readonly tcp: Tcp
  readonly #time: WorldTime
  readonly #loop: ClientLoop
  readonly #tlsFate: TlsFate
  #unsent: Uint8Array[] = []
  #reader: Waiting<Uint8Array> | undefined
  #securing: Waiting<TlsInfo> | undefined
  #handedOver = false

  constructor(tcp: Tcp, tlsFate: TlsFate, time: WorldTime, loop: ClientLoop) {
    this.tcp = tcp
    this.#tlsFate = tlsFate
    this.#time = time
    this.#loop = loop
    tcp.onReady = () => this.#ready()
  }

  write(bytes: Uint8Array): void {
    this.#unsent.push(Uint8Array.from(bytes))
    this.#flush()
  }

  read(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      if (this.tcp.destroyed) this.#fail(new RawLinkError('ABORT_ERR', 'the connection was given up'))
      else this.tcp.rearm()
    })
  }

  /** The bytes of TLS are not simulated, but what it takes and how it ends are. */
  startTls(): Promise<TlsInfo> {
    return new Promise((resolve, reject) => {
      this.#securing = { resolve, reject }
      const roundTripMs = 2 * this.tcp.path.latencyMs()
      this.#time.setTimer(roundTripMs, () => {
        if (!this.tcp.destroyed && this.#tlsFate.kind !== 'never') this.#loop.later(() => this.#secured())
      })
      this.tcp.rearm()
    })
  }

  addresses(): ReturnType<RawLink['addresses']> {
    return { localAddress: '192.0.2.2', localPort: 40_000 + this.tcp.id, remoteAddress: '192.0.2.1', remotePort: 443 }
  }

  destroy(): void {
    this.tcp.destroy()
    this.#fail(new RawLinkError('ABORT_ERR', 'the connection was given up'))
  }

  /** The WebSocket takes the socket over; nothing of it is read here any more. */
  handOver(): Tcp {
    this.#handedOver = true
    return this.tcp
  }

  #secured(): void {
    const securing = this.#securing
    this.#securing = undefined
    if (this.#tlsFate.kind === 'failed') {
      securing?.reject(new RawLinkError(this.#tlsFate.code, `TLS failed: ${this.#tlsFate.code}`))
    } else {
      const info = { protocol: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', authorized: true }
      securing?.resolve({ ...info, alpn: '', sessionReused: false } as TlsInfo)
    }
  }

  #ready(): void {
    if (this.#handedOver || this.tcp.destroyed) return
    this.#flush()
    if (this.#reader === undefined && this.#securing === undefined) return
    // Small reads, so that the end of the response head falls anywhere in one.
    const bytes = this.#reader === undefined ? undefined : this.tcp.read(4096)
    if (bytes !== undefined) {
      const reader = this.#reader
      this.#reader = undefined
      reader?.resolve(bytes)
    } else if (this.tcp.ended === 'fin') {
      this.#fail(new RawLinkError('ERR_SOCKET_ENDED', 'the server closed the connection'))
    } else if (this.tcp.ended === 'reset') {
      this.#fail(new RawLinkError('ECONNRESET', 'read ECONNRESET'))
    }
  }

  #fail(error: RawLinkError): void {
    this.#reader?.reject(error)
    this.#securing?.reject(error)
    this.#reader = undefined
    this.#securing = undefined
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const [bytes] = this.#unsent as [Uint8Array]
      const room = this.tcp.room()
      if (room === 0) return
      this.tcp.take(bytes.subarray(0, room))
      if (room >= bytes.length) this.#unsent.shift()
      else this.#unsent[0] = bytes.subarray(room)
    }
  }
}
