import { PLANTED_BUGS } from './planted/bugs.ts'
import type { PlantedBug } from './planted/patch.ts'
import { runSeed } from './run-seed.ts'

/** A bug that so many lives do not show would not be found in a night either. */
const MAX_SEEDS = 300

export interface SelfTestResult {
  readonly caught: number
  readonly missed: number
}

/** Plants one bug after the other and lets the simulation find it. */
export async function selfTest(steps: number, say: (text: string) => void): Promise<SelfTestResult> {
  let caught = 0
  for (const bug of PLANTED_BUGS) {
    const found = await findBug(bug, steps)
    if (found === undefined) {
      say(`MISSED  ${bug.name}`)
      say(`        in ${MAX_SEEDS} seeds`)
      continue
    }
    caught++
    const { by, seed, detail } = found
    // Which of several consequences shows first is chance: none is a worse catch than another.
    const isExpected = bug.foundBy.includes(by)
    say(`caught  ${bug.name}`)
    say(`        by ${by}${isExpected ? '' : ` (not ${bug.foundBy.join(' or ')})`}, seed ${seed}: ${detail}`)
  }
  return { caught, missed: PLANTED_BUGS.length - caught }
}

interface Catch {
  readonly by: string
  readonly seed: number
  readonly detail: string
}

async function findBug(bug: PlantedBug, steps: number): Promise<Catch | undefined> {
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
  return undefined
}
