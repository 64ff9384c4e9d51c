import type { Life } from '../life.ts'

/** What the library keeps free for pongs by default. */
const PONG_FRAMES = 1

/**
 * No window sees more frames of ours than the venue allows one connection. Pongs leave at once, and are counted: only those for
 * which no room was kept may come on top of what was within the budget when it was sent.
 */
export function keepsThePace({ sim, evidence }: Life, kind: 'data' | 'ping' | 'pong'): void {
  const { pacing } = sim.setup
  if (pacing === undefined) return
  const { sentTimes, pongTimes } = evidence
  const nowUs = sim.clock.monoUs()
  const before = sentTimes[sentTimes.length - pacing.frames]
  remember(sentTimes, nowUs, 2 * pacing.frames)
  if (kind === 'pong') {
    const pongBefore = pongTimes[pongTimes.length - PONG_FRAMES]
    remember(pongTimes, nowUs, 2 * PONG_FRAMES)
    if (pongBefore !== undefined && nowUs - pongBefore < pacing.perMs * 1000) return
  }
  if (before === undefined) return
  const withinMs = (nowUs - before) / 1000
  if (withinMs < pacing.perMs - 0.001) sim.violated('pace-kept', `${pacing.frames + 1} frames in ${withinMs} ms`)
}

function remember(times: number[], atUs: number, most: number): void {
  times.push(atUs)
  if (times.length > most) times.splice(0, most / 2)
}
