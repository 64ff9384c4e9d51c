import { FRAME_COST } from '../../../src/actor/frame-cost.ts'
import type { Life } from '../life.ts'

/** How late anything may be told, while the client's loop runs. */
const PATIENCE_US = 20_000

/** What has not left in its time is told to be given up, soon. */
export function givenUpInTime({ sim, timed, isOver }: Life): void {
  if (isOver) return
  const { time, loop, clock, setup } = sim
  // What `ws` holds cannot be taken back, and nobody can know that it has not begun.
  if (setup.flavour !== 'native' || time.nowUs - Math.max(loop.lastStallUs, 0) < PATIENCE_US) return
  let { unnamed } = timed
  for (const { call, began, givenUp, dueUs } of timed.open) {
    const lateUs = clock.monoUs() - dueUs
    if (began !== undefined || givenUp || lateUs <= PATIENCE_US || unnamed-- > 0) continue
    sim.violated('given-up-in-time', `call ${call} is not given up ${lateUs / 1000} ms after its time`)
  }
}

/** What may have to be sent on another connection keeps to its bound, wherever it waits. */
export function keptWithinBound({ sim, timed, isOver }: Life): void {
  const { setup, clock } = sim
  if (isOver || setup.flavour !== 'native' || timed.unnamed > 0) return
  const nowUs = clock.monoUs()
  let kept = 0
  for (const { across, began, givenUp, dueUs, bytes } of timed.open) {
    if (across && began === undefined && !givenUp && dueUs > nowUs) kept += bytes + FRAME_COST
  }
  if (kept > setup.keptBytes) sim.violated('bounded', `${kept} bytes are kept, ${setup.keptBytes} may be`)
}

/** Each that was accepted has left as a whole, or was told to be given up: once, and not both. */
export function eachIsToldOnce({ sim, timed }: Life): void {
  for (const of of ['messages', 'bytes'] as const) {
    const { accepted, taken, told } = timed
    // Of what `ws` held when it ended, the kernel may have had all.
    const missing = accepted[of] - taken[of] - told.none[of] - told.part[of]
    if (missing >= 0 && missing <= told.unknown[of]) continue
    const parts = `${taken[of]} have left, ${told.none[of]} + ${told.part[of]} + ${told.unknown[of]} were told`
    sim.violated('given-up-is-told', `${accepted[of]} ${of} were accepted, ${parts}`)
  }
}
