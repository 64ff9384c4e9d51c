export interface Args {
  readonly seeds: number
  readonly firstSeed: number
  /** Steps of chaos per seed. */
  readonly steps: number
  readonly selfTest: boolean
  /** Lines of trace that a failure shows. */
  readonly traceLines: number
  readonly keepGoing: boolean
}

const HELP = `Simulates the actor: the real one, over a simulated network and exchange, with seeded chance and virtual time.

  npm run test:simulation                       300 seeds
  npm run test:simulation -- --seeds 1000       more
  npm run test:simulation -- --seed 17          that one
  npm run test:simulation -- --self-test        plants bugs, each of which must be caught

  --seeds N      how many (default 300; 1 with --seed; none with --self-test alone)
  --seed S       the first of them (default 1)
  --steps N      of chaos per seed (default 3500); rest and the end come on top
  --trace N      lines that a failure shows (default 60)
  --keep-going   does not end at the first failure
`

/** Undefined: help was asked for and given. Throws what is wrong, in words. */
export function parseArgs(list: readonly string[], say: (text: string) => void): Args | undefined {
  const values = new Map<string, number>()
  const flags = new Set<string>()
  for (let i = 0; i < list.length; i++) {
    const name = list[i] as string
    if (name === '--help') {
      say(HELP)
      return undefined
    }
    if (name === '--self-test' || name === '--keep-going') {
      flags.add(name)
    } else if (['--seeds', '--seed', '--steps', '--trace'].includes(name)) {
      const text = list[++i] ?? ''
      const value = Number(text)
      if (!/^\d+$/.test(text) || value > 2 ** 32)
        throw new Error(`${name} needs a whole number, not ${text || 'nothing'}`)
      values.set(name, value)
    } else {
      throw new Error(`unknown argument ${name}; see --help`)
    }
  }
  const selfTest = flags.has('--self-test')
  return {
    seeds: values.get('--seeds') ?? (values.has('--seed') ? 1 : selfTest ? 0 : 300),
    firstSeed: values.get('--seed') ?? 1,
    steps: values.get('--steps') ?? 3500,
    selfTest,
    traceLines: values.get('--trace') ?? 60,
    keepGoing: flags.has('--keep-going'),
  }
}
