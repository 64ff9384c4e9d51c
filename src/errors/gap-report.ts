/**
 * What is to follow a hole in a sequence.
 *
 * - `resubscribe`: the topic is subscribed anew, and `resumed` comes after its acknowledgement and first data. Topics wait for
 *   their turn together: at most one round in `topics.resubscribeEveryMs` (default 10 s) on a connection. A topic that has its
 *   next hole within that time of `resumed`, after `topics.reconnectAfter` (default 2) such rounds in vain, costs the connection.
 * - `reconnect`: the connection is replaced; pending asks may finish first.
 * - `continue`: you mend it (by a snapshot, say), and `resumed` comes when you say so: `reportResumed`.
 */
export type WsGapRemedy = 'resubscribe' | 'reconnect' | 'continue'

/**
 * A hole in a venue's sequence numbers, as whoever reads them reports it: a `gap` event for everybody, and what is to follow. Numbers
 * that make no sense (they come from the venue) count as not given; only what is of the wrong type is a mistake, and throws `ERR_CONFIG`.
 */
export interface WsGapReport {
  /** The topic, called as in `subscriptions`. Absent: the sequence is that of the whole connection. */
  readonly key?: string
  /** What was to come next, and what came; for people, in the message of the cause. Text and bigints keep all digits. */
  readonly expected?: string | number | bigint
  readonly received?: string | number | bigint
  /** How many messages are missing, if the numbers tell. */
  readonly messages?: number
  /**
   * Unix epoch µs: the last message before the hole. Default: the last data of the topic before the newest (where `topics` are
   * watched; by `plan.topic` it is when that was last looked at, which may be earlier), of a whole connection the last data of the read before; else `toUs`.
   */
  readonly fromUs?: number
  /** Unix epoch µs: the message that showed the hole. Default: the one that is being looked at; outside of hooks, now. */
  readonly toUs?: number
  /** The connection of that message. Default: the current one. Of an earlier one nothing is told: its own gap covers it. */
  readonly connection?: number
  /**
   * Default `resubscribe` where there is something to subscribe anew: the topic is desired or, without `key`, anything is. Else
   * `continue`, which is also what becomes of a `resubscribe` where there is nothing.
   */
  readonly remedy?: WsGapRemedy
}

/**
 * `told`: as a `gap`. `merged`: the gap of this topic that was told has not ended, or this lies before its end; it is counted.
 * `not-open`: the connection is not there any more (nor is data: that its own gap tells).
 */
export type WsGapReported = 'told' | 'merged' | 'not-open'
