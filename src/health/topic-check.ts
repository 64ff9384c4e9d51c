import { type Checker, MAX_TIMER_MS } from '../support/check.ts'
import { DEFAULT_RECONNECT_AFTER, DEFAULT_RESUBSCRIBE_EVERY_MS } from './resubscribe-limit.ts'
import type { WsTopicWatchOptions } from './topic-watch.ts'

/** With every default filled in; without `topicOf` the plan names the topic. */
export type ResolvedTopics = Required<Omit<WsTopicWatchOptions, 'topicOf'>> & Pick<WsTopicWatchOptions, 'topicOf'>

const TOPIC_OPTIONS = ['topicOf', 'silentAfterMs', 'resubscribe', 'resubscribeEveryMs', 'reconnectAfter'] as const

/** `plan`: the option of that name, which is checked elsewhere. */
export function checkTopics(check: Checker, value: unknown, plan: unknown): ResolvedTopics | undefined {
  const given = check.object('topics', value, TOPIC_OPTIONS)
  if (given === undefined) return undefined
  const topicOf = check.function<NonNullable<WsTopicWatchOptions['topicOf']>>('topics.topicOf', given.topicOf)
  const inPlan = (Object(plan) as { readonly topic?: unknown }).topic !== undefined
  if (given.topicOf === undefined && !inPlan) {
    check.add('topics.topicOf', 'is missing, and so is plan.topic: which topic does a message belong to?')
  } else if (given.topicOf !== undefined && inPlan) {
    check.add('topics.topicOf', 'is of no use with plan.topic, which names the topic already: give one of them')
  }
  const { silentAfterMs, reconnectAfter } = given
  if (silentAfterMs === undefined) check.add('topics.silentAfterMs', 'is missing: how long may a topic be silent?')
  return {
    ...(topicOf === undefined ? {} : { topicOf }),
    silentAfterMs:
      typeof silentAfterMs === 'function'
        ? (silentAfterMs as (topic: string) => number | undefined)
        : check.integer('topics.silentAfterMs', silentAfterMs, 1, MAX_TIMER_MS, 1),
    resubscribe: check.boolean('topics.resubscribe', given.resubscribe, true),
    resubscribeEveryMs: check.integer(
      'topics.resubscribeEveryMs',
      given.resubscribeEveryMs,
      1,
      MAX_TIMER_MS,
      DEFAULT_RESUBSCRIBE_EVERY_MS,
    ),
    reconnectAfter:
      reconnectAfter === Infinity
        ? Infinity
        : check.integer('topics.reconnectAfter', reconnectAfter, 0, Number.MAX_SAFE_INTEGER, DEFAULT_RECONNECT_AFTER),
  }
}
