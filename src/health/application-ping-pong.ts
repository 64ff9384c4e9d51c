import { WsConfigError } from '../errors/errors.ts'
import { Checker, MAX_TIMER_MS } from '../support/check.ts'
import { refusePromise } from '../support/promised.ts'
import type { WsFrame } from '../transport/frame.ts'
import type { WsPayload } from '../transport/transport.ts'
import type { WsHeartbeat, WsPingPongLink, WsPingPongStrategy, WsPingPongVerdict } from './ping-pong.ts'
import { PongWait } from './pong-wait.ts'
import { RefusedPing } from './refused-ping.ts'

const OK: WsPingPongVerdict = { kind: 'ok' }
const RETRY_MS = 100
const FUNCTIONS = ['ping', 'isPong', 'answerPing', 'isBeat'] as const

/** The functions are the user's; frames are borrowed until they return. */
export interface WsApplicationPingPongOptions {
  /**
   * Our ping, as the venue wants it: text, or JSON with an id, which `nextId` gives from the one id space of all that is sent with
   * one. Without it we only answer the server's.
   */
  readonly ping?: (nextId: () => string) => WsPayload
  /** Is this the answer to our ping? */
  readonly isPong?: (frame: WsFrame) => boolean
  /** The answer to the server's ping in `frame`; `undefined` when it is no ping. */
  readonly answerPing?: (frame: WsFrame, nextId: () => string) => WsPayload | undefined
  /** Is this a beat of the server's, which wants no answer? */
  readonly isBeat?: (frame: WsFrame) => boolean
  /** From one ping of ours to the next. Default 15 000. */
  readonly intervalMs?: number
  /** Ping only when nothing has been received for `intervalMs` (up to a quarter more), as OKX and BitMEX want it. Default false. */
  readonly onlyWhenIdle?: boolean
  /** How long the answer may take once our ping has reached the kernel. Default 10 000. */
  readonly timeoutMs?: number
  /** The server pings (or beats) at least so often: without it for so long, the connection is dead. Default: not judged. */
  readonly serverPingWithinMs?: number
}

/** Heartbeats in data frames: text or JSON pings of ours, answers to those of the server, or both. */
export class WsApplicationPingPong implements WsPingPongStrategy {
  readonly timeoutMs: number | undefined
  readonly #options: WsApplicationPingPongOptions
  readonly #answerMs: number
  readonly #intervalUs: number
  readonly #serverPingWithinUs: number | undefined
  readonly #onlyWhenIdle: boolean
  #receivedSeen = 0
  #idleSinceUs = 0
  #nextPingUs: number | undefined
  /** Our ping is to leave, or waits for its turn in the lane: for room, or for a frame of the budget. */
  #isQueued = false
  readonly #refused: RefusedPing
  /** From when it has left the lane: waiting there is no part of its round trip, nor of what its answer may take. */
  #waiting: { readonly sentUs: number; readonly wait: PongWait } | undefined
  #serverPingUs: number | undefined
  /** An answer that the lane had no room for. */
  #owed: WsPayload | undefined
  #owedAtUs = 0

  /** Throws `WsConfigError`. */
  constructor(options: WsApplicationPingPongOptions) {
    const check = new Checker()
    const known = [...FUNCTIONS, 'intervalMs', 'onlyWhenIdle', 'timeoutMs', 'serverPingWithinMs'] as const
    const name = (field: string): string => `WsApplicationPingPong.${field}`
    const given = check.object('WsApplicationPingPong', options, known) ?? {}
    for (const field of FUNCTIONS) check.function(name(field), given[field])
    if ((given.ping === undefined) !== (given.isPong === undefined)) {
      check.add(name('isPong'), 'ping and isPong belong together: give both or none')
    }
    const hearsServer = given.answerPing !== undefined || given.isBeat !== undefined
    if (given.ping === undefined && !hearsServer) {
      check.add(name('ping'), 'give ping and isPong, or answerPing, or isBeat, or any of them together')
    }
    if (given.serverPingWithinMs !== undefined && !hearsServer) {
      check.add(name('serverPingWithinMs'), 'needs answerPing or isBeat, which tell what a ping of the server is')
    }
    this.#onlyWhenIdle = check.boolean(name('onlyWhenIdle'), given.onlyWhenIdle, false)
    this.#intervalUs = check.integer(name('intervalMs'), given.intervalMs, 1, MAX_TIMER_MS, 15_000) * 1000
    this.#answerMs = check.integer(name('timeoutMs'), given.timeoutMs, 1, MAX_TIMER_MS, 10_000)
    const withinMs = check.integer(name('serverPingWithinMs'), given.serverPingWithinMs, 1, MAX_TIMER_MS, 0)
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
    this.#options = { ...options }
    this.#refused = new RefusedPing(this.#answerMs)
    this.#serverPingWithinUs = withinMs === 0 ? undefined : withinMs * 1000
    const shortest = Math.min(options.ping === undefined ? Infinity : this.#answerMs, withinMs || Infinity)
    this.timeoutMs = shortest === Infinity ? undefined : shortest
  }

  opened(nowUs: number): void {
    this.#waiting = undefined
    this.#isQueued = false
    this.#refused.clear()
    this.#owed = undefined
    this.#nextPingUs = this.#options.ping === undefined ? undefined : nowUs + this.#intervalUs
    this.#serverPingUs = nowUs
    this.#receivedSeen = 0
    this.#idleSinceUs = nowUs
  }

  nextDueUs(): number | undefined {
    const ours = this.#waiting?.wait.dueUs ?? this.#nextPingUs ?? Infinity
    const owed = this.#owed === undefined ? Infinity : this.#owedAtUs
    const due = Math.min(ours, owed, this.#serverPingDueUs)
    return due === Infinity ? undefined : due
  }

  tick(nowUs: number, link: WsPingPongLink): WsPingPongVerdict {
    if (this.#owed !== undefined && nowUs >= this.#owedAtUs) this.#answer(this.#owed, nowUs, link)
    if (nowUs >= this.#serverPingDueUs) {
      return { kind: 'timed-out', silentForMs: (nowUs - (this.#serverPingUs as number)) / 1000 }
    }
    if (this.#waiting !== undefined) {
      const silentForMs = this.#waiting.wait.expired(nowUs, link)
      return silentForMs === undefined ? OK : { kind: 'timed-out', silentForMs }
    }
    const { ping } = this.#options
    if (ping === undefined || this.#nextPingUs === undefined || nowUs < this.#nextPingUs) return OK
    if (this.#isQueued) return this.#stuck(nowUs, link)
    const { bytesReceived } = link
    if (this.#onlyWhenIdle) {
      // Nothing runs here when bytes come, so one looks now and then: the ping is at most a quarter of the interval late.
      if (bytesReceived !== this.#receivedSeen) this.#idleSinceUs = nowUs
      this.#receivedSeen = bytesReceived
      const idleUntilUs = this.#idleSinceUs + this.#intervalUs
      this.#nextPingUs = Math.min(idleUntilUs, nowUs + this.#intervalUs / 4)
      if (nowUs < idleUntilUs) return OK
    }
    // Before the user's function: one that throws must not be called again at once.
    this.#nextPingUs = nowUs + RETRY_MS * 1000
    const payload = ping(link.nextRequestId)
    refusePromise(payload, 'WsApplicationPingPong.ping', 'the payload')
    const onTaken = (sentUs: number): void => {
      this.#isQueued = false
      this.#refused.clear()
      this.#waiting = { sentUs, wait: new PongWait(this.#answerMs, sentUs, link) }
    }
    this.#isQueued = link.send(payload, onTaken) && this.#waiting === undefined
    return this.#waiting === undefined ? this.#stuck(nowUs, link) : OK
  }

  /** It has not left, be it that the lane was full: is it the peer who takes nothing? */
  #stuck(nowUs: number, link: WsPingPongLink): WsPingPongVerdict {
    this.#nextPingUs = nowUs + RETRY_MS * 1000
    const silentForMs = this.#refused.refused(nowUs, link)
    return silentForMs === undefined ? OK : { kind: 'timed-out', silentForMs }
  }

  onFrame(frame: WsFrame, link: WsPingPongLink): WsHeartbeat | undefined {
    const { isPong, answerPing, isBeat } = this.#options
    const atUs = frame.receivedMonoUs
    const waiting = this.#waiting
    if (isSo(isPong?.(frame), 'isPong')) {
      if (waiting === undefined) return { kind: 'heartbeat' }
      this.#waiting = undefined
      this.#nextPingUs = atUs + this.#intervalUs
      return { kind: 'heartbeat', rttUs: Math.max(0, atUs - waiting.sentUs) }
    }
    if (isSo(isBeat?.(frame), 'isBeat')) {
      this.#heardServer(atUs)
      return { kind: 'heartbeat' }
    }
    const answer = answerPing?.(frame, link.nextRequestId)
    if (answer === undefined) return undefined
    refusePromise(answer, 'WsApplicationPingPong.answerPing', 'the payload, or undefined')
    this.#heardServer(atUs)
    this.#answer(answer, atUs, link)
    return { kind: 'heartbeat' }
  }

  restart(nowUs: number): void {
    this.#waiting?.wait.restart(nowUs)
    this.#refused.restart(nowUs)
    this.#serverPingUs = nowUs
  }

  /** What came before a stall or a pause, by the time that the kernel tells, takes back nothing of what began anew behind it. */
  #heardServer(atUs: number): void {
    this.#serverPingUs = Math.max(this.#serverPingUs ?? atUs, atUs)
  }

  /** The newest answer alone is owed: venues want one answer, not a row of old ones. */
  #answer(payload: WsPayload, nowUs: number, link: WsPingPongLink): void {
    this.#owed = link.send(payload) ? undefined : payload
    this.#owedAtUs = nowUs + RETRY_MS * 1000
  }

  get #serverPingDueUs(): number {
    if (this.#serverPingWithinUs === undefined || this.#serverPingUs === undefined) return Infinity
    return this.#serverPingUs + this.#serverPingWithinUs
  }
}

function isSo(answer: boolean | undefined, name: 'isPong' | 'isBeat'): boolean {
  refusePromise(answer, `WsApplicationPingPong.${name}`, 'true or false')
  return answer === true
}
