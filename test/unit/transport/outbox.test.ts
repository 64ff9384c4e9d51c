import { expect, test } from 'vitest'
import { clientFrameBytes, Outbox } from '../../../src/transport/outbox.ts'

const frame = (wireBytes: number): Buffer => Buffer.alloc(wireBytes - 6)

test('sizes are those on the wire', () => {
  expect([0, 125, 126, 65_535, 65_536].map(clientFrameBytes)).toEqual([6, 131, 134, 65_543, 65_550])
})

test('numbers frames, bounds bytes, counts what waits elsewhere', () => {
  const outbox = new Outbox(100)
  expect(outbox.offer(frame(60), true, 0)).toBe(1)
  expect(outbox.offer(frame(40), true, 0)).toBe(2)
  expect(outbox.offer(frame(6), true, 0)).toBe(0)
  expect(outbox.bytes).toBe(100)
  expect(outbox.shift()?.sequence).toBe(1)
  expect(outbox.offer(frame(60), true, 1)).toBe(0)
  expect(outbox.offer(frame(60), true, 0)).toBe(3)
})

test('takes one frame of any size when nothing waits', () => {
  const outbox = new Outbox(10)
  expect(outbox.offer(frame(100), true, 1)).toBe(0)
  expect(outbox.offer(frame(100), true, 0)).toBe(1)
  expect(outbox.offer(frame(6), true, 0)).toBe(0)
})

test('gives a frame back once', () => {
  const outbox = new Outbox(100)
  outbox.offer(frame(10), true, 0)
  outbox.offer(frame(20), false, 0)
  expect(outbox.withdraw(1)).toBe(true)
  expect(outbox.withdraw(1)).toBe(false)
  expect(outbox.withdraw(3)).toBe(false)
  expect(outbox.bytes).toBe(20)
  expect(outbox.shift()).toMatchObject({ sequence: 2, binary: false, wireBytes: 20 })
  expect(outbox.withdraw(2)).toBe(false)
  expect(outbox.shift()).toBeUndefined()
  expect(outbox.bytes).toBe(0)
})

test('a refusal is told once, when half of the room is free', () => {
  const outbox = new Outbox(100)
  for (let i = 0; i < 10; i++) outbox.offer(frame(10), true, 0)
  expect(outbox.takeRefusal(0)).toBe(false)
  outbox.offer(frame(10), true, 0)
  for (let i = 0; i < 4; i++) outbox.shift()
  expect(outbox.takeRefusal(0)).toBe(false)
  outbox.shift()
  expect(outbox.takeRefusal(1)).toBe(false)
  expect(outbox.takeRefusal(0)).toBe(true)
  expect(outbox.takeRefusal(0)).toBe(false)
  outbox.refuse()
  expect(outbox.takeRefusal(0)).toBe(true)
})

// The owner would offer it again in every turn of the loop, for as long as the peer does not read.
test('a refusal of a frame larger than half of the room is told when it fits', () => {
  const outbox = new Outbox(100)
  outbox.offer(frame(20), true, 0)
  expect(outbox.offer(frame(90), true, 0)).toBe(0)
  expect(outbox.takeRefusal(0)).toBe(false)
  expect(outbox.offer(frame(85), true, 0)).toBe(0)
  outbox.shift()
  expect(outbox.takeRefusal(20)).toBe(false)
  expect(outbox.takeRefusal(15)).toBe(true)
  expect(outbox.takeRefusal(0)).toBe(false)
})
