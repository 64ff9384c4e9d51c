import { Interpreter } from '../../../src/actor/interpreter.ts'
import { Lanes } from '../../../src/actor/lanes.ts'
import { TimedSend } from '../../../src/actor/timed-send.ts'
import { TimedSends } from '../../../src/actor/timed-sends.ts'
import { type PlantedBug, patch, transportLike } from './patch.ts'

/** In sends with a time-to-live. */
export const BUGS_OF_SENDS: readonly PlantedBug[] = [
  sentTwice(),
  {
    name: 'a send that leaves after it was said to be given up: it stays in its lane',
    foundBy: ['given-up-stays-so', 'sent-in-time'],
    plant() {
      const restore = patch(Lanes.prototype, 'withdrawOverdue', () => () => {})
      // The lanes send nothing that is overdue, which would make up for it.
      const restoreLanes = patch(TimedSend.prototype, 'isWanted', () => () => true)
      return () => {
        restoreLanes()
        restore()
      }
    },
  },
  {
    name: 'a send across a reconnect that leaves before the next connection has authenticated',
    foundBy: ['nothing-before-auth', 'ready-first', 'call-order'],
    plant: () =>
      patch(Interpreter.prototype, 'status', (real) => {
        return function (this: Interpreter, news) {
          if (news.kind === 'open') this.sends.release()
          real.call(this, news)
        }
      }),
  },
  {
    name: 'a send that outlives its connection without having been meant to',
    foundBy: ['dies-with-its-connection', 'given-up-is-told', 'given-up-in-time'],
    plant: () =>
      patch(TimedSends.prototype, 'send', (real) => {
        return function (this: TimedSends, payload, options, ...rest) {
          return real.call(this, payload, { ...options, acrossReconnect: true }, ...rest)
        }
      }),
  },
  {
    name: 'a send that is kept, and forgotten when it all ends',
    foundBy: ['given-up-is-told', 'leaves-nothing'],
    plant: () => patch(TimedSends.prototype, 'stopped', () => () => {}),
  },
  {
    name: 'a time-to-live that nobody waits for',
    foundBy: ['given-up-in-time'],
    plant: () => patch(TimedSends.prototype, 'nextDueUs', () => () => Infinity),
  },
  {
    name: 'sends without a bound, while there is no connection',
    foundBy: ['bounded'],
    tamper: () => ({ options: (options) => ({ ...options, lanes: { ...options.lanes, keptBytes: 2 ** 30 } }) }),
  },
]

/** What broke off with its connection is taken for unsent. */
function sentTwice(): PlantedBug {
  let isEnding = false
  return {
    name: 'a send that has begun, and is sent again on the next connection',
    foundBy: ['sent-once', 'arrives-once', 'given-up-is-told'],
    plant: () =>
      patch(TimedSends.prototype, 'disconnected', (real) => {
        return function (this: TimedSends, reason) {
          isEnding = true
          real.call(this, reason)
          isEnding = false
        }
      }),
    tamper: () => ({
      transport: (transport) =>
        transportLike(transport, {
          link: (link) => ({ delivery: (sequence) => (isEnding ? 'none' : link.delivery(sequence)) }),
        }),
    }),
  }
}
