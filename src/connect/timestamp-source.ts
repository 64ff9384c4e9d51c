import type { Checker } from '../support/check.ts'
import type { WsTimestampSource } from './request.ts'

const SOURCES: readonly WsTimestampSource[] = ['callback', 'read', 'kernel']

export const DEFAULT_TIMESTAMP_SOURCE: WsTimestampSource = 'read'

export function checkTimestampSource(check: Checker, value: unknown): WsTimestampSource {
  return check.oneOf('timestampSource', value, SOURCES, DEFAULT_TIMESTAMP_SOURCE)
}

/** Reports a source that a transport has no means to tell. `able`: those that it has, beside the default. */
export function checkTimestampSupport(
  check: Checker,
  { timestampSource, transport }: { readonly timestampSource: WsTimestampSource; readonly transport: string },
  able: readonly WsTimestampSource[],
): void {
  const problem = cannotBeTold(timestampSource, transport ?? 'of yours', able)
  if (problem !== undefined) check.add('timestampSource', problem)
}

/** What is wrong with it; undefined when nothing is. */
export function cannotBeTold(
  source: WsTimestampSource,
  transport: string,
  able: readonly WsTimestampSource[],
): string | undefined {
  if (source === DEFAULT_TIMESTAMP_SOURCE || able.includes(source)) return undefined
  const instead = [DEFAULT_TIMESTAMP_SOURCE, ...able].map((name) => `'${name}'`).join(' or ')
  return `'${source}' cannot be told by transport ${transport}: use ${instead}, or the native transport`
}
