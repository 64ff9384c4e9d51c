import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsEvent, WsMessage } from '../front/events.ts'
import { type PayloadAge, PayloadAgeMeter } from './payload-age.ts'
import { type SampleSummary, Samples } from './samples.ts'

/** What `watch` says in the end. Times are µs unless the name says otherwise; bytes are payload bytes. */
export interface WatchSummary {
  readonly messages: number
  readonly text: number
  readonly binary: number
  readonly bytes: number
  readonly largestBytes: number
  /** From open to end; 0 when it never opened. */
  readonly durationMs: number
  /** 0 where the duration is. */
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  readonly gaps: number
  readonly lostMessages: number
  readonly cause: WsDisconnectCause
  readonly rttUs?: SampleSummary
  readonly payloadAgeUs?: PayloadAge
}

/** Counts one connection. */
export class WatchTally {
  /** Round trips of pings, µs. */
  readonly rtt = new Samples()
  readonly #age = new PayloadAgeMeter()
  #text = 0
  #binary = 0
  #bytes = 0
  #largest = 0
  #gaps = 0
  #lost = 0
  #openedAtUs: number | undefined
  #endedAtUs: number | undefined

  get messages(): number {
    return this.#text + this.#binary
  }

  get opened(): boolean {
    return this.#openedAtUs !== undefined
  }

  event(event: Exclude<WsEvent, WsMessage>): void {
    if (event.kind === 'connected') this.#openedAtUs = event.atUs
    if (event.kind === 'disconnected') this.#endedAtUs = event.atUs
    if (event.kind !== 'gap') return
    this.#gaps++
    this.#lost += event.messages ?? 0
  }

  /** `text` of the message, or of what it inflates to; undefined for other binary. */
  message(message: WsMessage, text: string | undefined): void {
    if (message.isText) this.#text++
    else this.#binary++
    this.#bytes += message.byteLength
    this.#largest = Math.max(this.#largest, message.byteLength)
    if (text !== undefined) this.#age.observe(text, message.receivedAtUs)
  }

  summary(cause: WsDisconnectCause): WatchSummary {
    const { messages } = this
    const durationMs =
      this.#openedAtUs === undefined || this.#endedAtUs === undefined ? 0 : (this.#endedAtUs - this.#openedAtUs) / 1000
    const perSecond = (n: number): number => (durationMs > 0 ? Math.round((n * 10_000) / durationMs) / 10 : 0)
    const rttUs = this.rtt.summary()
    const payloadAgeUs = this.#age.summary()
    return {
      messages,
      text: this.#text,
      binary: this.#binary,
      bytes: this.#bytes,
      largestBytes: this.#largest,
      durationMs: Math.round(durationMs * 1000) / 1000,
      messagesPerSecond: perSecond(messages),
      bytesPerSecond: perSecond(this.#bytes),
      gaps: this.#gaps,
      lostMessages: this.#lost,
      cause,
      ...(rttUs === undefined ? {} : { rttUs }),
      ...(payloadAgeUs === undefined ? {} : { payloadAgeUs }),
    }
  }
}
