import { mkdirSync, writeFileSync } from 'node:fs'

/** What scripts/test-conformance.mjs adds up. */
export interface Tally {
  /** Vectors run, each counted once per subject. */
  cases: number
  checks: number
  failed: number
}

/** Leaves the numbers of one test file where the script finds them; without it, nowhere. */
export function leaveTally(subject: string, tally: Tally): void {
  const folder = process.env['SHARED_WS_CONFORMANCE_TALLY']
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/${subject}.json`, JSON.stringify(tally))
}

/** The first few failures as text; '' when there is none. */
export function failureText(failures: readonly string[]): string {
  const shown = failures.slice(0, 15).join('\n')
  return failures.length > 15 ? `${shown}\n… and ${failures.length - 15} more` : shown
}
