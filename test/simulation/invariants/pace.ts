import type { Simulation } from '../simulation.ts'

/**
 * No window sees more frames of ours than the venue allows one connection. Pongs leave at once, and are counted: they may only
 * ever come on top of what was within the budget when it was sent.
 */
export function keepsThePace(sim: Simulation, kind: 'data' | 'ping' | 'pong'): void {
  const { pacing } = sim.setup
  if (pacing === undefined) return
  const times = sim.evidence.sentTimes
  const nowUs = sim.clock.monoUs()
  const before = times[times.length - pacing.frames]
  times.push(nowUs)
  if (times.length > 2 * pacing.frames) times.splice(0, pacing.frames)
  if (kind === 'pong' || before === undefined) return
  const withinMs = (nowUs - before) / 1000
  if (withinMs < pacing.perMs - 0.001) sim.violated('pace-kept', `${pacing.frames + 1} frames in ${withinMs} ms`)
}
