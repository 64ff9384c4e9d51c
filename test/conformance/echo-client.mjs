// An echo client under test, for servers that judge clients: it speaks the control endpoints of the field's well-known
// fuzzing server (Autobahn|Testsuite, `wstest -m fuzzingserver`), which is not part of this repository.
//   node test/conformance/echo-client.mjs --url ws://127.0.0.1:9001 [--agent NAME] [--transport native|ws]
//     [--deflate] [--offer JSON] [--case 9.1.6]... [--report OUTDIR/index.json]
// Runs every case the server has, or those named, and prints a table by family. The verdict about the close handshake is
// only in the server's report: with --report that file is read, and the exit code is 1 unless every case is OK (or
// informational) in both. Without it only behaviour is judged. --deflate offers permessage-deflate, without which families
// 12 and 13 are UNIMPLEMENTED; --offer says how, as the option `perMessageDeflate` takes it:
// --offer '{"compress":{"thresholdBytes":0}}' compresses every echo.
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { connect } from 'shared-ws'

/** The longest case: 1000 messages of 128 KiB, for which the server allows 480 s. */
const CASE_DEADLINE_MS = 500_000
const CONTROL_DEADLINE_MS = 120_000
const FINE = new Set(['OK', 'INFORMATIONAL'])
/** What it prints first; other verdicts get a column when they occur. */
const USUAL = ['OK', 'INFORMATIONAL', 'NON-STRICT', 'FAILED', 'UNIMPLEMENTED']

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'ws://127.0.0.1:9001' },
    agent: { type: 'string' },
    transport: { type: 'string', default: 'native' },
    case: { type: 'string', multiple: true },
    deflate: { type: 'boolean', default: false },
    offer: { type: 'string' },
    report: { type: 'string' },
  },
})
const { transport } = values
if (transport !== 'native' && transport !== 'ws') usage(`--transport is native or ws, not ${transport}`)
const agent = values.agent ?? `shared-ws ${transport}`
const base = values.url.replace(/\/$/, '')

/**
 * The server has one thread, and writes its reports before its 101 leaves: seconds, by the hundreds of cases.
 * `native: 'require'`: what falls back to `ws` must not be reported as native.
 */
const options = {
  transport,
  reconnect: false,
  timeouts: { upgradeMs: CONTROL_DEADLINE_MS, totalMs: CONTROL_DEADLINE_MS },
  ...(transport === 'native' ? { native: 'require' } : {}),
  perMessageDeflate: values.offer === undefined ? values.deflate : JSON.parse(values.offer),
}

const cases = values.case ?? (await caseIds())
const verdicts = new Map()
for (const [i, id] of cases.entries()) {
  const startedMs = performance.now()
  const { echoed, closed } = await runCase(id)
  const { behavior } = JSON.parse(await ask(`/getCaseStatus?casetuple=${id}&agent=${encodeURIComponent(agent)}`))
  verdicts.set(id, { behavior })
  const ms = Math.round(performance.now() - startedMs)
  console.log(`${i + 1}/${cases.length} ${id}: ${behavior}, ${echoed} echoed, ${closed.closeCode}, ${ms} ms`)
  if (!FINE.has(behavior)) console.log(`  ${closed.cause.kind}: ${closed.reason}`)
}
await ask(`/updateReports?agent=${encodeURIComponent(agent)}`)
if (values.report !== undefined) await readReport(values.report)
printTable()

/** Echoes every message, with its type, until the server has seen enough. */
async function runCase(id) {
  let echoed = 0
  let lost = 0
  const connection = connect(`${base}/runCase?casetuple=${id}&agent=${encodeURIComponent(agent)}`, {
    ...options,
    // What is sent from inside a callback waits until that has returned: room for all of one read, and for slow servers.
    lanes: { normalBytes: 64 * 1024 * 1024 },
    signal: AbortSignal.timeout(CASE_DEADLINE_MS),
    onBatch(batch) {
      for (let i = 0; i < batch.length; i++) {
        const frame = batch.at(i)
        const sent = connection.send(frame.bytes(), { binary: !frame.isText })
        if (sent === 'taken' || sent === 'queued') echoed++
        else lost++
      }
    },
  })
  const closed = await connection.closed()
  if (lost > 0) console.log(`  ${lost} messages could not be echoed`)
  return { echoed, closed }
}

/** Control endpoints answer with one text message, or with none, and close. */
async function ask(path) {
  let answer = ''
  const connection = connect(base + path, {
    ...options,
    signal: AbortSignal.timeout(CONTROL_DEADLINE_MS),
    onMessage(message) {
      answer = message.text()
    },
  })
  const { closeCode, reason } = await connection.closed()
  if (closeCode === 1000 || closeCode === 1005) return answer
  console.error(`${path}: ${reason}`)
  process.exit(2)
}

/** In the server's order. */
async function caseIds() {
  const count = JSON.parse(await ask('/getCaseCount'))
  const ids = []
  for (let n = 1; n <= count; n++) ids.push(JSON.parse(await ask(`/getCaseInfo?case=${n}`)).id)
  return ids
}

async function readReport(file) {
  const report = JSON.parse(await readFile(file, 'utf8'))[agent] ?? {}
  for (const [id, verdict] of verdicts) {
    const { behavior = 'MISSING', behaviorClose = 'MISSING', remoteCloseCode } = report[id] ?? {}
    Object.assign(verdict, { behavior, behaviorClose, remoteCloseCode })
  }
}

function printTable() {
  const worst = ({ behavior, behaviorClose = 'OK' }) => (FINE.has(behaviorClose) ? behavior : `close ${behaviorClose}`)
  const columns = [...new Set([...USUAL, ...[...verdicts.values()].map(worst)])]
  const families = new Map()
  for (const [id, verdict] of verdicts) {
    const family = id.split('.')[0]
    if (!families.has(family)) families.set(family, new Array(columns.length).fill(0))
    families.get(family)[columns.indexOf(worst(verdict))]++
  }
  const sum = columns.map((_, i) => [...families.values()].reduce((total, counts) => total + counts[i], 0))
  const widths = [6, ...columns.map((column) => column.length + 2)]
  const rows = [...families].map(([family, counts]) => [family, ...counts])
  for (const row of [['family', ...columns], ...rows, ['all', ...sum]]) {
    console.log(row.map((cell, i) => String(cell).padStart(widths[i])).join(''))
  }
  const notFine = [...verdicts].filter(([, verdict]) => !FINE.has(worst(verdict)))
  for (const [id, verdict] of notFine) console.log(id, JSON.stringify(verdict))
  console.log(`${agent}: ${verdicts.size - notFine.length} of ${verdicts.size} fine`)
  process.exitCode = notFine.length === 0 ? 0 : 1
}

function usage(problem) {
  console.error(`${problem}\nusage: see the head of ${import.meta.filename}`)
  process.exit(2)
}
