import { describe, expect, it } from 'vitest'
import { nativeTransport } from '../../src/transport/native.ts'
import { wsTransport } from '../../src/transport/ws.ts'
import { type AttackOptions, type AttackResult, attack } from './attack.ts'

const KILLS = Number(process.env['KILLS'] ?? 10_000)
/** Attacks on one way at a time: most of a life is waiting. */
const AT_ONCE = 4
const WAYS = [
  { name: 'native, plain', transport: nativeTransport, isTls: false },
  { name: 'native, TLS', transport: nativeTransport, isTls: true },
  { name: 'ws, plain', transport: wsTransport, isTls: false },
  { name: 'ws, TLS', transport: wsTransport, isTls: true },
]

describe('connections killed at every byte offset of a frame, and at any time', () => {
  it.each(WAYS)(
    '$name: the log of the server contradicts no outcome',
    async ({ name, transport, isTls }) => {
      const kills = Math.ceil(KILLS / WAYS.length)
      const share = Math.ceil(kills / AT_ONCE)
      const one = (i: number): AttackOptions => ({ transport, isTls, kills: share, seed: i, firstPlan: i * share })
      const result = together(await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => attack(one(i)))))
      console.log(report(name, result))
      expect(result.contradictions).toEqual([])
      expect([...result.kills.values()].reduce((sum, n) => sum + n, 0)).toBeGreaterThanOrEqual(kills)
      // An attack under which all is well, or nothing is, would prove nothing.
      for (const kind of ['confirmed', 'sent', 'not-delivered', 'unconfirmed']) {
        expect(result.outcomes.get(kind) ?? 0, kind).toBeGreaterThan(0)
      }
    },
    1_200_000,
  )
})

function together(results: readonly AttackResult[]): AttackResult {
  return {
    kills: sum(results.map(({ kills }) => kills)),
    asks: results.reduce((total, { asks }) => total + asks, 0),
    outcomes: sum(results.map(({ outcomes }) => outcomes)),
    sends: {
      accepted: results.reduce((total, { sends }) => total + sends.accepted, 0),
      unsent: results.reduce((total, { sends }) => total + sends.unsent, 0),
    },
    received: results.reduce((total, { received }) => total + received, 0),
    contradictions: results.flatMap(({ contradictions }) => contradictions),
  }
}

function sum(counts: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const total = new Map<string, number>()
  for (const count of counts) for (const [key, n] of count) total.set(key, (total.get(key) ?? 0) + n)
  return total
}

function report(name: string, { kills, asks, outcomes, sends, received }: AttackResult): string {
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([what, n]) => `${n} ${what}`)
      .join('; ')
  const total = [...kills.values()].reduce((sum, n) => sum + n, 0)
  return `${name}: ${total} kills (${list(kills)})\n  ${asks} asks: ${list(outcomes)}; ${sends.accepted} sends, ${sends.unsent} given up; ${received} arrived`
}
