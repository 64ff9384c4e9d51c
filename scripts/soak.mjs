// Does it grow? Runs the chaos demo (src/cli/demo.ts) again and again in this process, and fits lines to what is left between the
// rounds: RSS, heap, file descriptors, timers. Needs npm run build. Exit codes: 0 nothing grows, 1 something does or a promise
// of the demo was broken, 2 the command line is wrong.
//   npm run soak -- --minutes N [--transport native|ws]
// Which fixes the size of V8's young generation: left alone it doubles up to three times 16 MiB whenever the load asks for it, and
// keeps that for minutes, which in RSS cannot be told from a leak.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const root = fileURLToPath(new URL('..', import.meta.url))
const MIB = 1024 * 1024
/** The first rounds fill caches, compile code, and grow the heap to its size. */
const WARM_UP_ROUNDS = 2
const MIN_ROUNDS = 6
/** Of which the demo takes some for the orders that are left in the dark. */
const ROUND_SECONDS = 60
/** How often it is looked at the process during a round. */
const LOOK_EVERY_MS = 250

/** What may be left behind per round, by the fitted line. V8 goes on compiling for many rounds, tens of KiB in each. */
const LIMITS = {
  rss: { name: 'RSS', unit: 'KiB', scale: 1024, perRound: MIB },
  heap: { name: 'heap', unit: 'KiB', scale: 1024, perRound: 128 * 1024 },
  fds: { name: 'fds', unit: '', scale: 1, perRound: 0.1 },
  timers: { name: 'timers', unit: '', scale: 1, perRound: 0.1 },
}

const { minutes, transport } = parse(process.argv.slice(2))
const rounds = Math.max(MIN_ROUNDS + WARM_UP_ROUNDS, Math.round((minutes * 60) / ROUND_SECONDS))
const seconds = Math.max(1, Math.floor((minutes * 60) / rounds))
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')
const { runCli, Output, systemClock } = await library()

console.log(
  `${rounds} rounds of ${seconds} s of the chaos demo${transport ? ` over ${transport}` : ''}; what is left after each:`,
)
console.log(
  `${'round'.padStart(5)}  ${'RSS MiB'.padStart(9)}  ${'heap MiB'.padStart(9)}  fds  timers   most fds  most timers`,
)
const samples = []
let broken = 0
for (let round = 1; round <= rounds; round++) {
  const { code, text, most } = await oneRound(round)
  if (code !== 0) {
    broken++
    console.log(text)
    console.log(
      `round ${round}: the demo ended with code ${code}; again: npm run demo -- --chaos --seconds ${seconds} --seed ${round}`,
    )
  }
  const sample = await restingSample()
  samples.push(sample)
  const mib = (bytes) => (bytes / MIB).toFixed(1).padStart(9)
  console.log(
    `${String(round).padStart(5)}  ${mib(sample.rss)}  ${mib(sample.heap)}  ${String(sample.fds).padStart(3)}  ${String(sample.timers).padStart(6)}   ${String(most.fds).padStart(8)}  ${String(most.timers).padStart(11)}`,
  )
}

const settled = samples.slice(WARM_UP_ROUNDS)
let growing = 0
console.log(`slopes over ${settled.length} rounds:`)
for (const [key, { name, unit, scale, perRound }] of Object.entries(LIMITS)) {
  const slope = slopeOf(settled.map((sample) => sample[key]))
  const grows = slope > perRound
  if (grows) growing++
  const number = (value) => `${(value / scale).toFixed(2)}${unit && ` ${unit}`}`
  console.log(
    `  ${name.padEnd(7)} ${number(slope).padStart(12)} per round, ${number(perRound)} may be${grows ? '   GROWS' : ''}`,
  )
}
console.log(
  growing === 0 && broken === 0
    ? 'verdict: nothing grows, and every promise held'
    : `verdict: ${growing} grow, ${broken} rounds broke a promise`,
)
if (growing > 0 || broken > 0) process.exitCode = 1

/** One run of the demo, whose output is kept for a failure. */
async function oneRound(round) {
  let text = ''
  const sink = () =>
    new Output(
      new Writable({
        write(chunk, _encoding, done) {
          text = (text + chunk).slice(-8000)
          done()
        },
      }),
    )
  const io = {
    stdout: sink(),
    stderr: sink(),
    clock: systemClock,
    onSignal: () => () => {},
    exitNow: (code) => process.exit(code),
  }
  const most = { fds: 0, timers: 0 }
  const look = setInterval(() => {
    const { fds, timers } = sampleNow()
    most.fds = Math.max(most.fds, fds)
    most.timers = Math.max(most.timers, timers - 1)
  }, LOOK_EVERY_MS)
  const argv = ['demo', '--chaos', '--seconds', String(seconds), '--seed', String(round)]
  if (transport) argv.push('--transport', transport)
  const code = await runCli(argv, io)
  clearInterval(look)
  return { code, text, most }
}

/** Once what is about to end has ended. */
async function restingSample() {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    gc()
  }
  return sampleNow()
}

function sampleNow() {
  const { rss, heapUsed, external } = process.memoryUsage()
  const fds = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  return { rss, heap: heapUsed + external, fds, timers }
}

/** Least squares, per step. */
function slopeOf(values) {
  const n = values.length
  const meanX = (n - 1) / 2
  const meanY = values.reduce((sum, y) => sum + y, 0) / n
  const covariance = values.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0)
  return covariance / values.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0)
}

async function library() {
  const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href)
  try {
    const [{ runCli }, { Output }, { systemClock }] = await Promise.all(
      ['cli/cli.js', 'cli/output.js', 'support/clock.js'].map(load),
    )
    return { runCli, Output, systemClock }
  } catch (error) {
    console.error(`soak: the library is not built (${error.message}); npm run build`)
    process.exit(2)
  }
}

function parse(argv) {
  const given = { minutes: 5, transport: undefined }
  for (let i = 0; i < argv.length; i += 2) {
    const [name, value = ''] = [argv[i], argv[i + 1]]
    if (name === '--minutes' && Number(value) > 0 && Number(value) <= 10_000) given.minutes = Number(value)
    else if (name === '--transport' && (value === 'native' || value === 'ws')) given.transport = value
    else {
      console.error(`soak: ${name} ${value}: give --minutes N (above 0) and --transport native|ws, or neither`)
      process.exit(2)
    }
  }
  return given
}
