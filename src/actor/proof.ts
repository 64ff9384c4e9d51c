import type { LiveConnection } from './live-connection.ts'

/** A market in which nothing happens, behind a server that never pings, is taken for a healthy one after so long. */
const QUIET_US = 60_000_000

/** What is wanted of a connection, and how far it has come. */
export interface Wanted {
  /** Subscriptions. */
  readonly desired: number
  /** Each has its answer. */
  readonly allSettled: boolean
  /** There are such answers: otherwise having been sent is all that is known. */
  readonly areAnswered: boolean
  /** Somebody has said within what time there must be data. */
  readonly dataIsDue: boolean
  /** Of a topic that is watched nothing has come for too long, or messages are missing that are being made up for. */
  readonly topicIsUnwell: boolean
}

/**
 * Whether a connection does what it is for, so that the next one need not be approached with caution. A server that accepts,
 * acknowledges and drops must not be hammered, and one whose market is quiet must not be held for such a one: then it is what
 * has come after the last acknowledgement that counts.
 */
export class Proof {
  #quietSinceUs = Infinity

  /** A connection has opened, or silence until now was our own doing. */
  restart(): void {
    this.#quietSinceUs = Infinity
  }

  nextDueUs(): number {
    return this.#quietSinceUs + QUIET_US
  }

  /** Asked after everything that happens, as long as it does not hold. */
  holds(wanted: Wanted, live: LiveConnection, nowUs: () => number): boolean {
    const verdict = judge(wanted, live)
    if (verdict !== 'quiet') {
      this.#quietSinceUs = Infinity
      return verdict === 'proven'
    }
    if (this.#quietSinceUs === Infinity) this.#quietSinceUs = nowUs()
    return nowUs() >= this.nextDueUs()
  }
}

function judge(wanted: Wanted, live: LiveConnection): 'proven' | 'open' | 'quiet' {
  if (wanted.topicIsUnwell) return 'open'
  if (wanted.desired === 0) return live.dataSeen || live.answerSeen ? 'proven' : 'open'
  if (!wanted.allSettled) {
    // What came before says nothing about the subscriptions.
    live.answerSeen = false
    live.pingSeen = false
    return 'open'
  }
  if (live.dataSeen || live.answerSeen) return live.dataSeen || !wanted.dataIsDue ? 'proven' : 'open'
  if (wanted.dataIsDue || !wanted.areAnswered) return 'open'
  return live.pingSeen ? 'proven' : 'quiet'
}
