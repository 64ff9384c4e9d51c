import { Asks } from '../../../src/actor/asks.ts'
import { Interpreter } from '../../../src/actor/interpreter.ts'
import { ResolvedActor } from '../../../src/actor/websocket-actor.ts'
import { WsLatencyPolicy } from '../../../src/health/latency-policy.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import { ArmedRequests } from '../../../src/requests/armed-requests.ts'
import { Subscriptions } from '../../../src/session/subscriptions.ts'
import { LatencyReference } from '../invariants/latency.ts'
import { SimLatency, SimPingPong } from '../play/strategies.ts'
import { type PlantedBug, patch, transportLike } from './patch.ts'

/** In how an actor, or a connection by our own choice, comes to its end. */
export const BUGS_OF_ENDS: readonly PlantedBug[] = [
  {
    name: 'a drain that resolves early: it waits for nothing',
    foundBy: ['drain-is-true'],
    plant: () =>
      patch(ResolvedActor.prototype, 'drain', (real) => {
        return async function (this: ResolvedActor, ...args) {
          const told = real.apply(this, args)
          if ((args[0]?.timeoutMs ?? 0) < 0) return told
          told.catch(() => {})
          return true
        }
      }),
  },
  {
    name: 'a drain that is forgotten, and refuses nothing',
    foundBy: ['drain-is-told', 'drain-refuses'],
    plant: () => patch(ResolvedActor.prototype, 'drain', () => () => new Promise<boolean>(() => {})),
  },
  {
    name: 'a stop that outlives its time: the link has no deadline for its close',
    foundBy: ['stops'],
    tamper: () => ({
      transport: (transport) => transportLike(transport, { link: () => ({ close: () => {} }) }),
    }),
  },
  {
    name: 'a stop that comes late: what is called behind it is taken',
    foundBy: ['stop-refuses', 'outcome-has-cause', 'stops'],
    tamper: () => ({
      options(options, life) {
        queueMicrotask(() => {
          const stop = life.actor.stop.bind(life.actor)
          life.actor.stop = async (...args) => {
            await life.sim.pause(50)
            return stop(...args)
          }
        })
        return options
      },
    }),
  },
  {
    name: 'an end told with the cause of another',
    foundBy: ['closed-tells-why'],
    plant: () =>
      patch(Interpreter.prototype, 'leave', (real) => {
        return function (this: Interpreter, cause, next, politely) {
          real.call(this, next === 'stop' ? { ...cause, code: 'ERR_SILENT' } : cause, next, politely)
        }
      }),
  },
  {
    name: 'an end that is heard of before the outcomes that it brought about',
    foundBy: ['no-waiter-lost'],
    plant: () =>
      patch(Asks.prototype, 'ask', (real) => {
        return async function (this: Asks, ...args) {
          return await real.apply(this, args)
        }
      }),
  },
  {
    name: 'a late reply told twice',
    foundBy: ['late-replies'],
    plant: () =>
      patch(ArmedRequests.prototype, 'say', (real) => {
        return function (this: ArmedRequests, to, outcome) {
          real.call(this, to, outcome)
          if (outcome.late) real.call(this, to, outcome)
        }
      }),
  },
  {
    name: 'a connection left at once by our own choice, with asks in flight',
    foundBy: ['leaves-politely'],
    tamper: () => ({ options: (options) => ({ ...options, disconnectDrainMs: 0 }) }),
  },
  {
    name: 'a connection condemned for the round trips of the last one',
    foundBy: ['latency-judged'],
    plant: () => patch(WsLatencyPolicy.prototype, 'opened', () => () => undefined),
    // Only a connection that follows one which was left for its round trips shows it: here each is, after three of them.
    tamper: () => ({
      options(options, life) {
        const strict = { maxRttMs: 1, percentile: 1, windowMs: 60_000, minSamples: 3, streak: 1 }
        life.evidence.latency = new LatencyReference(strict)
        return { ...options, latencyPolicy: new SimLatency(life, strict) }
      },
    }),
  },
  {
    name: 'a pong awaited for half its time',
    foundBy: ['had-time-to-answer'],
    tamper: () => ({
      options(options, life) {
        const { pingIntervalMs: intervalMs, pingTimeoutMs } = life.sim.setup
        const hasty = new ProtocolPingPong({ intervalMs, timeoutMs: pingTimeoutMs / 2 })
        return options.pingPong === undefined ? options : { ...options, pingPong: new SimPingPong(life, hasty) }
      },
    }),
  },
  {
    name: 'a change of subscriptions forgotten, because the manager threw',
    foundBy: ['subscriptions-desired', 'heals'],
    plant: () => patch(Subscriptions.prototype, 'takeOwed', () => () => []),
  },
]
