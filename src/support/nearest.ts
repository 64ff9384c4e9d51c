/**
 * The candidate that `name` is most likely a slip of, or undefined when none is near. Case does not matter.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const lower = name.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(lower, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein's. Names are short; one that somebody typed may not be, so it is cut. */
function editDistance(a: string, b: string): number {
  const from = a.slice(0, 64)
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] as number) + (from[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitute, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
