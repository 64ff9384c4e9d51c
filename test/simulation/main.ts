import { type Args, parseArgs } from './args.ts'
import { runSeed, type SeedResult } from './run-seed.ts'
import { selfTest } from './self-test.ts'

// Run by scripts/test-simulation.mjs, which compiles it.

/** So many seeds are run twice: the same seed must be the same life. */
const REPEATED = 5
/** Bugs show early, or in another life. */
const SELF_TEST_STEPS = 2000

interface Totals {
  seeds: number
  failed: number
  steps: number
  asks: number
  actors: number
  connections: number
  virtualMs: number
  readonly faults: Map<string, number>
  readonly outcomes: Map<string, number>
  readonly timed: Map<string, number>
}

const say = (text: string): void => console.log(text)

async function simulate(args: Args): Promise<Totals> {
  const { firstSeed, seeds, steps } = args
  const totals: Totals = {
    seeds: 0,
    failed: 0,
    steps: 0,
    asks: 0,
    actors: 0,
    connections: 0,
    virtualMs: 0,
    faults: new Map(),
    outcomes: new Map(),
    timed: new Map(),
  }
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const result = await runSeed(seed, { steps })
    count(totals, result)
    const isRepeated = seed - firstSeed < REPEATED && (await runSeed(seed, { steps })).traceHash !== result.traceHash
    if (result.violation === undefined && !isRepeated) continue
    totals.failed++
    for (const line of result.lastLines.slice(-args.traceLines)) say(line)
    say(
      result.violation === undefined
        ? `seed ${seed}: VIOLATION of deterministic: a second run had another trace`
        : `seed ${seed}: VIOLATION of ${result.violation.name}: ${result.violation.detail}`,
    )
    say(`replay: npm run test:simulation -- --seed ${seed} --steps ${steps}`)
    if (!args.keepGoing) break
  }
  return totals
}

function count(totals: Totals, result: SeedResult): void {
  totals.seeds++
  totals.steps += result.steps
  totals.asks += result.asks
  totals.actors += result.actors
  totals.connections += result.connections
  totals.virtualMs += result.virtualMs
  for (const [kind, n] of result.faults) totals.faults.set(kind, (totals.faults.get(kind) ?? 0) + n)
  for (const [what, n] of result.timed) totals.timed.set(what, (totals.timed.get(what) ?? 0) + n)
  for (const [kind, n] of result.outcomes) totals.outcomes.set(kind, (totals.outcomes.get(kind) ?? 0) + n)
}

function report(totals: Totals, args: Args, seconds: number): void {
  const { firstSeed } = args
  const hours = (totals.virtualMs / 3_600_000).toFixed(1)
  say(
    `seeds ${firstSeed} to ${firstSeed + totals.seeds - 1}: ${totals.steps} steps, ${hours} h of virtual time, in ${seconds.toFixed(1)} s`,
  )
  say(`${totals.actors} actors, ${totals.connections} connections, ${totals.asks} asks`)
  say(table('outcomes', totals.outcomes))
  say(table('sends with a time-to-live', totals.timed))
  say(table('faults injected', totals.faults))
}

function table(title: string, counts: ReadonlyMap<string, number>): string {
  const rows = [...counts].sort(([, a], [, b]) => b - a)
  return [`${title}:`, ...rows.map(([kind, n]) => `  ${String(n).padStart(8)}  ${kind}`)].join('\n')
}

async function main(): Promise<void> {
  const args = parseArgs(process.argv.slice(2), say)
  if (args === undefined) return
  const began = process.hrtime.bigint()
  let passed = 0
  let failed = 0
  if (args.seeds > 0) {
    const totals = await simulate(args)
    report(totals, args, Number(process.hrtime.bigint() - began) / 1e9)
    passed += totals.seeds - totals.failed
    failed += totals.failed
  }
  if (args.selfTest) {
    const { caught, missed } = await selfTest(Math.min(args.steps, SELF_TEST_STEPS), say)
    say(`${caught} of ${caught + missed} planted bugs were caught`)
    passed += caught
    failed += missed
  }
  say(`${passed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

process.on('unhandledRejection', (error) => {
  say(`a rejection that nobody handled: ${error instanceof Error ? error.stack : String(error)}`)
  process.exit(1)
})

try {
  await main()
} catch (error) {
  console.error(`test-simulation: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  process.exitCode = 2
}
