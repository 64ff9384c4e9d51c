/**
 * What a transport does with data messages by itself, as data: C++ runs it on the bytes where they were read (`native`), TypeScript
 * the same elsewhere (`ws`, `mock`), with the same answer for every input. A message that it looks at costs no JavaScript.
 *
 * Today it says where the topic of a message is; see {@link WsTopicPlan}.
 */
export interface IngressPlan {
  /**
   * Which topic a message is data of, so that `topics` knows when each was last seen without looking at a frame. A string is
   * short for `{ key }`.
   */
  readonly topic?: string | WsTopicPlan
}

/**
 * Where a message in JSON names its topic. Only text is looked at (also what `inflateBinary` made text). The names that come of it
 * must be those by which you subscribe:
 *
 * ```ts
 * plan: { topic: '{params.channel}' }                                              // Deribit
 * plan: { topic: { key: '{stream}', when: [{ path: 'data' }] } }                   // Binance, combined streams
 * plan: { topic: { key: '{arg.channel}:{arg.instId}', when: [{ path: 'data' }] } } // OKX, whose acknowledgements have `arg` too
 * ```
 *
 * It is one scan over the bytes, as far as needed, and no validation: of a message that is no JSON nothing is promised but that all
 * transports say the same. Of duplicate keys the first counts.
 */
export interface WsTopicPlan {
  /**
   * The name: `{path}` stands for the value there, all else for itself; `{{` and `}}` are braces. A path is keys separated by
   * dots, elements of arrays by their index (`data.0.symbol`). The value is a string, whose escapes count as what they mean, or a
   * number, `true`, `false` or `null`, as written. Where there is none, or an object or array, the message is of no topic; nor is
   * it when the name is empty or has more than 256 bytes.
   */
  readonly key: string
  /**
   * All of these must hold, or the message is of no topic. What carries the name but no data (acknowledgements, heartbeats of a
   * channel, errors) must be kept out here, or a feed that only acknowledges would pass for one that lives. Default: none.
   */
  readonly when?: readonly WsTopicCondition[]
}

/** `{ path }`: there is a value, be it `null`. With `is`: a string or a scalar of that text. With `not`: nothing, or anything else. */
export interface WsTopicCondition {
  /** As in {@link WsTopicPlan.key}, without braces. */
  readonly path: string
  readonly is?: string
  readonly not?: string
}
