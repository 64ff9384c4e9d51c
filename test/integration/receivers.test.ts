import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CoreReceiver } from '../support/core-receiver.ts'
import { type StreamCase, streamCases } from '../support/frame-streams.ts'
import { propertyParameters } from '../support/property.ts'
import type { Receipt, ReceiverOptions } from '../support/receipt.ts'
import { typescriptReceive } from '../support/typescript-receiver.ts'
import { wsReceive } from '../support/ws-receiver.ts'
import {
  type Difference,
  TYPESCRIPT_DEFLATE_DIFFERENCES,
  TYPESCRIPT_DIFFERENCES,
  WS_DEFLATE_DIFFERENCES,
  WS_DIFFERENCES,
} from './receiver-differences.ts'

/**
 * Random streams, right and wrong, in random chunks: `core/` must make of them what another receiver does, down to the
 * close code, or differ in a way that receiver-differences.ts explains. What is explained there must also happen.
 * `SHARED_WS_RUNS=20 npx vitest run test/integration/receivers.test.ts` looks deeper, `SHARED_WS_SEED=random` elsewhere.
 */
type Receive = (chunks: readonly Uint8Array[], options: ReceiverOptions) => Receipt | Promise<Receipt>

const missing = CoreReceiver.missing()

describe.skipIf(missing !== undefined)(`core agrees${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let core: CoreReceiver
  beforeAll(async () => {
    core = await CoreReceiver.start()
  }, 300_000)
  afterAll(async () => core?.stop())

  const agrees = async (
    runs: number,
    compressed: boolean,
    other: Receive,
    known: readonly Difference[],
  ): Promise<void> => {
    const seen = new Map(known.map(({ name }) => [name, 0]))
    const property = fc.asyncProperty(streamCases(compressed), async (stream: StreamCase) => {
      const mine = await core.receive(stream.chunks, stream.options)
      const theirs = await other(stream.chunks, stream.options)
      if (mine.log === theirs.log && mine.end === theirs.end && mine.closeCode === theirs.closeCode) return
      const reasons = known.filter((difference) => difference.explains(mine, theirs, stream))
      for (const { name } of reasons) seen.set(name, (seen.get(name) as number) + 1)
      expect(reasons.length > 0 ? 'explained' : { core: mine, other: theirs }).toBe('explained')
    })
    await fc.assert(property, propertyParameters(runs) as fc.Parameters<[StreamCase]>)
    const never = [...seen].filter(([, times]) => times === 0).map(([name]) => name)
    expect(never, 'differences that are listed and did not happen').toEqual([])
  }

  // Ten seconds of work each; only a hang takes so long.
  const timeout = 600_000
  test('with the receiver of ws', { timeout }, () => agrees(12_000, false, wsReceive, WS_DIFFERENCES))
  test('with the receiver of ws, compressed', { timeout }, () => agrees(8000, true, wsReceive, WS_DEFLATE_DIFFERENCES))
  test('with our decoder in TypeScript', { timeout }, () =>
    agrees(12_000, false, typescriptReceive, TYPESCRIPT_DIFFERENCES),
  )
  test('with our decoder in TypeScript, compressed', { timeout }, () =>
    agrees(12_000, true, typescriptReceive, TYPESCRIPT_DEFLATE_DIFFERENCES),
  )
})
