import assert from 'node:assert/strict'
import type { ContractCase } from './environment.ts'
import { ping, pong, text } from './frames.ts'
import { contractCase } from './scene.ts'

/** Two readings of one clock, and µs against its fractions. */
const SLACK_US = 1_000
/** Wall clocks are set now and then. */
const MAX_SET_US = 60_000_000

/** `WsConnectRequest.timestampSource`. */
export const receiveTimesCases: readonly ContractCase[] = [
  contractCase('receive times of every source lie between sending and now, in order', async (scene) => {
    for (const timestampSource of scene.timestampSources) {
      const { log, peer } = await scene.open({ timestampSource })
      const beforeUs = scene.clock.monoUs() - SLACK_US
      peer.send(Buffer.concat([text('1'), ping('2'), pong('3')]))
      await scene.until(() => log.kinds.length === 4, 'the first events')
      peer.send(text('4'))
      await scene.until(() => log.kinds.length === 5, 'all events')
      const afterUs = scene.clock.monoUs() + SLACK_US
      const epochOffsetUs = scene.clock.epochUs() - scene.clock.monoUs()
      let lastUs = beforeUs
      for (const event of log.events) {
        if (!('receivedMonoUs' in event)) continue
        const { kind, receivedMonoUs } = event
        assert.ok(receivedMonoUs >= lastUs && receivedMonoUs <= afterUs, `${timestampSource}: ${kind}`)
        lastUs = receivedMonoUs
        if (event.kind !== 'message') continue
        const expectedUs = receivedMonoUs + epochOffsetUs
        assert.ok(Math.abs(event.receivedAtUs - expectedUs) < MAX_SET_US, `${event.receivedAtUs} ${expectedUs}`)
      }
    }
  }),

  contractCase('what waited in the socket is said to have come when it did, by the kernel alone', async (scene) => {
    for (const timestampSource of scene.timestampSources) {
      const { link, log, peer } = await scene.open({ timestampSource })
      link.pause()
      await scene.idle(5)
      peer.send(Buffer.concat([text('1'), ping('2'), text('3')]))
      await scene.idle()
      const betweenUs = scene.clock.monoUs()
      await scene.idle(2)
      link.resume()
      await scene.until(() => log.kinds.length === 4, 'all events')
      const times = log.events.flatMap((event) => ('receivedMonoUs' in event ? [event.receivedMonoUs] : []))
      assert.equal(times.length, 3)
      for (const timeUs of times) {
        const before = timeUs < betweenUs
        assert.equal(before, timestampSource === 'kernel', `${timestampSource}: ${timeUs - betweenUs}`)
      }
    }
  }),

  contractCase('only of the last message of a read can the receive time be exact', async (scene) => {
    for (const timestampSource of scene.timestampSources) {
      const { log, peer } = await scene.open({ timestampSource })
      peer.send(Buffer.concat([text('1'), text('2'), text('3')]))
      await scene.until(() => log.messages.length === 3, 'one read')
      const longer = text('in parts')
      peer.send(longer.subarray(0, 5))
      await scene.idle()
      peer.send(longer.subarray(5))
      await scene.until(() => log.messages.length === 4, 'two reads')
      const bounds = log.messages.map(({ receivedAtIsUpperBound }) => receivedAtIsUpperBound)
      const isKernels = timestampSource === 'kernel'
      assert.deepEqual(bounds, [true, true, !isKernels, !isKernels], timestampSource)
    }
  }),
]
