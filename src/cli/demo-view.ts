import type { WsStatusEvent } from '../actor/status.ts'
import type { DemoFinding } from './demo-check.ts'
import type { CliIo } from './io.ts'

/** What the live view shows. */
export interface DemoSnapshot {
  /** Since the beginning. */
  readonly elapsedS: number
  readonly status: string
  readonly connection: number
  /** Since the last snapshot. */
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  /** Undefined before the first round trip. */
  readonly rttUs: { readonly p50: number; readonly p99: number } | undefined
  readonly pending: number
  readonly reconnects: number
  readonly gaps: number
  /** Settled requests, by kind of outcome. */
  readonly outcomes: ReadonlyMap<string, number>
}

/** Events above the view, at most so many; plain output has all of them. */
const SHOWN_EVENTS = 8

/**
 * Shows a demo while it runs: on a terminal one block that is drawn over and over, elsewhere a line per event and one
 * per second.
 */
export class DemoView {
  readonly #io: CliIo
  readonly #events: string[] = []
  #drawnLines = 0
  /** The reader of stdout has not caught up: snapshots are left out, so that they do not pile up. */
  #waiting = false

  constructor(io: CliIo) {
    this.#io = io
  }

  /** ms from one snapshot to the next. */
  get intervalMs(): number {
    return this.#io.interactive ? 250 : 1000
  }

  /** A line that stays. */
  say(text: string): void {
    this.#write(`${text}\n`)
  }

  event(elapsedS: number, text: string): void {
    const line = `${time(elapsedS)}  ${text}`
    if (!this.#io.interactive) {
      this.say(line)
      return
    }
    this.#events.push(line)
    if (this.#events.length > SHOWN_EVENTS) this.#events.shift()
  }

  snapshot(snapshot: DemoSnapshot): void {
    if (this.#waiting) return
    if (!this.#io.interactive) {
      this.say(`${time(snapshot.elapsedS)}  ${plainLine(snapshot)}`)
      return
    }
    const lines = [...this.#events, '', ...block(snapshot)]
    // Up to where the last one began, then everything below is cleared: a resized terminal may garble one drawing. Long
    // lines are cut by the terminal instead of wrapped (DECAWM), so that a line is a line.
    const back = this.#drawnLines === 0 ? '' : `\x1b[${this.#drawnLines}A`
    this.#write(`${back}\x1b[J\x1b[?7l${lines.join('\n')}\n\x1b[?7h`)
    this.#drawnLines = lines.length
  }

  /** What is drawn stays; what follows comes below it. */
  finish(): void {
    this.#drawnLines = 0
  }

  #write(text: string): void {
    const caughtUp = this.#io.stdout.write(text)
    if (caughtUp === undefined) return
    this.#waiting = true
    void caughtUp.then(() => {
      this.#waiting = false
    })
  }
}

function block(snapshot: DemoSnapshot): string[] {
  const { status, connection, rttUs } = snapshot
  const row = (name: string, value: string): string => `  ${name.padEnd(12)} ${value}`
  return [
    row('state', `${status}, connection ${connection}, ${time(snapshot.elapsedS).trim()}`),
    row('messages/s', count(snapshot.messagesPerSecond)),
    row('bytes/s', count(snapshot.bytesPerSecond)),
    row('round trip', rttUs === undefined ? '-' : `p50 ${ms(rttUs.p50)}  p99 ${ms(rttUs.p99)}`),
    row('pending', String(snapshot.pending)),
    row('reconnects', String(snapshot.reconnects)),
    row('gaps', String(snapshot.gaps)),
    row('requests', outcomeText(snapshot.outcomes)),
  ]
}

function plainLine(snapshot: DemoSnapshot): string {
  const { status, rttUs, messagesPerSecond, bytesPerSecond, pending, reconnects, gaps } = snapshot
  const rtt = rttUs === undefined ? 'rtt -' : `rtt p50 ${ms(rttUs.p50)} p99 ${ms(rttUs.p99)}`
  const rates = `${count(messagesPerSecond)} msg/s, ${count(bytesPerSecond)} B/s, ${rtt}`
  return `${status}: ${rates}, ${pending} pending, ${reconnects} reconnects, ${gaps} gaps`
}

/** One line for a status event of the actor that a newcomer wants to see; undefined for the others. */
export function statusText(event: WsStatusEvent): string | undefined {
  switch (event.kind) {
    case 'open':
      return `connection ${event.connection} is open: authenticating, subscribing`
    case 'ready':
      return `connection ${event.connection} is ready`
    case 'disconnected':
      return `connection ${event.connection} ended: ${event.cause.message}`
    case 'gap':
      return `gap of connection ${event.connection}: data may be missing from here`
    case 'backoff':
      return `next attempt in ${Math.round(event.delayMs)} ms`
    case 'stall':
      return `this process stood still for ${Math.round(event.stalledForMs)} ms`
    case 'subscription':
      return event.state === 'acked' ? undefined : `${event.item}: ${event.state}`
    default:
      return undefined
  }
}

/** `confirmed 12, rejected 3`. */
export function outcomeText(outcomes: ReadonlyMap<string, number>): string {
  const parts = [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, n]) => `${kind} ${n}`)
  return parts.length === 0 ? 'none yet' : parts.join(', ')
}

/** Problems that the table names of each promise; the number of all is said as well. */
const SHOWN_PROBLEMS = 5

/** What was expected, and what happened. */
export function findingsTable(findings: readonly DemoFinding[]): string {
  const rows = findings.map(({ promise, checked, problems }) => [
    promise,
    String(checked),
    problems.length === 0 ? 'held' : `BROKEN ${problems.length} times`,
  ])
  const all = [['what was expected', 'checked', 'what happened'], ...rows] as [string, string, string][]
  const widths = [0, 1].map((i) => Math.max(...all.map((row) => (row[i] as string).length)))
  const [first = 0, second = 0] = widths
  const lines = all.map(([promise, n, verdict]) => `${promise.padEnd(first)}  ${n.padStart(second)}  ${verdict}`)
  const problems = findings.flatMap(({ problems }) => [
    ...problems.slice(0, SHOWN_PROBLEMS).map((problem) => `  ${problem}`),
    ...(problems.length > SHOWN_PROBLEMS ? [`  … and ${problems.length - SHOWN_PROBLEMS} more`] : []),
  ])
  return [...lines, ...(problems.length > 0 ? ['', 'what broke:', ...problems] : [])].join('\n')
}

function time(seconds: number): string {
  return `${seconds.toFixed(1).padStart(6)} s`
}

function count(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}

function ms(us: number): string {
  return us < 1000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(1)} ms`
}
