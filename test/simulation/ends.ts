import type { WsStopped } from '../../src/actor/status.ts'
import type { AskRecord } from './ledger.ts'

/** How a user can ask for the end of an actor. `shutdown` and `fatal`: from a hook, by what it returns. */
export type HowToEnd = 'stop' | 'abandon' | 'abort' | HookEnd
export type HookEnd = 'shutdown' | 'fatal'

/** One wish for the end. */
export interface EndRecord {
  readonly how: HowToEnd
  /** What the cause must say for this to be why: a code, and a part of the message. */
  readonly code: string
  readonly message: string
  /** Which turn of the loop: of two wishes in one turn either may be told. */
  readonly turn: number
  /** World time. */
  readonly askedUs: number
  /** How long it may take, ms. */
  readonly withinMs: number
}

/** One call of `drain`. Times are of the world, but where said. */
export interface DrainRecord {
  readonly calledUs: number
  /** The client's monotonic time. */
  readonly calledMonoUs: number
  readonly timeoutMs: number
  /** Connections that had ended. */
  readonly disconnects: number
  /** What it waits for. */
  readonly asks: readonly AskRecord[]
  /** There was a connection to wait for. */
  readonly wasConnected: boolean
  /** Since when nothing has been left to wait for; Infinity while there is something. */
  doneSinceUs: number
}

/** What users have done to end one actor, and what they were told. */
export class Ends {
  readonly asked: EndRecord[] = []
  /** `drain` has been called at this call of the user's (asks and sends are numbered); Infinity before. */
  drainedAtCall = Infinity
  /** The same, for the end having been asked for from outside of hooks. */
  endedAtCall = Infinity
  /** Calls of `drain` that have not been told yet. */
  readonly drains = new Set<DrainRecord>()
  /** `closed()` has been called so often, and told so often. */
  closedCalls = 0
  closedTold = 0
  told: WsStopped | undefined
  /** Asks that are called, or whose frame functions return, behind the end, of which it may be heard before them. */
  readonly afterwards = new Set<AskRecord>()
  /** What must hold once it has stopped has been looked at. */
  isChecked = false

  get isAsked(): boolean {
    return this.asked.length > 0
  }
}
