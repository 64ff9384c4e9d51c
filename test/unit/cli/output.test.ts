import { describe, expect, test } from 'vitest'
import { Output } from '../../../src/cli/output.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { TextSink } from '../../support/cli-io.ts'

const BIG = 'x'.repeat(5000)

function setUp() {
  const sink = new TextSink()
  const clock = new VirtualClock()
  return { sink, clock, output: new Output(sink, clock) }
}

async function settled(promise: Promise<void> | undefined): Promise<boolean> {
  let done = false
  void promise?.then(() => {
    done = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  return done
}

test('no wait while the reader reads', () => {
  const { sink, output } = setUp()
  expect(output.write('a\n')).toBeUndefined()
  expect(sink.lines).toEqual(['a'])
})

test('a write waits until the reader has caught up', async () => {
  const { sink, output } = setUp()
  sink.hold()
  const pending = output.write(BIG)
  expect(await settled(pending)).toBe(false)
  sink.release()
  await pending
  expect(sink.text).toBe(BIG)
})

describe('a reader that goes', () => {
  test('is a state, not an exception; whoever waits goes on', async () => {
    const { sink, output } = setUp()
    const heard: string[] = []
    output.onBroken((error) => heard.push((error as NodeJS.ErrnoException).code ?? ''))
    sink.hold()
    const pending = output.write(BIG)
    sink.breakPipe()
    await pending
    expect(output.broken).toBe(true)
    expect(output.failure).toBeUndefined()
    expect(output.stalled).toBe(false)
    expect(output.write(BIG)).toBeUndefined()
    expect(heard).toEqual(['EPIPE'])
  })

  test('a full disk is a failure', async () => {
    const { sink, output } = setUp()
    sink.breakPipe('ENOSPC')
    await expect.poll(() => output.failure).toMatchObject({ code: 'ENOSPC' })
  })
})

describe('limitWaits', () => {
  test.each(['before', 'after'])('gives up a reader that stalled %s the call', async (when) => {
    const { sink, clock, output } = setUp()
    sink.hold()
    if (when === 'after') output.limitWaits(3000)
    const pending = output.write(BIG)
    if (when === 'before') output.limitWaits(3000)
    clock.advance(2999)
    expect(await settled(pending)).toBe(false)
    clock.advance(1)
    await pending
    expect(output.stalled).toBe(true)
    expect(output.failure?.message).toBe('its reader took nothing for 3000 ms')
  })

  test('a reader that reads again is not given up, and no timer is left', async () => {
    const { sink, clock, output } = setUp()
    sink.hold()
    const pending = output.write(BIG)
    output.limitWaits(3000)
    sink.release()
    await pending
    expect(clock.pendingTimers).toBe(0)
    expect(output.broken).toBe(false)
  })
})
