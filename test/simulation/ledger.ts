import type { WsOutcome } from '../../src/requests/outcome.ts'
import type { Life } from './life.ts'
import type { Tcp } from './world/socket.ts'

/** One call of `ask`, and what is known of it from all sides. Times are the client's monotonic µs, but where said. */
export interface AskRecord {
  readonly n: number
  readonly life: Life
  /** Which call of the user's it is, over asks and sends. */
  call: number
  /** What stands in its frame and in no other, so that the frame is known wherever it turns up. */
  readonly mark: string
  readonly confirmMode: 'sent' | 'confirmed'
  readonly method: string
  readonly urgent: boolean
  /** Of its frame's payload, about. */
  readonly bytes: number
  /** From when its frame had been made. */
  deadlineUs: number
  sendByUs: number
  /** Another call may have the same id, or has had it. */
  readonly sharesId: boolean
  readonly signal: AbortSignal | undefined
  /** The actor was not ready, or draining, when it was called. */
  mayBeNotReady: boolean
  readonly fromInside: boolean
  /** The end had been asked for, or `drain` called: it must be refused. */
  readonly mustBeRefused: boolean
  readonly outcomes: WsOutcome[]
  /** `ask` itself rejected with what its frame function threw. */
  rejected: unknown
  /** The kernel took its first byte, and its last. */
  beganUs: number | undefined
  takenUs: number | undefined
  /** Connections of the exchange on which its frame arrived, whole or in part. */
  readonly arrivals: { readonly tcp: Tcp; readonly whole: boolean }[]
}

/** A message that `send` has accepted. */
export interface SendRecord {
  readonly life: Life
  readonly connection: number
}

/** An answer that the exchange sent. */
export interface AnswerRecord {
  readonly requestId: string
  readonly tcp: Tcp
  /** Of an error. */
  readonly code: string | undefined
  /** Says nothing yet. */
  readonly interim: boolean
  /** Where in the stream its frame ends: it has come when so many bytes have, and is read when they are. */
  readonly endByte: number
}

/** Evidence: what the exchange and the kernel saw, in no way by the library's word. */
export class Ledger {
  readonly asks: AskRecord[] = []
  readonly #byMark = new Map<string, AskRecord>()
  readonly #answers = new Map<string, AnswerRecord[]>()
  /** Asks by the id under which the exchange saw their frames. */
  readonly #seenById = new Map<string, AskRecord[]>()
  /** Asks that have no outcome yet. */
  readonly open = new Set<AskRecord>()
  /** By their calls: messages that were accepted, and that the kernel does not have yet. */
  readonly unsent = new Map<number, SendRecord>()
  /** The newest calls whose frames the kernel has, which may be before their `send` returns. */
  readonly takenCalls = new Set<number>()

  addAsk(ask: AskRecord): void {
    this.asks.push(ask)
    this.#byMark.set(ask.mark, ask)
    this.open.add(ask)
  }

  byMark(mark: string): AskRecord | undefined {
    return this.#byMark.get(mark)
  }

  /** Asks of this actor that have no outcome yet. */
  openOf(life: Life): AskRecord[] {
    return [...this.open].filter((ask) => ask.life === life)
  }

  /** Messages of its current connection that wait. */
  hasUnsent(life: Life): boolean {
    const { connection } = life.actor
    for (const sent of this.unsent.values()) if (sent.life === life && sent.connection === connection) return true
    return false
  }

  /** The connection has ended: what the kernel has not got by now it never will. */
  lost(life: Life, connection: number): void {
    for (const [call, sent] of this.unsent) {
      if (sent.life === life && sent.connection === connection) this.unsent.delete(call)
    }
  }

  taken(call: number): void {
    this.unsent.delete(call)
    this.takenCalls.add(call)
    if (this.takenCalls.size > 64) this.takenCalls.delete(this.takenCalls.values().next().value as number)
  }

  arrived(ask: AskRecord, requestId: string, tcp: Tcp, whole: boolean): void {
    ask.arrivals.push({ tcp, whole })
    const seen = this.#seenById.get(requestId)
    if (seen === undefined) this.#seenById.set(requestId, [ask])
    else seen.push(ask)
  }

  seenUnder(requestId: string): readonly AskRecord[] {
    return this.#seenById.get(requestId) ?? []
  }

  answered(answer: AnswerRecord): void {
    const { requestId } = answer
    const answers = this.#answers.get(requestId)
    if (answers === undefined) this.#answers.set(requestId, [answer])
    else answers.push(answer)
  }

  answersTo(requestId: string): readonly AnswerRecord[] {
    return this.#answers.get(requestId) ?? []
  }
}

/** The mark in a frame's text; undefined in what is no ask's. */
export function markIn(text: string): string | undefined {
  const at = text.indexOf('"mark":"')
  if (at < 0) return undefined
  const end = text.indexOf('"', at + 8)
  return end < 0 ? undefined : text.slice(at + 8, end)
}

const CALL = /"call":(\d+)/

/** Which call of the user's a frame is of; undefined in the library's own. */
export function callIn(text: string): number | undefined {
  const found = CALL.exec(text)
  return found === null ? undefined : Number(found[1])
}

const ID = /"id":(?:"([^"]*)"|(\d+))/

export function idIn(text: string): string | undefined {
  const found = ID.exec(text)
  return found === null ? undefined : (found[1] ?? found[2])
}

/** The channel of a notification. */
export function channelIn(text: string): string | undefined {
  const at = text.indexOf('"channel":"')
  return at < 0 ? undefined : text.slice(at + 11, text.indexOf('"', at + 11))
}
