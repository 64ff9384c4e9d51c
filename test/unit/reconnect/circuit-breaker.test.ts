import { describe, expect, it } from 'vitest'
import { WsCircuitBreaker } from '../../../src/reconnect/circuit-breaker.ts'

const ms = (value: number): number => value * 1000

/** Three failures within 1 s open it for 5 s. */
const breaker = () => new WsCircuitBreaker({ failures: 3, windowMs: 1000, openMs: 5000 })

function opened(): WsCircuitBreaker {
  const circuit = breaker()
  for (const at of [0, 10, 20]) circuit.failed(ms(at))
  return circuit
}

describe('a circuit breaker', () => {
  it('opens at so many failures within the window, not at fewer, nor at as many over a longer time', () => {
    const slow = breaker()
    for (const at of [0, 600, 1200, 1800, 2400]) slow.failed(ms(at))
    expect(slow.state(ms(2400))).toBe('closed')
    slow.failed(ms(2500))
    expect([slow.state(ms(2500)), slow.waitMs(ms(2500))]).toEqual(['open', 5000])
  })

  it('lets one attempt through when its time is over, and holds the others until that has been decided', () => {
    const circuit = opened()
    expect([circuit.waitMs(ms(20)), circuit.waitMs(ms(4020)), circuit.waitMs(ms(5020))]).toEqual([5000, 1000, 0])
    expect(circuit.state(ms(5020))).toBe('half-open')
    circuit.begun(ms(5020))
    expect(circuit.waitMs(ms(5021))).toBe(4999)
  })

  it('opens again when that one fails, at the first failure', () => {
    const circuit = opened()
    circuit.begun(ms(5020))
    circuit.failed(ms(6000))
    expect([circuit.state(ms(6000)), circuit.waitMs(ms(6000))]).toEqual(['open', 5000])
  })

  it('closes when a connection proves healthy, and forgets', () => {
    const circuit = opened()
    circuit.begun(ms(5020))
    circuit.succeeded()
    circuit.failed(ms(5030))
    circuit.failed(ms(5040))
    expect([circuit.state(ms(5040)), circuit.waitMs(ms(5040))]).toEqual(['closed', 0])
  })

  it('is not kept open by attempts that had begun before it opened', () => {
    const circuit = opened()
    circuit.failed(ms(4000))
    expect(circuit.waitMs(ms(5020))).toBe(0)
  })

  it('lets another one try when the one that was let through is never heard of again', () => {
    const circuit = opened()
    circuit.begun(ms(5020))
    expect(circuit.waitMs(ms(10_020))).toBe(0)
  })

  it('names every mistake', () => {
    const make = () => new WsCircuitBreaker({ failures: 0, windowMs: -1, openMs: 0.5 })
    expect(make).toThrow(/WsCircuitBreaker\.failures[\s\S]*windowMs[\s\S]*openMs/)
  })
})
