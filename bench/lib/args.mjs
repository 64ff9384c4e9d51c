/**
 * @typedef {object} Args
 * @property {string[]} names Questions; empty: all.
 * @property {boolean} quick
 * @property {boolean} list
 * @property {boolean} results Write RESULTS.md and the plots.
 * @property {string | undefined} json
 * @property {string[]} filter
 */

export const USAGE = `npm run bench -- [NAME…] [--quick] [--json FILE] [--filter IMPL,…] [--list] [--results]
  NAME            one question (see --list); none: all of them
  --quick         under 40 seconds a question; for a look, not for a claim
  --json FILE     writes { bench, machine, cases, ratios }
  --filter IMPL   only these implementations, by name (ws:warm) or by what stands before the colon (shared-ws)
  --list          names the questions
  --results       writes bench/RESULTS.md and a plot per question; takes a full run of everything`

/**
 * @param {readonly string[]} argv
 * @returns {Args}
 */
export function parseArgs(argv) {
  /** @type {Args} */
  const args = { names: [], quick: false, list: false, results: false, json: undefined, filter: [] }
  for (let i = 0; i < argv.length; i++) {
    const arg = /** @type {string} */ (argv[i])
    const value = () => {
      const next = argv[++i]
      if (next === undefined || next.startsWith('--')) throw new Error(`${arg} needs a value\n\n${USAGE}`)
      return next
    }
    if (arg === '--quick') args.quick = true
    else if (arg === '--list') args.list = true
    else if (arg === '--results') args.results = true
    else if (arg === '--json') args.json = value()
    else if (arg === '--filter') args.filter.push(...value().split(','))
    else if (arg.startsWith('-')) throw new Error(`unknown option ${arg}\n\n${USAGE}`)
    else args.names.push(arg)
  }
  if (args.results && (args.quick || args.names.length > 0 || args.filter.length > 0)) {
    throw new Error('--results records one full run: leave out names, --quick and --filter')
  }
  return args
}
