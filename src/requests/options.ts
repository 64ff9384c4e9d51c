import type { Checker } from '../support/check.ts'

/** Bounds of the request table. */
export interface PendingRequestsOptions {
  /** Calls that may wait at once; those that joined count too. Default 1024. */
  readonly maxPending?: number
  /** How many settled ids are remembered. Default 4096. */
  readonly maxSettledIds?: number
  /** For how long each of them is. Default 5 minutes. */
  readonly settledIdsMs?: number
  /** How many unresolved attempts are listed; beyond it the oldest is forgotten and counted. Default 4096. */
  readonly maxUnresolved?: number
}

const MAX_ENTRIES = 2 ** 20
const DAY_MS = 86_400_000

/** Adds to `check` what is wrong with options that were given as `field`. */
export function checkPendingRequestsOptions(check: Checker, field: string, value: unknown): void {
  const given = check.object(field, value, ['maxPending', 'maxSettledIds', 'settledIdsMs', 'maxUnresolved'])
  if (given === undefined) return
  check.integer(`${field}.maxPending`, given.maxPending, 1, MAX_ENTRIES, 1)
  check.integer(`${field}.maxSettledIds`, given.maxSettledIds, 1, MAX_ENTRIES, 1)
  check.integer(`${field}.settledIdsMs`, given.settledIdsMs, 1, DAY_MS, 1)
  check.integer(`${field}.maxUnresolved`, given.maxUnresolved, 1, MAX_ENTRIES, 1)
}
