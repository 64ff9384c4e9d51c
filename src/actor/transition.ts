import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { NO_HISTORY, remember } from '../reconnect/classify.ts'
import { closeTookTooLong, phaseTimedOut } from './causes.ts'
import type { ActorEffect } from './effects.ts'
import type { ActorEvent } from './events.ts'
import { type ActorState, type Course, isOpen, type OpeningPhase, type Rules, type Stopping } from './state.ts'

const CLOSE_GRACE_MS = 1000

export interface Transition {
  readonly state: ActorState
  readonly effects: readonly ActorEffect[]
}

/**
 * The life of an actor, as a pure function: no clock, no chance, no user code, no link. An event that means nothing in a
 * state, or speaks of an attempt that is over, changes nothing. `stopped` is final.
 */
export function transition(state: ActorState, event: ActorEvent, nowUs: number, rules: Rules): Transition {
  if ('generation' in event && event.generation !== state.course.generation) return same(state)
  switch (event.kind) {
    case 'start':
      return state.kind === 'idle' ? connect(state.course) : same(state)
    case 'link-open':
      return state.kind === 'connecting' ? open(state.course, event, nowUs, rules) : same(state)
    case 'link-ended':
      return linkEnded(state, event.cause)
    case 'phase-done':
      return phaseDone(state, event.phase, nowUs, rules)
    case 'close-sent':
      // The link has its own deadline and the better words for it; ours is for a transport that has none.
      return state.kind === 'closing' && state.dueUs !== undefined
        ? same({ ...state, dueUs: nowUs + (event.timeoutMs + CLOSE_GRACE_MS) * 1000 })
        : same(state)
    case 'asks-settled':
      return state.kind === 'draining' ? terminate(state.course, state.cause, state.stopping, true) : same(state)
    case 'proven':
      return proven(state, nowUs, rules)
    case 'doubted':
      return state.kind === 'ready' && state.dueUs !== undefined
        ? same({ ...state, proven: false, dueUs: undefined })
        : same(state)
    case 'leave':
      return leave(state, event, nowUs, rules)
    case 'stop':
      return stop(state, event, nowUs)
    case 'decided':
      return decided(state, event.decision, nowUs)
    case 'tick':
      return tick(state, event.readUs ?? nowUs, rules)
  }
}

function same(state: ActorState): Transition {
  return { state, effects: [] }
}

/** The next attempt. The number of a connection is given once one has opened. */
function connect(course: Course): Transition {
  const generation = course.generation + 1
  const connection = Math.max(1, course.connection)
  const attempt = course.attempt + 1
  return {
    state: { kind: 'connecting', course: { ...course, generation, connection, attempt } },
    effects: [{ kind: 'connect', generation, connection, attempt }],
  }
}

function open(
  course: Course,
  event: Extract<ActorEvent, { kind: 'link-open' }>,
  nowUs: number,
  rules: Rules,
): Transition {
  return enterPhase('authenticate', course, nowUs, rules, [{ kind: 'begin-session', info: event.info }])
}

function enterPhase(
  phase: OpeningPhase,
  course: Course,
  nowUs: number,
  rules: Rules,
  before: readonly ActorEffect[],
): Transition {
  const timeoutMs = phase === 'authenticate' ? rules.authTimeoutMs : rules.onReadyTimeoutMs
  return {
    state: { kind: 'opening', course, phase, dueUs: nowUs + timeoutMs * 1000 },
    effects: [...before, { kind: 'run-phase', phase }],
  }
}

function phaseDone(state: ActorState, phase: OpeningPhase, nowUs: number, rules: Rules): Transition {
  if (state.kind !== 'opening' || state.phase !== phase) return same(state)
  if (phase === 'authenticate') {
    const before: ActorEffect[] = [{ kind: 'announce-authenticated' }, { kind: 'replay' }]
    return enterPhase('on-ready', state.course, nowUs, rules, before)
  }
  return {
    state: { kind: 'ready', course: state.course, dueUs: undefined, proven: false },
    effects: [{ kind: 'announce-ready' }],
  }
}

function proven(state: ActorState, nowUs: number, rules: Rules): Transition {
  if (state.kind !== 'ready' || state.proven) return same(state)
  return { state: { ...state, proven: true, dueUs: nowUs + rules.stableMs * 1000 }, effects: [] }
}

function leave(
  state: ActorState,
  event: Extract<ActorEvent, { kind: 'leave' }>,
  nowUs: number,
  rules: Rules,
): Transition {
  const { cause, next, politely } = event
  const stopping = ('stopping' in state ? state.stopping : undefined) ?? (next === 'stop' ? cause : undefined)
  switch (state.kind) {
    case 'ready': {
      if (!politely) return terminate(state.course, cause, stopping, true)
      const dueUs = nowUs + rules.disconnectDrainMs * 1000
      return {
        state: { kind: 'draining', course: state.course, cause, stopping, dueUs },
        effects: [{ kind: 'await-asks', cause }],
      }
    }
    case 'opening':
      return terminate(state.course, cause, stopping, true)
    case 'draining':
      return politely ? same({ ...state, stopping }) : terminate(state.course, cause, stopping, true)
    case 'closing': {
      // A close handshake under way is not waited for by who wants the end at once.
      const isSlow = state.dueUs !== undefined && !politely && next === 'stop'
      return isSlow ? terminate(state.course, cause, stopping, state.opened) : same({ ...state, stopping })
    }
    case 'connecting':
      // Another attempt is what there is already.
      return next === 'stop' ? terminate(state.course, cause, cause, false) : same(state)
    case 'backoff':
      if (next === 'stop') return finish(state.course, cause, cause.message)
      return politely ? connect(state.course) : same(state)
    case 'idle':
    case 'deciding':
      return next === 'stop' ? finish(state.course, cause, cause.message) : same(state)
    case 'stopped':
      return same(state)
  }
}

function stop(state: ActorState, event: Extract<ActorEvent, { kind: 'stop' }>, nowUs: number): Transition {
  const { cause, code, reason, timeoutMs } = event
  switch (state.kind) {
    case 'idle':
    case 'backoff':
    case 'deciding':
      return finish(state.course, cause, cause.message)
    case 'connecting':
      return terminate(state.course, cause, cause, false)
    case 'opening':
    case 'ready':
    case 'draining': {
      const dueUs = nowUs + timeoutMs * 1000
      const stopping = state.kind === 'draining' ? (state.stopping ?? cause) : cause
      return {
        state: { kind: 'closing', course: state.course, opened: true, cause, stopping, dueUs },
        effects: [{ kind: 'settle-asks' }, { kind: 'close-link', code, reason, timeoutMs }],
      }
    }
    case 'closing':
      return same({ ...state, stopping: state.stopping ?? cause })
    case 'stopped':
      return same(state)
  }
}

function tick(state: ActorState, nowUs: number, rules: Rules): Transition {
  if (!('dueUs' in state) || state.dueUs === undefined || nowUs < state.dueUs) return same(state)
  switch (state.kind) {
    case 'opening': {
      const timeoutMs = state.phase === 'authenticate' ? rules.authTimeoutMs : rules.onReadyTimeoutMs
      return terminate(state.course, phaseTimedOut(state.phase, timeoutMs), undefined, true)
    }
    case 'ready':
      return {
        state: {
          ...state,
          dueUs: undefined,
          course: { ...state.course, attempt: 0, history: NO_HISTORY, immediateTaken: false },
        },
        effects: [{ kind: 'announce-healthy' }],
      }
    case 'draining':
      return terminate(state.course, state.cause, state.stopping, true)
    case 'closing': {
      const { course, cause, stopping, opened } = state
      const late = closeTookTooLong(cause)
      return terminate(course, late, stopping === cause ? late : stopping, opened)
    }
    case 'backoff':
      return connect(state.course)
  }
}

/** Not a polite close: that waits for a peer who may be dead. `link-ended` follows. */
function terminate(course: Course, cause: WsDisconnectCause, stopping: Stopping, opened: boolean): Transition {
  return {
    state: { kind: 'closing', course, opened, cause, stopping, dueUs: undefined },
    effects: [{ kind: 'terminate-link', cause }],
  }
}

function linkEnded(state: ActorState, linkCause: WsDisconnectCause): Transition {
  const { course } = state
  const opened = isOpen(state)
  switch (state.kind) {
    case 'connecting':
    case 'opening':
    case 'ready':
    case 'draining':
    case 'closing':
      break
    default:
      return same(state)
  }
  const cause = state.kind === 'closing' ? ownWords(state.cause, linkCause) : linkCause
  const ended: ActorEffect = { kind: 'end-link', cause, opened, attempt: Math.max(1, course.attempt) }
  const after = { ...course, connection: course.connection + Number(opened), history: remember(course.history, cause) }
  const stopping = 'stopping' in state ? state.stopping : undefined
  if (stopping !== undefined && 'cause' in state) {
    // What ended the socket in the end matters less than why we wanted the end; of that the link may know more to tell.
    const final = stopping === state.cause && cause.kind === 'local-stop' ? cause : stopping
    const { state: stopped, effects } = finish(after, final, final.message)
    return { state: stopped, effects: [ended, ...effects] }
  }
  const { generation, history } = after
  const attempt = Math.max(1, course.attempt)
  const decide: ActorEffect = {
    kind: 'decide',
    generation,
    cause,
    attempt,
    history,
    immediateAllowed: !course.immediateTaken,
  }
  return { state: { kind: 'deciding', course: after, cause }, effects: [ended, decide] }
}

function decided(
  state: ActorState,
  decision: Extract<ActorEvent, { kind: 'decided' }>['decision'],
  nowUs: number,
): Transition {
  if (state.kind !== 'deciding') return same(state)
  const { cause } = state
  if (decision.kind === 'stop') return finish(state.course, cause, decision.reason)
  const course = { ...state.course, immediateTaken: state.course.immediateTaken || decision.immediate }
  if (decision.delayMs === 0) return connect(course)
  return {
    state: { kind: 'backoff', course, cause, dueUs: nowUs + decision.delayMs * 1000 },
    effects: [{ kind: 'announce-backoff', attempt: course.attempt + 1, delayMs: decision.delayMs }],
  }
}

function finish(course: Course, cause: WsDisconnectCause, reason: string): Transition {
  return { state: { kind: 'stopped', course, cause }, effects: [{ kind: 'finish', cause, reason }] }
}

/**
 * We were on our way out. A transport that ended by our doing tells so with our cause, or, of a polite close, with one of
 * its own that has the peer's code; one that failed before that has the better story.
 */
function ownWords(ours: WsDisconnectCause, link: WsDisconnectCause): WsDisconnectCause {
  if (link.kind !== 'local-stop' || ours.code === 'LOCAL_CLOSE') return link
  return ours.kind === 'local-stop' ? { ...link, code: ours.code, message: ours.message } : ours
}
