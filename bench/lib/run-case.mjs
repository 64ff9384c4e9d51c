// Measures one case: one server process, one client process per implementation, interleaved rounds.
import { join } from 'node:path'
import { Child } from './child.mjs'
import { BUILD, ROOT } from './native.mjs'
import { summarize } from './stats.mjs'
import { measure } from './units.mjs'
import { findMismatch, findWrongSum } from './verify.mjs'

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {readonly string[]} impls Names of implementations, in the order of the table.
 * @property {import('./machine.mjs').Place} place
 * @property {string} task What the client does: receive, rtt, send, connect, reconnect, codec.
 * @property {readonly string[]} units The first is the one that is judged and plotted.
 * @property {Record<string, string | number>} [fields] Of the task line.
 * @property {'blaster' | 'uws' | 'none'} [server]
 * @property {string} [path] Of the server, with its query; the runner adds `run` and `n`.
 * @property {boolean | 'tickets'} [tls] `tickets`: the server gives out sessions to resume.
 * @property {boolean} [endsItself] The client may stop early; the server must have counted what it says.
 * @property {boolean} [silent] The server prints nothing about these connections.
 * @property {'all' | 'none'} [parsed] How many messages go through JSON.parse.
 * @property {number} [size] Bytes of payload.
 * @property {number} [probe] Messages of the first run, from which the others' number follows. Default 20 000.
 * @property {number} [warmUpMs] Instead of the plan's, when that is longer.
 * @property {{ windowMs: number, warmUpMs: number }} [quick] Instead of the quick plan's, in questions of many cases.
 * @property {number} [most] At most so many messages a round.
 * @property {number} [firstPlusLength] Of every message, where no server can be asked for the sum.
 * @property {number} [whole] Messages come in sequences of this length, of which only whole ones are measured.
 *
 * @typedef {object} Plan
 * @property {number} rounds
 * @property {number} windowMs What a measured window aims at.
 * @property {number} warmUpMs Unmeasured work of every implementation before the first round, for its compilers.
 *
 * @typedef {object} Context
 * @property {import('./native.mjs').NativePrograms} native
 * @property {import('./machine.mjs').Pinning} pinning
 * @property {Plan} plan
 * @property {readonly string[]} captures Files for the server.
 * @property {(detail: string) => void} progress
 *
 * @typedef {{ results: import('./report.mjs').CaseResult[], leftOut: string[] }} Outcome
 */

export const FULL = { rounds: 7, windowMs: 250, warmUpMs: 1000 }
export const QUICK = { rounds: 3, windowMs: 80, warmUpMs: 300 }

const READY_MS = 20_000
const TASK_MS = 60_000
const CA = join(BUILD, 'ca.pem')

/**
 * @param {Case} spec
 * @param {readonly import('./impls.mjs').ImplSpec[]} impls
 * @param {Context} given
 * @returns {Promise<Outcome>}
 */
export async function runCase(spec, impls, given) {
  const context = given.plan === QUICK ? { ...given, plan: { ...QUICK, ...spec.quick } } : given
  if (spec.tls && context.native.missing['tls']) throw new Error(`this case needs ${context.native.missing['tls']}`)
  /** @type {Child[]} */
  const children = []
  try {
    const server = await startServer(spec, context, children)
    if (server && 'leftOut' in server) return { results: [], leftOut: [server.leftOut] }
    return await measureAll(spec, impls, context, server, children)
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

/**
 * @param {Case} spec
 * @param {Context} context
 * @param {Child[]} children
 */
async function startServer(spec, { native, pinning, captures }, children) {
  const kind = spec.server ?? 'blaster'
  if (kind === 'none') return undefined
  const command =
    kind === 'uws'
      ? [process.execPath, join(ROOT, 'bench', 'server-uws.mjs')]
      : [native.blaster, '--ca', CA, ...captures.flatMap((file) => ['--capture', file])]
  const child = new Child(`the ${kind} server`, [...pinning.prefix(spec.place, 'server'), ...command])
  children.push(child)
  const ports = await child.read(READY_MS)
  if (ports.unavailable) return { leftOut: `${spec.name}: ${ports.unavailable}` }
  if (!spec.tls) return { child, origin: `ws://127.0.0.1:${ports.plain}` }
  return { child, origin: `wss://127.0.0.1:${spec.tls === 'tickets' ? ports.tickets : ports.tls}` }
}

/**
 * @typedef {{ child: Child, origin: string }} Server
 * @typedef {{ impl: import('./impls.mjs').ImplSpec, child: Child, n: number, values: Map<string, number[]> }} Runner
 */

let lastRun = 0

/**
 * @param {Case} spec
 * @param {readonly import('./impls.mjs').ImplSpec[]} impls
 * @param {Context} context
 * @param {Server | undefined} server
 * @param {Child[]} children
 * @returns {Promise<Outcome>}
 */
async function measureAll(spec, impls, context, server, children) {
  const { plan, native, pinning, progress } = context
  /** @type {string[]} */
  const leftOut = []
  /** @type {Runner[]} */
  const runners = []
  const started = impls.map((impl) => {
    const command = [...pinning.prefix(spec.place, 'client'), ...impl.command(native)]
    return { impl, child: new Child(impl.name, command, { BENCH_CA: CA, ...impl.env?.(CA) }) }
  })
  children.push(...started.map(({ child }) => child))
  for (const { impl, child } of started) {
    const { unavailable } = await child.read(READY_MS)
    if (!unavailable) runners.push({ impl, child, n: 0, values: new Map(spec.units.map((unit) => [unit, []])) })
    else if (impl.mayBeAbsent) leftOut.push(`${impl.name}: ${unavailable}`)
    else throw new Error(`${impl.name} cannot run: ${unavailable}`)
  }
  for (const runner of runners) {
    progress(`warming up ${runner.impl.name}`)
    await warmUp(spec, plan, server, runner)
  }
  for (let round = 0; round < plan.rounds; round++) {
    for (const runner of round % 2 === 0 ? runners : [...runners].reverse()) {
      progress(`round ${round + 1} of ${plan.rounds}, ${runner.impl.name}`)
      const answer = await runOnce(spec, plan, server, runner, runner.n)
      for (const unit of spec.units) runner.values.get(unit)?.push(measure(unit, answer, spec.size ?? 0))
    }
  }
  const results = runners.flatMap(({ impl, values }) =>
    spec.units.map((unit) => ({ name: spec.name, impl: impl.name, unit, ...summarize(values.get(unit) ?? []) })),
  )
  return { results, leftOut }
}

/**
 * Warms up, and finds out how many messages fill a window.
 * @param {Case} spec
 * @param {Plan} plan
 * @param {Server | undefined} server
 * @param {Runner} runner
 */
async function warmUp(spec, plan, server, runner) {
  const least = Math.ceil((spec.probe ?? 20_000) / 10)
  runner.n = wholeUp(spec.probe ?? 20_000, spec.whole)
  const enoughMs = Math.min(plan.warmUpMs, spec.warmUpMs ?? plan.warmUpMs)
  for (let spentMs = 0; spentMs < enoughMs; ) {
    const { wallNs, n } = await runOnce(spec, plan, server, runner, runner.n)
    spentMs += wallNs / 1e6
    const fitting = Math.ceil((plan.windowMs * 1e6 * n) / wallNs)
    runner.n = wholeUp(Math.min(Math.max(fitting, least), spec.most ?? 20_000_000), spec.whole)
  }
}

/**
 * @param {number} count
 * @param {number} [whole]
 */
const wholeUp = (count, whole = 1) => Math.ceil(count / whole) * whole

/**
 * @param {Case} spec
 * @param {Plan} plan
 * @param {Server | undefined} server
 * @param {Runner} runner
 * @param {number} n
 * @returns {Promise<import('./units.mjs').Answer>}
 */
async function runOnce(spec, plan, server, { impl, child }, n) {
  const warm = wholeUp(Math.ceil(n / 10), spec.whole)
  const run = ++lastRun
  const limit = spec.endsItself ? { maxMs: 3 * plan.windowMs } : {}
  const fields = {
    task: spec.task,
    warm,
    n,
    ...limit,
    ...urlOf(spec, server, run, warm + n),
    ...spec.fields,
    ...impl.fields,
  }
  child.say(
    Object.entries(fields)
      .map(([key, value]) => `${key}=${value}`)
      .join(' '),
  )
  const answer = await child.read(TASK_MS)
  if (!server) {
    const wrong = findWrongSum(answer, impl.fields?.['op'] === undefined ? spec.firstPlusLength : undefined)
    if (wrong) throw new Error(`${impl.name}: ${wrong}`)
    return answer
  }
  const counted = spec.silent ? undefined : await server.child.read(READY_MS)
  if (counted && counted.run !== run) throw new Error(`the server reported run ${counted.run} instead of ${run}`)
  const total = spec.endsItself ? answer.count : warm + n
  const wrong = findMismatch(answer, counted, { total, parsed: spec.parsed })
  if (wrong) throw new Error(`${impl.name}: ${wrong}`)
  return answer
}

/**
 * @param {Case} spec
 * @param {Server | undefined} server
 * @param {number} run
 * @param {number} total
 */
function urlOf(spec, server, run, total) {
  if (!server) return {}
  const path = spec.path ?? '/'
  return { url: `${server.origin}${path}${path.includes('?') ? '&' : '?'}run=${run}&n=${total}` }
}
