import { PLANTED_BUGS, type PlantedBug } from './planted/bugs.ts'
import { runSeed } from './run-seed.ts'

/** A bug that so many lives do not show would not be found in a night either. */
const MAX_SEEDS = 60

export interface SelfTestResult {
  readonly caught: number
  readonly missed: number
}

/** Plants one bug after the other and lets the simulation find it. */
export async function selfTest(steps: number, say: (text: string) => void): Promise<SelfTestResult> {
  let caught = 0
  for (const bug of PLANTED_BUGS) {
    const found = await findBug(bug, steps)
    if (found.by !== undefined && bug.foundBy.includes(found.by)) caught++
    say(`${found.by === undefined ? 'MISSED' : bug.foundBy.includes(found.by) ? 'caught' : 'WRONGLY'}  ${bug.name}`)
    say(
      found.by === undefined
        ? `        in ${MAX_SEEDS} seeds`
        : `        by ${found.by}, seed ${found.seed}: ${found.detail}`,
    )
  }
  return { caught, missed: PLANTED_BUGS.length - caught }
}

async function findBug(bug: PlantedBug, steps: number): Promise<{ by?: string; seed?: number; detail?: string }> {
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    const undo = bug.plant?.()
    try {
      const tampering = bug.tamper?.()
      const { violation } = await runSeed(seed, tampering === undefined ? { steps } : { steps, tampering })
      if (violation !== undefined) return { by: violation.name, seed, detail: violation.detail }
    } finally {
      undo?.()
    }
  }
  return {}
}
