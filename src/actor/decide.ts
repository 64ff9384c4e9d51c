import type { WsDisconnectAction } from '../errors/disconnect-action.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { classifyDisconnect } from '../reconnect/classify.ts'
import { NoReconnect } from '../reconnect/exponential-backoff.ts'
import { MAX_TIMER_MS } from '../support/check.ts'
import type { ActorEffect } from './effects.ts'
import type { Decision } from './events.ts'
import { type Hooks, THREW } from './hooks.ts'
import type { ResolvedActorOptions } from './resolve.ts'

/** For a strategy that throws or talks nonsense. */
const FALLBACK_DELAY_MS = 1000

/** Who is told of what a disconnect means to others than the actor. */
export interface DecisionListener {
  /** Somebody should look at it. */
  alarm(): void
  /** The host refuses our address. */
  coolDown(forMs: number): void
}

/** What follows a disconnect: the handler first, then the defaults, and the strategy for how long to wait. */
export function decide(
  effect: Extract<ActorEffect, { kind: 'decide' }>,
  options: ResolvedActorOptions,
  hooks: Hooks,
  tell: DecisionListener,
): Decision {
  const { cause, attempt, history } = effect
  // With one attempt nobody's opinion matters, and not even a wish for another connection leads to one.
  const single = options.reconnect === NoReconnect
  const opinion = single ? undefined : opinionOf(options.handler, cause, attempt, hooks)
  const action = opinion ?? classifyDisconnect(cause, history)
  const { minDelayMs = 0, jitterMs = 0, hostWide, alarm } = action.kind === 'backoff-reconnect' ? action : {}
  const minMs = minDelayMs + (jitterMs > 0 ? options.random.float() * jitterMs : 0)
  // Whatever becomes of this actor: the others must hear of it.
  if (hostWide === true && minMs > 0) tell.coolDown(minMs)
  if (single) return { kind: 'stop', reason: `${cause.message}; there is no reconnecting` }
  const decision = nextAttempt(effect, action, minMs, options, hooks)
  // Who gives up says so by that alone.
  if (alarm === true && decision.kind === 'retry') tell.alarm()
  return decision
}

function nextAttempt(
  { cause, attempt, immediateAllowed }: Extract<ActorEffect, { kind: 'decide' }>,
  action: WsDisconnectAction,
  minMs: number,
  options: ResolvedActorOptions,
  hooks: Hooks,
): Decision {
  if (action.kind === 'abort') return { kind: 'stop', reason: action.reason }
  if (action.kind === 'immediate-reconnect' && immediateAllowed) return { kind: 'retry', delayMs: 0, immediate: true }
  const delayMs = strategyDelayMs(cause, attempt, options, hooks)
  if (delayMs === undefined) {
    return { kind: 'stop', reason: `${cause.message}; the reconnect strategy gave up after attempt ${attempt}` }
  }
  // At once, but only once until a connection has proven healthy: nothing loops without time passing.
  if (delayMs === 0 && minMs === 0 && immediateAllowed) return { kind: 'retry', delayMs: 0, immediate: true }
  // On top of the minimum, so that its jitter survives; and at least 1 ms.
  return { kind: 'retry', delayMs: Math.min(MAX_TIMER_MS, Math.max(1, minMs + delayMs)), immediate: false }
}

function strategyDelayMs(
  cause: WsDisconnectCause,
  attempt: number,
  { reconnect, random }: ResolvedActorOptions,
  hooks: Hooks,
): number | undefined {
  const delayMs = hooks.call('reconnect.nextDelayMs', () => reconnect.nextDelayMs(attempt, cause, random))
  if (delayMs === THREW) return FALLBACK_DELAY_MS
  if (delayMs === undefined || (typeof delayMs === 'number' && delayMs >= 0)) return delayMs
  hooks.nonsense('reconnect.nextDelayMs', delayMs, 'ms >= 0, or undefined to give up')
  return FALLBACK_DELAY_MS
}

/** What the handler makes of it; undefined leaves it to the defaults. */
function opinionOf(
  handler: ResolvedActorOptions['handler'],
  cause: WsDisconnectCause,
  attempt: number,
  hooks: Hooks,
): WsDisconnectAction | undefined {
  if (handler?.classifyDisconnect === undefined) return undefined
  const action = hooks.call('handler.classifyDisconnect', () => handler.classifyDisconnect?.(cause, attempt))
  if (action === THREW || action === undefined) return undefined
  if (isAction(action)) return action
  const want = "undefined or { kind: 'immediate-reconnect' | 'backoff-reconnect' | 'abort', … }"
  hooks.nonsense('handler.classifyDisconnect', action, want)
  return undefined
}

function isAction(action: WsDisconnectAction): boolean {
  switch (action?.kind) {
    case 'immediate-reconnect':
      return true
    case 'backoff-reconnect':
      if (![action.hostWide, action.alarm].every((flag) => flag === undefined || typeof flag === 'boolean'))
        return false
      return isDelay(action.minDelayMs) && isDelay(action.jitterMs)
    case 'abort':
      return typeof action.reason === 'string'
    default:
      return false
  }
}

function isDelay(ms: number | undefined): boolean {
  return ms === undefined || (Number.isFinite(ms) && ms >= 0)
}
