import type { WatchFeed } from '../../src/cli/watch-session.ts'
import type { WsDisconnectCause } from '../../src/errors/disconnect-cause.ts'
import type { WsClosed, WsConnectionState, WsSendResult } from '../../src/front/connection.ts'
import type { WsEvent, WsMessage } from '../../src/front/events.ts'
import type { WsOpenInfo } from '../../src/transport/transport.ts'

export const OPEN_INFO: WsOpenInfo = {
  subprotocol: '',
  responseHeaders: [['Upgrade', 'websocket']],
  remoteAddress: '192.0.2.1',
  remotePort: 443,
  localAddress: '192.0.2.2',
  localPort: 50_000,
}

export const LOCAL_STOP: WsDisconnectCause = {
  kind: 'local-stop',
  code: 'ERR_CLOSED',
  message: 'closed by us',
  closeCode: 1000,
  closeReason: '',
}

export const SERVER_CLOSED: WsDisconnectCause = {
  kind: 'remote-closed',
  code: 'ERR_REMOTE_CLOSED',
  message: 'the server closed the connection',
  closeCode: 1000,
  closeReason: 'end of capture',
  clean: true,
}

export function message(payload: string | Uint8Array, receivedAtUs = 1_700_000_000_123_456): WsMessage {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  return {
    kind: 'message',
    connection: 1,
    isText: typeof payload === 'string',
    byteLength: bytes.length,
    receivedAtUs,
    receivedMonoUs: 0,
    receivedAtIsUpperBound: true,
    text: () => Buffer.from(bytes).toString(),
    json: () => JSON.parse(Buffer.from(bytes).toString()),
    bytes: () => bytes,
  }
}

/** A connection that the test plays by hand. `close()` lets it end at once, with what was pushed before still to come. */
export class FakeFeed implements WatchFeed {
  readonly transportName = 'fake'
  state: WsConnectionState = 'open'
  readonly sent: string[] = []
  sendResult: WsSendResult = 'taken'
  pings = 0
  rttUs: number | undefined = 250
  closes = 0
  readonly #queue: WsEvent[] = []
  readonly #ended: Promise<WsClosed>
  #end!: (closed: WsClosed) => void
  #wake: (() => void) | undefined
  #over = false

  constructor() {
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  get waitingEvents(): number {
    return this.#queue.length
  }

  push(...events: WsEvent[]): void {
    this.#queue.push(...events)
    this.#wake?.()
  }

  open(atUs = 1_700_000_000_000_000): void {
    this.push({ kind: 'connected', connection: 1, atUs, info: OPEN_INFO })
  }

  end(cause: WsDisconnectCause, atUs = 1_700_000_002_000_000): void {
    if (this.#over) return
    this.#over = true
    this.state = 'closed'
    this.push({ kind: 'disconnected', connection: 1, atUs, cause })
    this.#end({ reason: cause.message, cause, closeCode: 1000 })
  }

  send(payload: unknown): WsSendResult {
    this.sent.push(String(payload))
    return this.sendResult
  }

  async ping(): Promise<number> {
    this.pings++
    if (this.rttUs === undefined) throw new Error('no pong')
    return this.rttUs
  }

  async close(): Promise<WsClosed> {
    this.closes++
    this.end(LOCAL_STOP)
    return this.#ended
  }

  closed(): Promise<WsClosed> {
    return this.#ended
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WsEvent, undefined> {
    for (;;) {
      const event = this.#queue.shift()
      if (event === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      yield event
      if (event.kind === 'disconnected') return undefined
    }
  }
}
