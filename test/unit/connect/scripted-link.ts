import { systemLookup } from '../../../src/connect/dns.ts'
import {
  type RawLink,
  RawLinkError,
  type RawLinkOpener,
  type TlsExchange,
  type WsTlsInfo,
} from '../../../src/connect/raw-link.ts'
import type { WsConnectRequest } from '../../../src/connect/request.ts'
import type { PreparedTls } from '../../../src/connect/tls.ts'
import { acceptFor } from '../../../src/connect/upgrade-request.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

export const TLS_INFO: WsTlsInfo = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  alpn: '',
  authorized: true,
  sessionReused: false,
}

/** A raw link whose peer is the test. */
export class ScriptedLink implements RawLink {
  readonly tlsName = 'scripted'
  written = ''
  destroyed = false
  startTlsWith: PreparedTls | undefined
  exchange: TlsExchange | undefined
  /** What `startTls` does; by default it succeeds. */
  tls: () => Promise<WsTlsInfo> = () => Promise.resolve(TLS_INFO)
  /** Called when a whole request head has been written. */
  onRequest: (link: ScriptedLink) => void = () => {}
  readonly #inbox: (Uint8Array | RawLinkError)[] = []
  #reader: { resolve(bytes: Uint8Array): void; reject(error: Error): void } | undefined

  write(bytes: Uint8Array): void {
    if (this.destroyed) throw new Error('write after destroy')
    this.written += Buffer.from(bytes).toString('latin1')
    if (this.written.endsWith('\r\n\r\n')) this.onRequest(this)
  }

  read(): Promise<Uint8Array> {
    if (this.#reader !== undefined) throw new Error('two reads at once')
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#serve()
    })
  }

  startTls(tls: PreparedTls, exchange: TlsExchange): Promise<WsTlsInfo> {
    this.startTlsWith = tls
    this.exchange = exchange
    return this.tls()
  }

  addresses(): ReturnType<RawLink['addresses']> {
    return { localAddress: '127.0.0.1', localPort: 1, remoteAddress: '127.0.0.1', remotePort: 2 }
  }

  destroy(): void {
    this.destroyed = true
    this.#reader?.reject(new RawLinkError('ERR_SOCKET_DESTROYED', 'destroyed'))
    this.#reader = undefined
  }

  push(text: string | Uint8Array): void {
    this.#inbox.push(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    this.#serve()
  }

  fail(code: string, message = code): void {
    this.#inbox.push(new RawLinkError(code, message))
    this.#serve()
  }

  get key(): string {
    return /sec-websocket-key: (\S+)/i.exec(this.written)?.[1] ?? ''
  }

  #serve(): void {
    if (this.#reader === undefined || this.#inbox.length === 0) return
    const reader = this.#reader
    this.#reader = undefined
    const next = this.#inbox.shift() as Uint8Array | RawLinkError
    if (next instanceof RawLinkError) reader.reject(next)
    else reader.resolve(next)
  }
}

export function switching(key: string, extra = ''): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptFor(key)}\r\n${extra}\r\n`
}

type Opening = (link: ScriptedLink, signal: AbortSignal) => Promise<ScriptedLink>

/** Remembers every link it opened, so that a test can see which of them are still open. */
export class ScriptedNetwork {
  readonly clock = new VirtualClock()
  readonly links: ScriptedLink[] = []
  readonly asked: string[] = []
  /** What an address does; by default it accepts and switches protocols. */
  readonly byAddress = new Map<string, Opening>()
  setUp: (link: ScriptedLink) => void = (link) => {
    link.onRequest = () => link.push(switching(link.key))
  }

  readonly open: RawLinkOpener<ScriptedLink> = async ({ address }, port, { signal }) => {
    this.asked.push(`${address}:${port}`)
    const link = new ScriptedLink()
    this.setUp(link)
    const opening = this.byAddress.get(address)
    const opened = opening === undefined ? link : await opening(link, signal)
    this.links.push(opened)
    return opened
  }

  get openLinks(): number {
    return this.links.filter((link) => !link.destroyed).length
  }

  request(url: string, change: Partial<WsConnectRequest> = {}): WsConnectRequest {
    return {
      url: new URL(url),
      headers: [],
      subprotocols: [],
      tls: {},
      lookup: systemLookup,
      family: 0,
      proxy: undefined,
      limits: { maxFrameBytes: 1, maxMessageBytes: 1, maxLinkBytes: 1 },
      timeouts: {
        dnsMs: 1000,
        tcpMs: 2000,
        proxyMs: 2500,
        tlsMs: 3000,
        upgradeMs: 4000,
        totalMs: 9000,
        attemptDelayMs: 250,
      },
      socket: {},
      clock: this.clock,
      random: { bytes: (n) => new Uint8Array(n).fill(7), float: () => 0 },
      ...change,
    }
  }
}

export const refuse =
  (code: string, message = `connect ${code}`): Opening =>
  () =>
    Promise.reject(new RawLinkError(code, message))
export const hang: Opening = () => new Promise(() => {})

/** Lets everything that hangs on promises alone happen. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
