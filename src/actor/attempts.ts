import { guardKeyLog } from '../connect/key-log.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsLink, WsLinkEvents } from '../transport/transport.ts'
import { Admission } from './admission.ts'
import { Attempt, type AttemptContext } from './attempt.ts'
import { decide } from './decide.ts'
import type { ActorEffect } from './effects.ts'
import type { Decision } from './events.ts'
import type { Interpreter } from './interpreter.ts'

/** The attempts of an actor, one at a time: who lets them in, and what follows when one, or what it became, has ended. */
export class Attempts {
  readonly #actor: Interpreter
  readonly #admission: Admission
  readonly #context: AttemptContext
  #current: Attempt | undefined

  constructor(actor: Interpreter) {
    this.#actor = actor
    const { options, hooks } = actor
    this.#admission = new Admission(options.admission, options.clock)
    // The key log is user code as any hook is, and called from the depths of a transport.
    const tls = guardKeyLog(options.tls, (log, line) => actor.enter(() => hooks.notify('tls.keyLog', log, line)))
    this.#context = {
      options: tls === options.tls ? options : { ...options, tls },
      admission: this.#admission,
      lastHost: undefined,
      onHeld: ({ why, host, delayMs }) => actor.enter(() => actor.status({ kind: 'held', why, host, delayMs })),
    }
  }

  begin(attempt: number, events: WsLinkEvents): void {
    this.#current = new Attempt(this.#context, events)
    this.#current.start(attempt)
  }

  /** Of the attempt, or of the connection that it has become. */
  get link(): WsLink | undefined {
    return this.#current?.link
  }

  terminate(cause: WsDisconnectCause): void {
    this.#current?.terminate(cause)
  }

  ended(): void {
    this.#current = undefined
  }

  /** The connection has proven healthy. */
  succeeded(): void {
    this.#actor.hooks.notify('circuitBreaker.succeeded', () => this.#admission.succeeded())
  }

  decide(effect: Extract<ActorEffect, { kind: 'decide' }>): Decision {
    const { hooks, options, state } = this.#actor
    // What a connection that had proven healthy dies of is not what a circuit breaker counts.
    if (state.course.attempt > 0) hooks.notify('circuitBreaker.failed', () => this.#admission.failed(effect.cause))
    return decide(effect, options, hooks, {
      alarm: () => this.#actor.status({ kind: 'alarm', cause: effect.cause }),
      coolDown: (forMs) => this.#coolDown(forMs),
    })
  }

  #coolDown(forMs: number): void {
    const host = this.#context.lastHost
    if (host === undefined) return
    this.#actor.hooks.notify('connectBudget.coolDown', () => this.#admission.coolDown(host, forMs))
    this.#actor.status({ kind: 'cooling-down', host, forMs })
  }
}
