// The one JSON format of all benches.
import { ratioOf } from './stats.mjs'

/**
 * @typedef {import('./stats.mjs').Summary & { name: string, impl: string, unit: string }} CaseResult
 * @typedef {{ bench: string, machine: string, cases: CaseResult[], ratios: Record<string, number> }} Report
 */

/** @param {string} impl */
export const isOurs = (impl) => impl.startsWith('shared-ws:')

/**
 * Ours against each peer of the same case and unit, as `<case> <peer>/<impl> <unit>`; above 1 means that we are better.
 * @param {readonly CaseResult[]} cases
 */
export function ratiosOf(cases) {
  /** @type {Record<string, number>} */
  const ratios = {}
  for (const ours of cases.filter(({ impl }) => isOurs(impl))) {
    for (const peer of cases) {
      if (isOurs(peer.impl) || peer.name !== ours.name || peer.unit !== ours.unit) continue
      ratios[`${ours.name} ${peer.impl}/${ours.impl} ${ours.unit}`] = ratioOf(ours.unit, ours, peer)
    }
  }
  return ratios
}

/**
 * @param {string} bench
 * @param {string} machine
 * @param {readonly CaseResult[]} cases
 * @returns {Report}
 */
export function makeReport(bench, machine, cases) {
  const plain = cases.map(({ name, impl, unit, median, min, max, n }) => ({ name, impl, unit, median, min, max, n }))
  return { bench, machine, cases: plain, ratios: ratiosOf(plain) }
}

/**
 * Several benches in one report, for `--json` without a name: cases are then called `<bench>: <case>`.
 * @param {string} machine
 * @param {readonly Report[]} reports
 */
export function joinReports(machine, reports) {
  const cases = reports.flatMap(({ bench, cases }) => cases.map((one) => ({ ...one, name: `${bench}: ${one.name}` })))
  return makeReport('all', machine, cases)
}
