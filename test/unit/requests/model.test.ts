import { describe, expect, it } from 'vitest'
import type { WsOutcome } from '../../../src/requests/outcome.ts'
import type { WsVerdict } from '../../../src/requests/reply-match.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { FRAME_BYTES, type Frame, World, type WorldCall } from './world.ts'

const VERDICTS: readonly WsVerdict[] = ['confirmed', 'confirmed', 'partial', 'rejected', 'status-unknown', 'neither']
const DEFINITE = ['confirmed', 'partial', 'rejected']
const key = ({ requestId, attempt }: { requestId: string; attempt: number }): string => `${requestId}/${attempt}`

/** What must be true of every outcome at the moment at which it is told, from the world's own books. */
class Referee {
  readonly world: World
  /** What `unresolved()` must list. */
  readonly unresolved = new Set<string>()
  /** Attempts that the user has settled while some of their callers still waited: those are told, and no more is listed. */
  readonly settled = new Set<string>()
  readonly seen = new Map<string, number>()

  constructor(world: World) {
    this.world = world
    world.onOutcome = (outcome, call) => this.judge(outcome, call)
  }

  judge(outcome: WsOutcome, call: WorldCall | undefined): void {
    const label = 'reason' in outcome ? `${outcome.kind}/${outcome.reason}` : outcome.kind
    this.seen.set(label, (this.seen.get(label) ?? 0) + 1)
    if (DEFINITE.includes(outcome.kind)) this.unresolved.delete(key(outcome))
    if (call === undefined) {
      expect(outcome.late).toBe(true)
      return
    }
    expect(outcome.requestId).toBe(call.id)
    const { frame } = call
    if (frame === undefined) this.#judgeWithoutFrame(outcome, call)
    else this.#judgeWithFrame(outcome, call, frame)
  }

  #judgeWithoutFrame(outcome: WsOutcome, call: WorldCall): void {
    if (outcome.kind === 'unconfirmed') this.#list(outcome)
    if (outcome.kind === 'unconfirmed' || outcome.kind === 'sent') return
    expect(outcome.delivery).toBe('none')
    if (outcome.kind === 'too-many-pending') expect(this.world.waiting.length).toBe(this.world.max)
    if (outcome.kind === 'payload-mismatch') {
      // An earlier call with this id and another order may have reached the venue, or may yet.
      const others = this.world.calls.filter(({ id, order }) => id === call.id && order !== call.order)
      expect(others.some(({ frame }) => frame !== undefined && !frame.withdrawn)).toBe(true)
    }
  }

  #judgeWithFrame(outcome: WsOutcome, call: WorldCall, frame: Frame): void {
    const { world } = this
    expect(outcome.connection).toBe(frame.line.connection)
    switch (outcome.kind) {
      case 'not-delivered':
        expect(frame.taken).toBe(0)
        expect(frame.withdrawn || !frame.line.alive).toBe(true)
        this.unresolved.delete(key(outcome))
        break
      case 'sent':
        expect(call.mode).toBe('sent')
        expect(frame.taken).toBe(FRAME_BYTES)
        break
      case 'unconfirmed': {
        this.#list(outcome)
        expect(frame.withdrawn).toBe(false)
        expect(outcome.delivery).not.toBe('none')
        const othersWait = world.table.isArmed(call.id)
        expect(frame.taken > 0 || frame.claimed || othersWait).toBe(true)
        if (outcome.reason === 'deadline') expect(world.nowUs).toBeGreaterThanOrEqual(call.deadlineUs)
        break
      }
      case 'confirmed':
      case 'partial':
      case 'rejected': {
        const atUs = Number(outcome.reply.field('at'))
        const { connection } = frame.line
        expect(call.mode).toBe('confirmed')
        expect(frame.taken).toBe(FRAME_BYTES)
        expect(atUs).toBeLessThanOrEqual(call.deadlineUs)
        expect(atUs).toBeGreaterThanOrEqual(frame.request.askedMonoUs)
        expect(outcome.late).toBe(world.nowUs > call.deadlineUs)
        expect(world.replies).toContain(`${call.id} ${outcome.kind} ${atUs} ${connection}`)
        break
      }
      default:
        throw new Error(`${outcome.kind} for a call that had a frame`)
    }
  }

  #list(outcome: WsOutcome): void {
    if (!this.settled.has(key(outcome))) this.unresolved.add(key(outcome))
  }

  settle(id: string): void {
    expect(this.world.table.settle(id)).toBe(true)
    for (const each of [...this.unresolved].filter((listed) => listed.startsWith(`${id}/`))) {
      this.unresolved.delete(each)
      this.settled.add(each)
    }
  }

  /** What must be true between two steps. */
  check(): void {
    const { world } = this
    expect(world.calls.some(({ outcomes }) => outcomes.length > 1)).toBe(false)
    const waiting = world.waiting
    expect(world.table.size).toBe(waiting.length)
    const next = world.table.nextDeadlineUs()
    if (waiting.length === 0) expect(next).toBeUndefined()
    else expect(next).toBeLessThanOrEqual(Math.min(...waiting.map(({ deadlineUs }) => deadlineUs)))
    expect(waiting.every(({ id }) => world.table.isArmed(id))).toBe(true)
    expect(world.table.unresolved().map(key).sort()).toEqual([...this.unresolved].sort())
  }
}

/** A reply that the table gets: mostly one that is due, sometimes one that is early, old, doubled or from nowhere. */
function reply(world: World): void {
  const verdict = world.pick(VERDICTS) as WsVerdict
  const { connection } = world.line
  const answerable = world.line.link.filter(({ taken }) => taken === FRAME_BYTES)
  const frame = world.pick(world.chance(0.8) ? answerable.slice(-8) : world.frames.slice(-20))
  if (frame === undefined) return
  const { requestId } = frame.request
  // Received a while before it is read, but not before the frame had left.
  const earliestUs = Math.min(frame.takenAllUs, world.nowUs)
  const atUs = world.chance(0.7) ? world.nowUs : earliestUs + world.int(world.nowUs - earliestUs + 1)
  const on = world.chance(0.95) ? connection : connection + 1
  const before = world.waiting.filter(({ id }) => id === requestId)
  const effect = world.reply(requestId, verdict, atUs, on)
  if (on !== connection || before[0]?.frame !== frame) return
  // It is the reply to what is waited for now, so it must have done its work.
  const inTime = before.filter(({ mode, deadlineUs }) => mode === 'confirmed' && atUs <= deadlineUs)
  if (verdict === 'neither') expect(effect).toBe('neither')
  else if (frame.taken === FRAME_BYTES && atUs >= frame.request.askedMonoUs) {
    expect(effect).toBe(inTime.length > 0 ? 'settled' : 'late')
    for (const call of before) expect(call.outcomes).toHaveLength(1)
    for (const call of inTime) {
      expect(call.outcomes[0]?.kind).toBe(verdict === 'status-unknown' ? 'unconfirmed' : verdict)
    }
  } else for (const call of before) expect(call.outcomes).toHaveLength(0)
}

function step(world: World, referee: Referee): void {
  const kind = world.int(100)
  if (kind < 30) world.ask()
  else if (kind < 45) world.offer()
  else if (kind < 55) world.kernelTakes(1 + world.int(8))
  else if (kind < 58) world.claim()
  else if (kind < 63) world.table.progress(world.nowUs)
  else if (kind < 75) reply(world)
  else if (kind < 87) world.nowUs += world.int(6000)
  else if (kind < 94) {
    world.table.deadline(world.nowUs)
    for (const { deadlineUs } of world.waiting) expect(deadlineUs).toBeGreaterThan(world.nowUs)
  } else if (kind < 97) {
    const call = world.pick(world.waiting)
    if (call?.waiter !== undefined) world.table.abort(call.waiter, world.nowUs)
    if (call !== undefined) expect(call.outcomes).toHaveLength(1)
  } else if (kind < 98) world.ready = !world.ready
  else if (kind < 99) world.reconnect()
  else {
    const listed = world.pick(world.table.unresolved())
    if (listed !== undefined) referee.settle(listed.requestId)
  }
}

function run(seed: number, steps: number, seen: Map<string, number>): void {
  const world = new World(seededRandom(seed))
  const referee = new Referee(world)
  let at = 0
  try {
    for (; at < steps; at++) {
      step(world, referee)
      referee.check()
    }
    world.table.stop(world.nowUs)
    referee.check()
    for (const { outcomes } of world.calls) expect(outcomes).toHaveLength(1)
    expect(world.table.awaitsKernel).toBe(false)
    // Whatever the kernel would still take: nothing that was called undelivered is among it.
    world.kernelTakes(1e6)
    for (const { frame, outcomes } of world.calls) {
      if (frame !== undefined && outcomes[0]?.kind === 'not-delivered') expect(frame.taken).toBe(0)
    }
    // Joined asks were sent once: each frame was made by one call, and no request has two.
    expect(new Set(world.frames.map(({ request }) => request)).size).toBe(world.frames.length)
  } catch (error) {
    throw new Error(`seed ${seed}, step ${at}: ${(error as Error).message}`, { cause: error })
  }
  for (const [label, count] of referee.seen) seen.set(label, (seen.get(label) ?? 0) + count)
}

describe('the table in a random world', () => {
  it('gives every call one outcome, and none that the books of kernel and venue contradict', () => {
    const seen = new Map<string, number>()
    for (let seed = 1; seed <= 30; seed++) run(seed, 700, seen)
    // Every way to end has been walked, or the world is too tame to prove anything.
    const ways = [
      ...['sent', 'confirmed', 'partial', 'rejected', 'payload-mismatch', 'too-many-pending'],
      ...['deadline', 'expired-unsent', 'disconnected', 'aborted', 'queue-full', 'not-ready', 'stopped'].map(
        (reason) => `not-delivered/${reason}`,
      ),
      ...['deadline', 'disconnected', 'aborted', 'stopped', 'status-unknown'].map((reason) => `unconfirmed/${reason}`),
    ]
    expect(ways.filter((way) => (seen.get(way) ?? 0) < 5)).toEqual([])
  })
})
