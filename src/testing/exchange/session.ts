import type { Clock, ClockTimer } from '../../support/clock.ts'
import type { DropKind, ServerSocket, SocketEnd } from '../server/listener.ts'
import type { Fates } from './fates.ts'
import type { ExchangeLogRecord } from './log.ts'
import type { Instrument } from './market.ts'
import type { CheckedExchangeOptions } from './options.ts'
import type { Orders } from './orders.ts'
import { notification, type RpcAnswer, type RpcCall, type RpcError, readBeginning, readCall } from './rpc.ts'
import { answerCall } from './session-methods.ts'

/** What a session needs of its exchange. */
export interface SessionHost {
  readonly options: CheckedExchangeOptions
  readonly clock: Clock
  readonly orders: Orders
  readonly fates: Fates
  readonly instruments: ReadonlyMap<string, Instrument>
  log(record: ExchangeLogRecord): void
  subscribe(session: Session, channel: string): void
  unsubscribe(session: Session, channel: string): void
  publish(channel: string, data: object): void
  ended(session: Session): void
}

type AuthState = 'none' | 'granted' | 'expired'

/** Late answers that may wait on one connection; beyond that they come at once. */
const MAX_LATE = 10_000

/** One connection: who it is, what it has subscribed to, and what is to be sent later. */
export class Session {
  readonly connection: number
  readonly host: SessionHost
  readonly channels = new Set<string>()
  readonly #socket: ServerSocket
  readonly #timers = new Set<ClockTimer>()
  #auth: AuthState = 'none'
  #tokenTimer: ClockTimer | undefined
  #heartbeatTimer: ClockTimer | undefined
  #testUnanswered = false
  /** We dropped or closed it: what still arrives is logged and has no effect. */
  #over = false
  #messagesSent = 0

  constructor(connection: number, socket: ServerSocket, host: SessionHost) {
    this.connection = connection
    this.host = host
    this.#socket = socket
    host.log({ kind: 'opened', connection })
  }

  get auth(): AuthState {
    return this.#auth
  }

  get messagesSent(): number {
    return this.#messagesSent
  }

  get socket(): ServerSocket {
    return this.#socket
  }

  onMessage(data: Buffer, isText: boolean): void {
    const input = readCall(isText ? data.toString() : '')
    const seen = { kind: 'frame', connection: this.connection, byteLength: data.length, whole: true } as const
    if (!input.ok) {
      this.host.log(input.id === null ? seen : { ...seen, id: String(input.id) })
      this.send(`{"jsonrpc":"2.0","id":${JSON.stringify(input.id)},"error":${toJson(input.error)}}`)
      return
    }
    const { id, method, params } = input.call
    const { label } = params
    this.host.log({ ...seen, id: String(id), method, ...(typeof label === 'string' ? { label } : {}) })
    if (!this.#over) answerCall(this, input.call)
  }

  onClose({ code, reason, cut }: SocketEnd): void {
    const { connection } = this
    if (cut !== undefined) {
      const beginning = readBeginning(cut.payload.toString())
      this.host.log({ kind: 'frame', connection, byteLength: cut.byteLength, whole: false, ...beginning })
    }
    this.#over = true
    this.#tokenTimer?.cancel()
    this.#heartbeatTimer?.cancel()
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.host.log({ kind: 'closed', connection, code, reason })
    this.host.ended(this)
  }

  reply(call: RpcCall, answer: RpcAnswer): void {
    if (this.#over) return
    const usIn = Math.round(this.host.clock.epochUs())
    const body = 'error' in answer ? `"error":${toJson(answer.error)}` : `"result":${JSON.stringify(answer.result)}`
    const code = 'error' in answer ? { code: String(answer.error.code) } : {}
    this.host.log({ kind: 'reply', connection: this.connection, id: String(call.id), ...code })
    this.send(
      `{"jsonrpc":"2.0","id":${JSON.stringify(call.id)},${body},"usIn":${usIn},"usOut":${usIn},"usDiff":0,"testnet":true}`,
    )
  }

  /** At once when too much is waiting already. */
  later(delayMs: number, run: () => void): void {
    if (this.#timers.size >= MAX_LATE) {
      run()
      return
    }
    const timer = this.host.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }

  notify(channel: string, data: object): void {
    this.send(notification(channel, data))
  }

  /** One message as it is. A client that does not keep up is dropped. */
  send(payload: string | Uint8Array): void {
    if (this.#over) return
    this.#messagesSent++
    this.#socket.send(payload)
    if (this.#socket.bufferedBytes <= this.host.options.maxBufferedBytes) return
    this.host.log({ kind: 'fault', fault: 'slow-consumer', connection: this.connection })
    this.drop('rst')
  }

  grantToken(): void {
    this.#auth = 'granted'
    this.host.log({ kind: 'auth', connection: this.connection, state: 'granted' })
    this.#tokenTimer?.cancel()
    this.#tokenTimer = this.host.clock.setTimer(this.host.options.tokenSeconds * 1000, () => this.expireToken())
  }

  expireToken(): void {
    if (this.#auth !== 'granted' || this.#over) return
    this.#tokenTimer?.cancel()
    this.#auth = 'expired'
    this.host.log({ kind: 'auth', connection: this.connection, state: 'expired' })
    if (this.host.options.whenTokenExpires === 'close') this.close(3000, 'token expired')
  }

  /** Heartbeats of both kinds, and who leaves a test_request unanswered until the next one is dropped. */
  setHeartbeat(intervalSeconds: number | undefined): void {
    this.#heartbeatTimer?.cancel()
    this.#heartbeatTimer = undefined
    this.#testUnanswered = false
    if (intervalSeconds === undefined) return
    const beat = (): void => {
      if (this.#testUnanswered) {
        this.host.log({ kind: 'fault', fault: 'heartbeat-unanswered', connection: this.connection })
        this.drop('fin')
        return
      }
      this.#testUnanswered = true
      this.send('{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}')
      this.send('{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}')
      this.#heartbeatTimer = this.host.clock.setTimer(intervalSeconds * 1000, beat)
    }
    this.#heartbeatTimer = this.host.clock.setTimer(intervalSeconds * 1000, beat)
  }

  testAnswered(): void {
    this.#testUnanswered = false
  }

  close(code: number, reason: string): void {
    this.#over = true
    this.#socket.close(code, reason)
  }

  drop(how: DropKind): void {
    this.#over = true
    this.#socket.drop(how)
  }

  dropWithin(text: string, byteCount: number, how: DropKind): void {
    this.#over = true
    this.#socket.sendCut(text, byteCount, how)
  }
}

function toJson(error: RpcError): string {
  return JSON.stringify(error)
}
