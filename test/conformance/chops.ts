import { FULL } from './depth.ts'
import type { Vector } from './vectors.ts'

/** How the server cuts what it writes. Each piece has been read by the client before the next one is written. */
export interface Chop {
  readonly name: string
  /** The first bytes leave with the response head. */
  readonly glued?: true
  /** Where the next cut lies, for bytes that begin at `at` in the server's stream. */
  nextCut(at: number): number
}

const whole: Chop = { name: 'whole', nextCut: () => Number.POSITIVE_INFINITY }
const glued: Chop = { ...whole, name: 'glued to the response head', glued: true }
const chunksOf = (size: number): Chop => ({ name: `in pieces of ${size} B`, nextCut: (at) => at + size })
const cutAt = (cut: number): Chop => ({
  name: `cut at ${cut}`,
  nextCut: (at) => (at < cut ? cut : Number.POSITIVE_INFINITY),
})

/** Streams up to here are cut in two everywhere. */
const EVERY_CUT_BELOW_BYTES = FULL ? 600 : 48
const EVERY_SIZE_BELOW_BYTES = FULL ? 600 : 16
const SINGLE_BYTES_BELOW = FULL ? 8192 : 1500
const FEW_CHOPS_FROM_BYTES = 64 * 1024

const upTo = (n: number): number[] => Array.from({ length: Math.max(0, n) }, (_, index) => index + 1)

/** For a vector over sockets, whose server writes `total` bytes behind its response head. */
export function socketChops(vector: Vector, total: number): Chop[] {
  if (vector.piece !== undefined) return [chunksOf(vector.piece)]
  // A head of its own is what such a vector is about: cut it, everywhere by its own bytes.
  const bytes = total + (vector.head?.length ?? 0)
  if (bytes === 0) return [whole]
  // Cuts are the business of other vectors: these are many messages.
  if (vector.rounds > 1) return total === 0 ? [whole] : [whole, glued, chunksOf(total < 4096 ? 5 : 1460)]
  if (bytes >= FEW_CHOPS_FROM_BYTES) return [whole, chunksOf(bytes < 1024 * 1024 ? 4093 : 65_521)]
  const sizes =
    bytes <= EVERY_SIZE_BELOW_BYTES ? upTo(bytes - 1) : [...(bytes <= SINGLE_BYTES_BELOW ? [1, 2, 7] : []), 1460]
  const edges = [...upTo(4), Math.floor(bytes / 2), ...upTo(3).map((back) => bytes - back)]
  const cuts = bytes <= EVERY_CUT_BELOW_BYTES ? upTo(bytes - 1) : edges
  return [
    whole,
    ...(vector.head === undefined && total > 0 ? [glued] : []),
    ...sizes.filter((size) => size < bytes).map(chunksOf),
    ...[...new Set(cuts)].filter((cut) => cut > 0 && cut < bytes).map(cutAt),
  ]
}
