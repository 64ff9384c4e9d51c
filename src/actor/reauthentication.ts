import { WsConnectError, type WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { type WsAuthLifetime, WsAuthRefusedError, type WsSession } from '../session/endpoint-handler.ts'
import { MAX_TIMER_MS } from '../support/check.ts'
import { authExpired, phaseFailed, phaseTimedOut } from './causes.ts'
import type { Interpreter } from './interpreter.ts'

/** A token is renewed when so much of its life is over; and, if that failed, once more when so much is. */
const RENEW_AT = 0.8
const RENEW_AGAIN_AT = 0.92
/** What is refused so soon after a new authentication was still sent with the old one. */
const FRESH_US = 1_000_000
/** What is refused so soon has been refused with the new one: there is no use in yet another. */
const IN_VAIN_US = 10_000_000

interface Running {
  /** The venue says that the old authentication is no longer valid: nothing may be asked meanwhile. */
  expired: boolean
  /** What needs authentication is subscribed again. */
  resubscribes: boolean
  readonly hook: string
  readonly deadlineUs: number
}

/**
 * Authentication that does not last as long as its connection. Renewed before it expires, while everything goes on; or, when the
 * venue says it has expired, done anew with asks refused until then, and what needs it subscribed again.
 */
export class Reauthentication {
  readonly #actor: Interpreter
  #since: { readonly atUs: number; readonly lifeUs: number } | undefined
  #renewUs = Infinity
  #failed = false
  /** When it was last done anew because the venue said so. */
  #redoneUs = -Infinity
  #running: Running | undefined

  constructor(actor: Interpreter) {
    this.#actor = actor
  }

  /** There is a connection, and somebody to authenticate it. */
  get isPossible(): boolean {
    const { state, options } = this.#actor
    return state.kind === 'ready' && options.handler?.authenticate !== undefined
  }

  /** One is being made. */
  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Asks and sends of users are refused. */
  get blocks(): boolean {
    return this.#running?.expired === true
  }

  ended(): void {
    this.#since = undefined
    this.#renewUs = Infinity
    this.#redoneUs = -Infinity
    this.#running = undefined
  }

  /** It has just been done anew: a refusal says nothing about it yet. */
  get isFresh(): boolean {
    return this.#actor.options.clock.monoUs() < this.#redoneUs + FRESH_US
  }

  /** Something was refused for want of it. */
  refused(): void {
    if (this.isFresh || !this.isPossible) return
    const inVain = this.#actor.options.clock.monoUs() < this.#redoneUs + IN_VAIN_US
    if (inVain && !this.blocks) this.#actor.leave(authExpired(), 'reconnect', true)
    else this.expired()
  }

  /** `authenticate` or `refreshAuth` has resolved with `result`. */
  succeeded(result: unknown, hook: string): void {
    this.#failed = false
    this.#renewUs = Infinity
    this.#since = undefined
    if (result === undefined) return
    const { expiresInMs } = Object(result) as Partial<Record<keyof WsAuthLifetime, unknown>>
    if (typeof expiresInMs !== 'number' || !(expiresInMs > 0)) {
      this.#actor.hooks.nonsense(hook, result, 'nothing, or { expiresInMs } with ms > 0')
      return
    }
    const atUs = this.#actor.options.clock.monoUs()
    this.#since = { atUs, lifeUs: Math.min(expiresInMs, MAX_TIMER_MS) * 1000 }
    this.#renewUs = atUs + this.#since.lifeUs * RENEW_AT
  }

  /** The venue says so. Nothing where there is nobody to authenticate. */
  expired(): void {
    if (!this.isPossible || this.blocks) return
    this.#actor.status({ kind: 'auth-expired' })
    this.#actor.session.privateLost()
    if (this.#running === undefined) this.#begin(true, true)
    else this.#running.expired = this.#running.resubscribes = true
  }

  /** It may have been dropped without a word: made anew while everything goes on. False: nobody can. */
  suspect(): boolean {
    if (!this.isPossible) return false
    if (this.#running === undefined) this.#begin(false, true)
    else this.#running.resubscribes = true
    return true
  }

  nextDueUs(): number {
    return this.#running?.deadlineUs ?? this.#renewUs
  }

  /** By when the one that is being made must be done; Infinity while none is. */
  get deadlineUs(): number {
    return this.#running?.deadlineUs ?? Infinity
  }

  /** After the link was drained. */
  judge(nowUs: number): void {
    if (nowUs < this.nextDueUs()) return
    if (this.#running === undefined) {
      this.#renewUs = Infinity
      this.#begin(false, false)
      return
    }
    const { authTimeoutMs } = this.#actor.options.rules
    const cause = phaseTimedOut('authenticate', authTimeoutMs)
    this.#failedWith(this.#running, new WsConnectError(cause), cause)
  }

  #begin(expired: boolean, resubscribes: boolean): void {
    const { handler, rules, clock } = this.#actor.options
    const hook = handler?.refreshAuth === undefined ? 'handler.authenticate' : 'handler.refreshAuth'
    const running: Running = { hook, expired, resubscribes, deadlineUs: clock.monoUs() + rules.authTimeoutMs * 1000 }
    this.#running = running
    const session: WsSession = this.#actor.session.current
    const run = async (): Promise<unknown> => (handler?.refreshAuth ?? handler?.authenticate)?.call(handler, session)
    const inTime = (then: () => void): void =>
      this.#actor.enter(() => {
        if (this.#running === running && this.#actor.state.kind === 'ready') then()
      })
    run().then(
      (result) =>
        inTime(() => {
          this.#running = undefined
          this.succeeded(result, hook)
          this.#actor.sends.release()
          this.#actor.authenticatedAnew()
          if (running.expired) this.#redoneUs = this.#actor.options.clock.monoUs()
          if (running.resubscribes) this.#actor.session.replayPrivate()
        }),
      (error) => inTime(() => this.#failedWith(running, error, phaseFailed('authenticate', error))),
    )
  }

  #failedWith({ resubscribes, hook }: Running, error: unknown, cause: WsDisconnectCause): void {
    this.#running = undefined
    const since = this.#since
    // What is still valid is worth a second try, unless the venue has said no.
    if (!resubscribes && !this.#failed && since !== undefined && !(error instanceof WsAuthRefusedError)) {
      this.#failed = true
      this.#renewUs = since.atUs + since.lifeUs * RENEW_AGAIN_AT
      this.#actor.hooks.failed(hook, error, true)
      return
    }
    // Another connection authenticates from the start. Pending asks may finish: what was sent before may yet be answered.
    this.ended()
    this.#actor.leave(cause, 'reconnect', true)
  }
}
