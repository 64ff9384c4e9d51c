/** A distribution in µs, of what has been recorded since the connection opened (or the actor began, where said). */
export interface WsDistribution {
  readonly count: number
  readonly minUs: number
  readonly meanUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

/** Counters since the actor began, distributions of the current (or last) connection. */
export interface WsHealthSnapshot {
  readonly messagesReceived: number
  /** Messages that the kernel has taken whole, the library's own (subscriptions, heartbeats in data frames) among them. */
  readonly messagesSent: number
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly framesIgnored: number
  readonly framesForwarded: number
  readonly eventsEmitted: number
  readonly heartbeats: number
  /** Attempts that began; each ends up among `connectionsOpened` or `attemptsFailed`. */
  readonly attempts: number
  readonly connectionsOpened: number
  readonly attemptsFailed: number
  readonly disconnects: number
  /** `gap` events. */
  readonly gaps: number
  /** Holes in sequences that were reported, those among them that went into a gap that had not ended. */
  readonly sequenceGaps: number
  /** Gaps of topics, or of the connection that goes on, which have not ended; now. */
  readonly openGaps: number
  readonly stalls: number
  readonly lateReplies: number
  readonly unmatchedReplies: number
  readonly hookErrors: number
  /** Messages with a time-to-live that were given up: never sent or, where that was told, cut off in the middle. */
  readonly sendsGivenUp: number
  /** Round trips of pings (protocol or application). */
  readonly rtt: WsDistribution
  readonly lastRttUs?: number
  /** Receive time minus the venue's own time in the payload, sampled; both clocks’ errors included; at least 1. */
  readonly payloadLag: WsDistribution
}

/** Takes numbers to wherever the user wants them. Exceptions are guarded like those of a handler. */
export interface WsMetricsReporter {
  /** Every `metricsIntervalMs` while the actor runs, and once more when it has stopped. */
  report(snapshot: WsHealthSnapshot): void
}
