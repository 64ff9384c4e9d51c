import { FollowedTopics } from '../../../src/actor/followed-topics.ts'
import { Interpreter } from '../../../src/actor/interpreter.ts'
import { LiveConnection } from '../../../src/actor/live-connection.ts'
import { Schedule } from '../../../src/actor/schedule.ts'
import { SessionRunner } from '../../../src/actor/session-runner.ts'
import { Liveness } from '../../../src/health/liveness.ts'
import { PongWait } from '../../../src/health/pong-wait.ts'
import { TopicWatch } from '../../../src/health/topic-watch.ts'
import { ConnectBudget } from '../../../src/reconnect/connect-budget.ts'
import { ArmedRequests } from '../../../src/requests/armed-requests.ts'
import { PendingRequest } from '../../../src/requests/pending-request.ts'
import { PendingRequests } from '../../../src/requests/pending-requests.ts'
import { FramePacer } from '../../../src/session/pacing.ts'
import { Subscriptions } from '../../../src/session/subscriptions.ts'
import { FLAG_EXACT_TIME, RECORD_HEAD, RECORD_WORDS } from '../../../src/support/records.ts'
import { MessageBatch } from '../../../src/transport/message-batch.ts'
import type { WsOpenInfo } from '../../../src/transport/transport.ts'
import { BUGS_OF_ENDS } from './bugs-of-ends.ts'
import { BUGS_OF_GAPS } from './bugs-of-gaps.ts'
import { BUGS_OF_SENDS } from './bugs-of-sends.ts'
import { everyNth, like, type PlantedBug, patch, transportLike } from './patch.ts'

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'a lost waiter: a call of ask is never told',
    foundBy: ['no-waiter-lost'],
    plant() {
      const isHit = everyNth(20)
      return patch(ArmedRequests.prototype, 'settle', (real) => {
        return function (this: ArmedRequests, ...args) {
          if (isHit()) Object.defineProperty(args[0], 'settle', { value: () => {} })
          real.apply(this, args)
        }
      })
    },
  },
  {
    name: 'a double send: the link gets a frame twice',
    foundBy: ['sent-once', 'arrives-once', 'call-order', 'pace-kept'],
    tamper: () => ({
      transport: (transport) => {
        const isHit = everyNth(40)
        return transportLike(transport, {
          link: (link) => ({
            offer(payload, options) {
              const sequence = link.offer(payload, options)
              if (isHit()) link.offer(payload, options)
              return sequence
            },
          }),
        })
      },
    }),
  },
  {
    name: 'a withdrawn frame that is sent: the link only says that it took it back',
    foundBy: ['never-sent-stays-so', 'never-sent', 'delivery-is-true'],
    tamper: () => ({
      transport: (transport) => transportLike(transport, { link: () => ({ withdraw: () => true }) }),
    }),
  },
  {
    name: 'a not-delivered that arrives later: it stays in its lane',
    foundBy: ['never-sent-stays-so', 'never-sent'],
    plant() {
      const restore = patch(LiveConnection.prototype, 'withdraw', (real) => {
        return function (this: LiveConnection, ...args) {
          return args[0].sequence === undefined || real.apply(this, args)
        }
      })
      // The lanes send nothing that nobody wants any more, which would make up for it.
      const restoreLanes = patch(PendingRequest.prototype, 'isWanted', () => () => true)
      return () => {
        restoreLanes()
        restore()
      }
    },
  },
  {
    name: 'a replay before auth',
    foundBy: ['nothing-before-auth'],
    plant: () =>
      patch(SessionRunner.prototype, 'begin', (real) => {
        return function (this: SessionRunner, ...args) {
          real.apply(this, args)
          this.replay('all')
        }
      }),
  },
  {
    name: 'a deadline that outruns the socket: the drain reads nothing',
    foundBy: ['no-verdict-on-old-news'],
    tamper: () => ({
      transport: (transport) => transportLike(transport, { link: () => ({ drain: () => true }) }),
    }),
  },
  {
    name: 'a late read that condemns: the time of the read is taken for that of the arrival',
    foundBy: ['judged-by-arrival'],
    plant: () =>
      patch(PendingRequests.prototype, 'reply', (real) => {
        return function (this: PendingRequests, connection, match, source, nowUs) {
          return real.call(this, connection, match, source, nowUs, 'exact')
        }
      }),
  },
  {
    name: 'a receive time that goes back: every fifth message is said to have come a second earlier',
    foundBy: ['receive-times'],
    plant() {
      const isHit = everyNth(5)
      return patch(MessageBatch.prototype, 'add', (real) => {
        return function (this: MessageBatch, payload, binary, monoUs) {
          real.call(this, payload, binary, isHit() ? monoUs - 1_000_000 : monoUs)
        }
      })
    },
  },
  {
    name: 'an upper bound that is called exact: of all messages of a read',
    foundBy: ['receive-times'],
    plant: () =>
      patch(MessageBatch.prototype, 'markNewestExact', () => {
        return function (this: MessageBatch) {
          for (let head = RECORD_HEAD; head < this.length * RECORD_WORDS; head += RECORD_WORDS) {
            this.words[head] = (this.words[head] as number) | (FLAG_EXACT_TIME << 16)
          }
        }
      }),
  },
  {
    name: 'an outcome that lies: a refusal is told as a confirmation',
    foundBy: ['answered-means-answered', 'confirmed-means-accepted'],
    plant() {
      const isHit = everyNth(5)
      return patch(PendingRequests.prototype, 'reply', (real) => {
        return function (this: PendingRequests, ...args) {
          const [connection, match, ...rest] = args
          const verdict = match.verdict === 'rejected' && isHit() ? 'confirmed' : match.verdict
          return real.call(this, connection, { ...match, verdict }, ...rest)
        }
      })
    },
  },
  {
    name: 'an outcome that lies: what the kernel has is told as not delivered',
    foundBy: ['never-sent', 'delivery-is-true'],
    plant: () =>
      patch(ArmedRequests.prototype, 'endUnconfirmed', () => {
        return function (this: ArmedRequests, request, reason, nowUs) {
          if (this.has(request)) this.endUnsent(request, reason, nowUs)
        }
      }),
  },
  {
    name: 'data after a gap',
    foundBy: ['nothing-after-gap'],
    tamper: () => ({
      options(options) {
        const { handler, onStatus } = options
        if (handler === undefined) return options
        let last: (() => void) | undefined
        return {
          ...options,
          handler: like(handler, {
            handleMessage(message, session) {
              last = () => handler.handleMessage(message, session)
              last()
            },
          }),
          onStatus(event) {
            onStatus?.(event)
            if (event.kind === 'gap') last?.()
          },
        }
      },
    }),
  },
  {
    name: 'a missing gap',
    foundBy: ['gaps-marked'],
    plant() {
      const isHit = everyNth(3)
      return patch(Interpreter.prototype, 'status', (real) => {
        return function (this: Interpreter, ...args) {
          if (args[0].kind !== 'gap' || !isHit()) real.apply(this, args)
        }
      })
    },
  },
  {
    name: 'a timer left after stop',
    foundBy: ['leaves-nothing'],
    plant: () =>
      patch(Schedule.prototype, 'arm', (real) => {
        return function (this: Schedule, ...args) {
          if (args[0] !== Infinity) real.apply(this, args)
        }
      }),
  },
  {
    name: "a stale attempt's result accepted: the last one's opening is taken for that of the next",
    foundBy: ['no-stale-attempt', 'connections-count-up'],
    tamper: () => ({
      transport(transport, sim) {
        let stale: WsOpenInfo | undefined
        return transportLike(transport, {
          events: (events) => {
            const info = stale
            if (info !== undefined) sim.later(() => events.onOpen(info))
            return {
              onOpen(opened) {
                stale = opened
                events.onOpen(opened)
              },
            }
          },
        })
      },
    }),
  },
  {
    name: 'an unbounded queue',
    foundBy: ['bounded'],
    tamper: () => ({
      options: (options) => ({ ...options, lanes: { normalBytes: 2 ** 30, urgentBytes: 2 ** 30 } }),
    }),
  },
  {
    name: 'two connections: one that was given up is not ended',
    // Or by an ask that is told of a disconnect while the connection lives.
    foundBy: ['one-connection', 'outcome-has-cause'],
    tamper: () => ({
      transport: (transport, sim) =>
        transportLike(transport, {
          link: (link, events) => ({
            terminate: (cause) => (link.bytesSent > 0 ? sim.later(() => events.onEnd(cause)) : link.terminate(cause)),
          }),
        }),
    }),
  },
  {
    name: 'subscriptions forgotten after a reconnect',
    foundBy: ['subscriptions-desired', 'heals'],
    plant() {
      const isHit = everyNth(2)
      return patch(Subscriptions.prototype, 'initial', (real) => {
        return function (this: Subscriptions, ...args) {
          return isHit() ? [] : real.apply(this, args)
        }
      })
    },
  },
  {
    name: 'a handler that hears no more once it has thrown',
    foundBy: ['user-code-survives'],
    tamper: () => ({
      options(options) {
        const { handler } = options
        if (handler === undefined) return options
        let isDead = false
        return {
          ...options,
          handler: like(handler, {
            handleMessage(message, session) {
              if (isDead) return
              isDead = true
              handler.handleMessage(message, session)
              isDead = false
            },
          }),
        }
      },
    }),
  },
  {
    name: 'silence that nobody notices',
    foundBy: ['silence-noticed'],
    plant() {
      const back = [
        patch(Liveness.prototype, 'verdict', () => () => undefined),
        patch(PongWait.prototype, 'expired', () => () => undefined),
      ]
      return () => {
        for (const undo of back) undo()
      }
    },
  },
  {
    name: 'a message delivered twice',
    foundBy: ['data-in-order'],
    tamper: () => ({
      transport: (transport) => {
        const isHit = everyNth(30)
        return transportLike(transport, {
          events: (events) => ({
            onMessages(batch) {
              events.onMessages(batch)
              if (isHit()) events.onMessages(batch)
            },
          }),
        })
      },
    }),
  },
  {
    name: 'a frame too many: the budget of frames always has one',
    foundBy: ['pace-kept'],
    plant: () => patch(FramePacer.prototype, 'nextUs', () => () => -Infinity),
  },
  {
    name: 'a stall that nobody hears of: a timer that should have fired is armed anew, and forgets how late it is',
    foundBy: ['stall-is-told'],
    plant: () =>
      patch(Schedule.prototype, 'arm', (real) => {
        return function (this: Schedule, ...args) {
          real.call(this, Infinity)
          real.apply(this, args)
        }
      }),
  },
  {
    name: 'a topic called silent that is not',
    foundBy: ['no-false-alarm', 'subscriptions-desired'],
    plant: () => patch(TopicWatch.prototype, 'data', () => () => undefined),
  },
  {
    name: 'a topic whose silence nobody notices: a subscription that the exchange forgot is not asked for anew',
    foundBy: ['heals', 'subscriptions-desired'],
    plant: () => patch(TopicWatch.prototype, 'verdict', () => () => undefined),
  },
  {
    name: 'the last data of a topic that the transport follows is forgotten when it matters',
    foundBy: ['no-false-alarm', 'subscriptions-desired'],
    plant: () => patch(FollowedTopics.prototype, 'seenUs', () => () => 0),
  },
  {
    name: 'a topic that the transport follows is told once, and never again: not when it is back',
    foundBy: ['gaps-end'],
    tamper: () => ({
      transport: (transport) =>
        transportLike(transport, {
          link: (link) => {
            const armed = new Set<number>()
            return {
              armTopic(topic) {
                if (!armed.has(topic)) link.armTopic(topic)
                armed.add(topic)
              },
            }
          },
        }),
    }),
  },
  {
    name: 'a connect budget that always says yes',
    foundBy: ['budget-kept'],
    plant: () => patch(ConnectBudget.prototype, 'claim', () => () => ({ waitMs: 0, why: 'connect-budget' })),
  },
  ...BUGS_OF_ENDS,
  ...BUGS_OF_SENDS,
  ...BUGS_OF_GAPS,
]
