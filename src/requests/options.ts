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
