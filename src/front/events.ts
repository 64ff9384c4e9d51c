import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsOpenInfo } from '../transport/transport.ts'

/** What the iterator of a connection yields, in the order in which it happened. Discriminated by `kind`. */
export type WsEvent = WsConnectedEvent | WsMessage | WsGapEvent | WsBackpressureEvent | WsDisconnectedEvent

interface EventBase {
  /** 1, 2, …: which connection it belongs to. */
  readonly connection: number
}

/** The server has switched protocols; messages may follow. */
export interface WsConnectedEvent extends EventBase {
  readonly kind: 'connected'
  readonly atUs: number
  readonly info: WsOpenInfo
}

/** A message that the user owns. */
export interface WsMessage extends EventBase {
  readonly kind: 'message'
  readonly isText: boolean
  readonly byteLength: number
  /** Unix epoch µs: when the read that completed it returned. */
  readonly receivedAtUs: number
  /** The same moment on the clock of `performance.now()`, in µs. */
  readonly receivedMonoUs: number
  /** Binary is decoded as UTF-8, with U+FFFD for what is not. */
  text(): string
  /** `JSON.parse` of the text; throws `SyntaxError` as it does. */
  json(): unknown
  /** The payload; the caller may keep and change it. */
  bytes(): Uint8Array
}

/** Messages that were lost, by whoever's fault. Nothing from before it comes after it. */
export interface WsGapEvent extends EventBase {
  readonly kind: 'gap'
  readonly scope: 'connection'
  /** Unix epoch µs of the first and the last loss known. */
  readonly fromUs: number
  readonly toUs: number
  /** Messages lost, where that is known. */
  readonly messages: number
  readonly cause: { readonly code: string; readonly message: string }
}

/** We stopped (or went on) reading because the iterator's queue is full (or has room again). */
export interface WsBackpressureEvent extends EventBase {
  readonly kind: 'backpressure'
  readonly paused: boolean
  readonly atUs: number
}

/** The last event of a connection, and of a single-shot iterator. */
export interface WsDisconnectedEvent extends EventBase {
  readonly kind: 'disconnected'
  readonly atUs: number
  readonly cause: WsDisconnectCause
}
