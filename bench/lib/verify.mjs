/**
 * Honest work: what the client consumed is what the server sent (or the other way round), to the message and the byte.
 * Returns what is wrong, or undefined.
 *
 * @param {import('./units.mjs').Answer} answer
 * @param {{ messages: number, sum: number, error: string } | undefined} server
 * @param {{ total: number, parsed?: 'all' | 'none' | undefined }} expected
 */
export function findMismatch(answer, server, { total, parsed }) {
  if (server?.error) return `the server says: ${server.error}`
  if (answer.count !== total) return `${answer.count} messages instead of ${total}`
  if (server && server.messages !== total) return `the server counted ${server.messages} messages instead of ${total}`
  if (server && server.sum !== answer.sum) return `the sum is ${answer.sum}, the server's is ${server.sum}`
  if (answer.parsed === undefined) return undefined // the C client does not parse
  if (parsed === 'all' && answer.parsed !== total)
    return `${answer.parsed} of ${total} messages went through JSON.parse`
  if (parsed === 'none' && answer.parsed !== 0) return `${answer.parsed} binary messages went through JSON.parse`
  return undefined
}

/**
 * The same where no server counts: every message has the same first byte and length.
 * @param {import('./units.mjs').Answer} answer
 * @param {number | undefined} firstPlusLength Undefined: nothing is summed.
 */
export function findWrongSum(answer, firstPlusLength) {
  if (answer.count < answer.n) return `${answer.count} messages instead of ${answer.n}`
  const expected = answer.count * (firstPlusLength ?? 0)
  if (firstPlusLength !== undefined && answer.sum !== expected) return `the sum is ${answer.sum}, not ${expected}`
  return undefined
}
