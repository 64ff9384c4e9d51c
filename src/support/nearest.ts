/**
 * The candidate that `name` is most likely a slip of, or undefined when none is near. Case does not matter.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  // Names are short; one that somebody typed may not be.
  const lower = name.slice(0, 64).toLowerCase()
  let best: string | undefined
  // Two letters swapped are a distance of 2.
  const limit = lower.length < 4 ? 1 : Math.max(2, Math.floor(lower.length / 3))
  let bestDistance = limit + 1
  for (const candidate of candidates) {
    const distance = editDistance(lower, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitute, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
