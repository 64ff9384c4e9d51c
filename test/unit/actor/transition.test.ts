import { describe, expect, it } from 'vitest'
import type { ActorEvent } from '../../../src/actor/events.ts'
import { type ActorState, IDLE, NO_COURSE, type Rules, statusOf } from '../../../src/actor/state.ts'
import { transition } from '../../../src/actor/transition.ts'
import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import { remoteClosed, remoteDropped } from '../../../src/transport/end-causes.ts'
import type { WsOpenInfo } from '../../../src/transport/transport.ts'

const RULES: Rules = { authTimeoutMs: 10, onReadyTimeoutMs: 20, disconnectDrainMs: 30, stableMs: 40 }
const INFO = {} as WsOpenInfo
const DROP = remoteDropped()
const LEAVE: WsDisconnectCause = { kind: 'reconnect-requested', code: 'X', message: 'x', by: 'user' }
const STOP: WsDisconnectCause = {
  kind: 'local-stop',
  code: 'LOCAL_CLOSE',
  message: 'stopped by us',
  closeCode: 1006,
  closeReason: '',
}
const course = { ...NO_COURSE, generation: 1, connection: 1, attempt: 1 }

const leave = (politely: boolean, next: 'reconnect' | 'stop' = 'reconnect'): ActorEvent => ({
  kind: 'leave',
  cause: next === 'stop' ? STOP : LEAVE,
  next,
  politely,
})
const stop: ActorEvent = { kind: 'stop', cause: STOP, code: 1000, reason: '', timeoutMs: 50 }
const ended = (cause: WsDisconnectCause = DROP, generation = 1): ActorEvent => ({
  kind: 'link-ended',
  generation,
  cause,
})

const states = {
  idle: IDLE,
  connecting: { kind: 'connecting', course },
  authenticating: { kind: 'opening', course, phase: 'authenticate', dueUs: 10_000 },
  preparing: { kind: 'opening', course, phase: 'on-ready', dueUs: 20_000 },
  ready: { kind: 'ready', course, dueUs: undefined, proven: false },
  proving: { kind: 'ready', course, dueUs: 40_000, proven: true },
  draining: { kind: 'draining', course, cause: LEAVE, stopping: undefined, dueUs: 30_000 },
  closing: { kind: 'closing', course, opened: true, cause: STOP, stopping: STOP, dueUs: 50_000 },
  terminating: { kind: 'closing', course, opened: true, cause: LEAVE, stopping: undefined, dueUs: undefined },
  deciding: { kind: 'deciding', course, cause: DROP },
  backoff: { kind: 'backoff', course, cause: DROP, dueUs: 60_000 },
  stopped: { kind: 'stopped', course, cause: STOP },
} as const satisfies Record<string, ActorState>

type Name = keyof typeof states

/** Status afterwards, and the kinds of the effects. */
function go(from: Name, event: ActorEvent, nowUs = 0): string {
  const { state, effects } = transition(states[from], event, nowUs, RULES)
  return [statusOf(state), ...effects.map(({ kind }) => kind)].join(' ')
}

const TABLE: readonly (readonly [event: string, ActorEvent, number, Partial<Record<Name, string>>])[] = [
  ['start', { kind: 'start' }, 0, { idle: 'connecting connect' }],
  [
    'the link opens',
    { kind: 'link-open', generation: 1, info: INFO },
    0,
    { connecting: 'opening begin-session run-phase' },
  ],
  [
    'authenticated',
    { kind: 'phase-done', generation: 1, phase: 'authenticate' },
    0,
    { authenticating: 'opening announce-authenticated replay run-phase' },
  ],
  ['onReady done', { kind: 'phase-done', generation: 1, phase: 'on-ready' }, 0, { preparing: 'ready announce-ready' }],
  [
    'the link ends',
    ended(),
    0,
    {
      connecting: 'backoff end-link decide',
      authenticating: 'backoff end-link decide',
      preparing: 'backoff end-link decide',
      ready: 'backoff end-link decide',
      proving: 'backoff end-link decide',
      draining: 'backoff end-link decide',
      closing: 'stopped end-link finish',
      terminating: 'backoff end-link decide',
    },
  ],
  [
    'polite leave',
    leave(true),
    0,
    {
      authenticating: 'closing terminate-link',
      preparing: 'closing terminate-link',
      ready: 'draining await-asks',
      proving: 'draining await-asks',
      backoff: 'connecting connect',
    },
  ],
  [
    'verdict',
    leave(false),
    0,
    {
      authenticating: 'closing terminate-link',
      preparing: 'closing terminate-link',
      ready: 'closing terminate-link',
      proving: 'closing terminate-link',
      draining: 'closing terminate-link',
    },
  ],
  [
    'end wanted',
    leave(true, 'stop'),
    0,
    {
      idle: 'stopped finish',
      connecting: 'closing terminate-link',
      authenticating: 'closing terminate-link',
      preparing: 'closing terminate-link',
      ready: 'draining await-asks',
      proving: 'draining await-asks',
      deciding: 'stopped finish',
      backoff: 'stopped finish',
    },
  ],
  [
    'stop',
    stop,
    0,
    {
      idle: 'stopped finish',
      connecting: 'closing terminate-link',
      authenticating: 'closing settle-asks close-link',
      preparing: 'closing settle-asks close-link',
      ready: 'closing settle-asks close-link',
      proving: 'closing settle-asks close-link',
      draining: 'closing settle-asks close-link',
      deciding: 'stopped finish',
      backoff: 'stopped finish',
    },
  ],
  ['asks settled', { kind: 'asks-settled', generation: 1 }, 0, { draining: 'closing terminate-link' }],
  [
    'decided to retry later',
    { kind: 'decided', generation: 1, decision: { kind: 'retry', delayMs: 5, immediate: false } },
    0,
    { deciding: 'backoff announce-backoff' },
  ],
  [
    'decided to retry now',
    { kind: 'decided', generation: 1, decision: { kind: 'retry', delayMs: 0, immediate: true } },
    0,
    { deciding: 'connecting connect' },
  ],
  [
    'decided to stop',
    { kind: 'decided', generation: 1, decision: { kind: 'stop', reason: 'enough' } },
    0,
    { deciding: 'stopped finish' },
  ],
  [
    'everything is due',
    { kind: 'tick' },
    60_000,
    {
      authenticating: 'closing terminate-link',
      preparing: 'closing terminate-link',
      proving: 'ready announce-healthy',
      draining: 'closing terminate-link',
      closing: 'closing terminate-link',
      backoff: 'connecting connect',
    },
  ],
  ['nothing is due', { kind: 'tick' }, 9_999, {}],
]

describe('transition', () => {
  describe.each(TABLE)('%s', (_, event, nowUs, expected) => {
    it.each(Object.keys(states) as Name[])('in %s', (from) => {
      // What the table does not name changes nothing.
      expect(go(from, event, nowUs)).toBe(expected[from] ?? statusOf(states[from]))
    })
  })

  it('hears nothing of an attempt that is over', () => {
    for (const from of Object.keys(states) as Name[]) {
      for (const event of [
        { kind: 'link-open', generation: 7, info: INFO },
        { kind: 'phase-done', generation: 7, phase: 'authenticate' },
        { kind: 'asks-settled', generation: 7 },
        { kind: 'proven', generation: 7 },
        { kind: 'doubted', generation: 7 },
        { kind: 'close-sent', generation: 7, timeoutMs: 1 },
        ended(DROP, 7),
      ] as const) {
        expect(transition(states[from], event, 0, RULES)).toEqual({ state: states[from], effects: [] })
      }
    }
  })

  it('changes no state that it was given', () => {
    for (const from of Object.keys(states) as Name[]) {
      const before = structuredClone(states[from])
      for (const [, event, nowUs] of TABLE) transition(states[from], event, nowUs, RULES)
      expect(states[from]).toEqual(before)
    }
  })

  it('gives the number of a connection to the next only if it had opened', () => {
    expect(transition(states.ready, ended(), 0, RULES).state.course).toMatchObject({ connection: 2, attempt: 1 })
    expect(transition(states.connecting, ended(), 0, RULES).state.course).toMatchObject({ connection: 1, attempt: 1 })
    const { state } = transition(states.backoff, { kind: 'tick' }, 60_000, RULES)
    expect(state.course).toMatchObject({ generation: 2, attempt: 2 })
  })

  it('takes the one immediate reconnect once, until healthy', () => {
    const decision = {
      kind: 'decided',
      generation: 1,
      decision: { kind: 'retry', delayMs: 0, immediate: true },
    } as const
    const taken = transition(states.deciding, decision, 0, RULES).state
    expect(taken.course.immediateTaken).toBe(true)
    const opened: ActorState = { ...states.ready, course: taken.course }
    const { effects } = transition(opened, ended(DROP, taken.course.generation), 0, RULES)
    expect(effects.at(-1)).toMatchObject({ kind: 'decide', immediateAllowed: false, attempt: 2 })
    const healthy = transition({ ...states.proving, course: taken.course }, { kind: 'tick' }, 40_000, RULES).state
    expect(healthy.course).toMatchObject({ attempt: 0, immediateTaken: false })
  })

  it('takes a proof back until it counts as healthy, and not after', () => {
    const doubted = { kind: 'doubted', generation: 1 } as const
    expect(transition(states.proving, doubted, 0, RULES).state).toEqual(states.ready)
    const healthy = transition(states.proving, { kind: 'tick' }, 40_000, RULES).state
    expect(transition(healthy, doubted, 0, RULES).state).toBe(healthy)
  })

  it('remembers refusals in a row, and forgets them when healthy', () => {
    const { state } = transition(states.ready, ended(remoteClosed(1008, '')), 0, RULES)
    expect(state.course.history.policyCloses).toBe(1)
    const proving: ActorState = { ...states.proving, course: state.course }
    expect(transition(proving, { kind: 'tick' }, 40_000, RULES).state.course.history.policyCloses).toBe(0)
  })

  it('tells why: our reason where we ended it, the link’s where it failed before', () => {
    const causeOf = (from: Name, cause: WsDisconnectCause) =>
      transition(states[from], ended(cause), 0, RULES).effects.find(({ kind }) => kind === 'end-link')
    const closed = { ...STOP, code: 'LOCAL_CLOSE', closeCode: 1000 } as const
    expect(causeOf('closing', closed)).toMatchObject({ cause: closed })
    expect(causeOf('terminating', DROP)).toMatchObject({ cause: DROP })
    expect(causeOf('terminating', closed)).toMatchObject({ cause: LEAVE })
    const { effects } = transition(states.closing, ended(DROP), 0, RULES)
    expect(effects.at(-1)).toMatchObject({ kind: 'finish', cause: STOP })
  })

  it('stops instead, when that is wanted while it is leaving', () => {
    for (const from of ['draining', 'terminating'] as const) {
      const { state } = transition(states[from], leave(true, 'stop'), 0, RULES)
      expect(transition(state, ended(), 0, RULES).state.kind).toBe('stopped')
    }
    const { state } = transition(states.terminating, stop, 0, RULES)
    expect(transition(state, ended(LEAVE), 0, RULES).effects.at(-1)).toMatchObject({ kind: 'finish', cause: STOP })
  })

  it('gives CLOSE the link’s own deadline once it is sent', () => {
    const sent = { kind: 'close-sent', generation: 1, timeoutMs: 50 } as const
    const { state } = transition(states.closing, sent, 0, RULES)
    expect(transition(state, { kind: 'tick' }, 1_049_999, RULES).effects).toEqual([])
    expect(transition(state, { kind: 'tick' }, 1_050_000, RULES).effects).toMatchObject([
      { kind: 'terminate-link', cause: { code: 'ERR_CLOSE_TIMEOUT' } },
    ])
  })
})
