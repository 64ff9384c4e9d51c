import { ExchangeCore } from '../../src/testing/exchange/core.ts'
import { checkExchangeOptions, type ExchangeOptions } from '../../src/testing/exchange/options.ts'
import type { DropKind, ServerSocket, ServerSocketEvents } from '../../src/testing/server/listener.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** What a client sees of an exchange in memory: parsed messages, and how the connection ended. */
export class MemoryClient implements ServerSocket {
  readonly request = { path: '/', headers: {} }
  readonly received: Record<string, unknown>[] = []
  readonly raw: (string | Uint8Array)[] = []
  bufferedBytes = 0
  ended: string | undefined
  readonly held = { reading: false, sending: false }
  #events!: ServerSocketEvents
  #calls = 0

  begin(events: ServerSocketEvents): this {
    this.#events = events
    return this
  }

  call(method: string, params: object = {}, id: string | number = ++this.#calls): void {
    this.sendText(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  }

  sendText(text: string): void {
    this.#events.onMessage(Buffer.from(text), true)
  }

  /** The answers to an id, in order. */
  answers(id: string | number): Record<string, unknown>[] {
    return this.received.filter((message) => message['id'] === id)
  }

  data(channel: string): Record<string, unknown>[] {
    return this.received
      .map((message) => message['params'] as { channel?: string; data: Record<string, unknown> } | undefined)
      .filter((params) => params?.channel === channel)
      .map((params) => params?.data as Record<string, unknown>)
  }

  send(payload: string | Uint8Array): void {
    if (this.ended !== undefined) return
    this.raw.push(payload)
    try {
      this.received.push(JSON.parse(payload.toString()))
    } catch {
      // malformed on purpose
    }
  }

  sendCut(_text: string, byteCount: number, how: DropKind): void {
    this.#end(`cut at ${byteCount}, ${how}`, 1006)
  }

  ping(): void {}

  close(code: number, reason: string): void {
    this.#end(`close ${code} ${reason}`, code)
  }

  drop(how: DropKind): void {
    this.#end(how, 1006)
  }

  holdReading(): void {
    this.held.reading = true
  }

  releaseReading(): void {
    this.held.reading = false
  }

  holdSending(): void {
    this.held.sending = true
  }

  releaseSending(): void {
    this.held.sending = false
  }

  #end(how: string, code: number): void {
    if (this.ended !== undefined) return
    this.ended = how
    this.#events.onClose({ code, reason: '', cut: undefined })
  }
}

/** An exchange without sockets, on a clock that the test owns. */
export class MemoryExchange extends ExchangeCore {
  override readonly clock: VirtualClock

  constructor(options: ExchangeOptions = {}) {
    const clock = new VirtualClock()
    super(checkExchangeOptions({ rate: 0, ...options, clock }))
    this.clock = clock
    this.begin()
  }

  connect(): MemoryClient {
    const client = new MemoryClient()
    return client.begin(this.onSocket(client))
  }

  connectAuthenticated(): MemoryClient {
    const client = this.connect()
    client.call('public/auth', LOGIN, 'auth')
    return client
  }
}

export const LOGIN = { grant_type: 'client_credentials', client_id: 'demo', client_secret: 'demo-secret' }
