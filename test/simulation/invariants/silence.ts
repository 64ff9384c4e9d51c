import type { Life } from '../life.ts'
import type { SimLink } from '../world/link.ts'

/** Timers have whole ms; a link that cannot read when it is asked gets another turn of the loop; loops look now and then. */
const SLACK_MS = 4
/** What a strategy waits before it tries a ping again that was not taken. */
const RETRY_MS = 100

/**
 * Half-open silence is found out in the time that the options give, by whichever of the watchdogs is due first. Stalls and pauses
 * of our own begin it anew; a stall that was too short for that is taken for one that did, which is the one case in which
 * nothing is made of up to the length of a stall.
 */
export function silenceIsNoticed(life: Life): void {
  const { sim, evidence } = life
  const { time, loop } = sim
  const tcp = evidence.liveTcp
  const link = evidence.links.at(-1)
  if (tcp === undefined || link === undefined || evidence.paused) return
  // One side has begun to leave, which has a deadline of its own.
  if (link.state !== 'open' || life.actor.status === 'closing') return
  const sinceUs = sim.vanishedUs.get(tcp)
  if (sinceUs === undefined) return
  const ownUs = Math.max(loop.lastStallUs, evidence.resumedUs, link.openedUs)
  const limitMs = Math.min(anyByte(life, link), data(life, ownUs), pings(life, link, ownUs))
  const forMs = (time.nowUs - Math.max(link.lastReadUs, ownUs)) / 1000
  if (forMs > limitMs + SLACK_MS) {
    sim.violated('silence-noticed', `nothing has come for ${forMs} ms, ${limitMs} are given, and the link is open`)
  }
}

/** World µs in which a timer that is due has fired, once client code has returned. */
const SOON_US = 20_000

/** A stall of ours that was longer than the shortest silence that anything is judged by is told as one. */
export function stallIsTold({ sim, actor, evidence }: Life): void {
  const { time, loop, setup } = sim
  const { fromUs, ms } = loop.lastStall
  const { lastConnection: last } = evidence
  const sinceUs = time.nowUs - loop.lastStallUs
  if (last === undefined || last.openedUs >= fromUs || evidence.resumedUs >= fromUs || evidence.paused) return
  if (sinceUs < SOON_US || evidence.stallToldUs >= fromUs) return
  if (last.link.state !== 'open' || !['opening', 'ready', 'draining'].includes(actor.status)) return
  const { silentAfterMs = Infinity, staleAfterMs = Infinity, pingPong, pingTimeoutMs } = setup
  const shortestMs = Math.min(silentAfterMs, staleAfterMs, pingPong === 'none' ? Infinity : pingTimeoutMs)
  if (ms > shortestMs) {
    sim.violated(
      'stall-is-told',
      `we were away for ${ms} ms, ${shortestMs} are the shortest silence, and nothing is said`,
    )
  }
}

/**
 * `silentAfterMs`. Of bytes that are the beginning of a message, and of which nobody was told, it is not known when they came: they
 * count from when they are looked for, which is when what came before them is due.
 */
function anyByte({ sim }: Life, link: SimLink): number {
  const { silentAfterMs = Infinity } = sim.setup
  return link.lastReadUs > link.lastToldUs ? 2 * silentAfterMs : silentAfterMs
}

/** `staleAfterMs`, of a connection that is ready, and from when it was. */
function data({ sim, actor, evidence }: Life, ownUs: number): number {
  const { staleAfterMs = Infinity } = sim.setup
  if (actor.status !== 'ready') return Infinity
  const laterMs = Math.max(0, evidence.readyUs - Math.max(evidence.links.at(-1)?.lastReadUs ?? 0, ownUs)) / 1000
  return laterMs + staleAfterMs
}

/**
 * A ping leaves an interval after the last answer, and its answer has its timeout. Where the kernel does not take it at once,
 * it counts from when the kernel was last seen to take anything, which is looked at when the timeout is over: once more.
 */
function pings({ sim, evidence }: Life, link: SimLink, ownUs: number): number {
  const { pingPong, heartbeatSeconds, pingIntervalMs, pingTimeoutMs, pacing } = sim.setup
  if (pingPong === 'none' && heartbeatSeconds === undefined) return Infinity
  const isStuck = link.stuckUs >= Math.min(link.lastReadUs, ownUs)
  // Where frames are paced it waits its turn, and tries again until it has it.
  const pacedMs = pacing === undefined ? 0 : 2 * pacing.perMs + RETRY_MS
  const fromUs = Math.max(link.lastReadUs, ownUs)
  // It is asked again after a second.
  const doubtMs = Math.max(0, 1000 + (evidence.doubtedUs - fromUs) / 1000)
  return doubtMs + pingIntervalMs + (isStuck ? 2 * (pingTimeoutMs + RETRY_MS) : pingTimeoutMs) + pacedMs
}
