import assert from 'node:assert/strict'
import type { WsDisconnectCause } from '../../errors/disconnect-cause.ts'
import { SharedWsError } from '../../errors/errors.ts'
import { OFFER_CLOSED } from '../../transport/transport.ts'
import type { ContractCase, ContractConnection } from './environment.ts'
import { close, closeOf, text, textOf } from './frames.ts'
import { contractCase, type OpenScene, type Scene } from './scene.ts'

const GIVEN: WsDisconnectCause = {
  kind: 'local-stop',
  code: 'ERR_GIVEN',
  message: 'given',
  closeCode: 1006,
  closeReason: '',
}

async function clientClose(scene: Scene, peer: ContractConnection): Promise<{ code: number; reason: string }> {
  await scene.until(() => peer.frames.at(-1)?.opcode === 8, "the client's CLOSE")
  return closeOf(peer.frames.at(-1) as ContractConnection['frames'][number])
}

/** The cause, without the parts that are words. */
function facts(cause: WsDisconnectCause): Record<string, unknown> {
  const { message, code, ...rest } = cause
  assert.ok(message.length > 10, 'a message that says something')
  assert.match(code, /^[A-Z][A-Z0-9_]+$/)
  return rest
}

async function endFacts(scene: Scene, watched: OpenScene): Promise<Record<string, unknown>> {
  return facts(await scene.ended(watched))
}

export const endingCases: readonly ContractCase[] = [
  contractCase('our close, answered', async (scene) => {
    const open = await scene.open()
    const { link, peer } = open
    link.offer('last words')
    link.close(4001, 'bye €', 10_000)
    link.close(1000, 'once is enough', 10_000)
    assert.equal(link.offer('too late'), OFFER_CLOSED)
    assert.deepEqual(await clientClose(scene, peer), { code: 4001, reason: 'bye €' })
    assert.deepEqual(
      peer.frames.map(({ opcode }) => opcode),
      [1, 8],
    )
    peer.send(text('delivered until the end'))
    peer.send(close(4001, 'bye'))
    peer.end()
    assert.deepEqual(await endFacts(scene, open), { kind: 'local-stop', closeCode: 4001, closeReason: 'bye' })
    assert.deepEqual(open.log.texts, ['delivered until the end'])
    assert.equal(peer.frames.length, 2)
    await scene.until(() => peer.clientEnded, 'the end of our side')
    assert.equal(link.delivery(1), 'all')
  }),

  contractCase('a close with code 0 carries nothing', async (scene) => {
    const open = await scene.open()
    open.link.close(0, '', 10_000)
    assert.deepEqual(await clientClose(scene, open.peer), { code: 1005, reason: '' })
    open.peer.send(close(0))
    open.peer.end()
    assert.deepEqual(await endFacts(scene, open), { kind: 'local-stop', closeCode: 1005, closeReason: '' })
  }),

  contractCase('our close, not answered, ends at its deadline', async (scene) => {
    const open = await scene.open()
    open.link.close(1000, '', 30.25)
    await clientClose(scene, open.peer)
    const cause = await scene.ended(open)
    assert.equal(cause.code, 'ERR_CLOSE_TIMEOUT')
    assert.match(cause.message, / within 30 ms$/)
    assert.deepEqual(facts(cause), { kind: 'local-stop', closeCode: 1006, closeReason: '' })
    await scene.until(() => open.peer.clientEnded, 'the end of our side')
  }),

  contractCase('our close, answered, but TCP is not ended by the server', async (scene) => {
    const open = await scene.open()
    open.link.close(1000, '', 50)
    await clientClose(scene, open.peer)
    open.peer.send(close(1000))
    assert.deepEqual(await endFacts(scene, open), { kind: 'local-stop', closeCode: 1000, closeReason: '' })
  }),

  contractCase('our close, answered by dropping TCP', async (scene) => {
    const open = await scene.open()
    open.link.close(1000, '', 10_000)
    await clientClose(scene, open.peer)
    open.peer.end()
    assert.deepEqual(await endFacts(scene, open), { kind: 'local-stop', closeCode: 1006, closeReason: '' })
  }),

  contractCase("the peer's close is answered and told", async (scene) => {
    const open = await scene.open()
    open.peer.send(Buffer.concat([text('first'), close(1001, 'going away'), text('means nothing')]))
    assert.equal((await clientClose(scene, open.peer)).code, 1001)
    assert.equal(open.link.offer('too late'), OFFER_CLOSED)
    open.peer.end()
    const expected = { kind: 'remote-closed', closeCode: 1001, closeReason: 'going away', clean: true }
    assert.deepEqual(await endFacts(scene, open), expected)
    assert.deepEqual(open.log.texts, ['first'])
    await scene.until(() => open.peer.clientEnded, 'the end of our side')
  }),

  contractCase("the peer's close without a code", async (scene) => {
    const open = await scene.open()
    open.peer.send(close(0))
    assert.equal((await clientClose(scene, open.peer)).code, 1005)
    open.peer.end()
    const expected = { kind: 'remote-closed', closeCode: 1005, closeReason: '', clean: true }
    assert.deepEqual(await endFacts(scene, open), expected)
  }),

  contractCase('every close code that may be sent is told', async (scene) => {
    for (const code of [1000, 1003, 1011, 1013, 3000, 3999, 4000, 4999]) {
      const open = await scene.open()
      open.peer.send(close(code, 'x'.repeat(123)))
      assert.equal((await clientClose(scene, open.peer)).code, code)
      open.peer.end()
      const expected = { kind: 'remote-closed', closeCode: code, closeReason: 'x'.repeat(123), clean: true }
      assert.deepEqual(await endFacts(scene, open), expected)
    }
  }),

  contractCase('a peer that closes and keeps TCP open does not hold us', async (scene) => {
    const open = await scene.open()
    open.peer.send(close(1000))
    await clientClose(scene, open.peer)
    const expected = { kind: 'remote-closed', closeCode: 1000, closeReason: '', clean: true }
    assert.deepEqual(await endFacts(scene, open), expected)
  }),

  contractCase("messages before the peer's close can still be answered", async (scene) => {
    const open = await scene.open()
    open.log.inMessages = () => {
      assert.ok(open.link.offer('answer') > 0)
    }
    open.peer.send(Buffer.concat([text('question'), close(1000)]))
    await clientClose(scene, open.peer)
    assert.deepEqual(
      open.peer.frames.map(({ opcode }) => opcode),
      [1, 8],
    )
    assert.equal(textOf(open.peer.frames[0] as ContractConnection['frames'][number]), 'answer')
  }),

  contractCase('both close at once: we began', async (scene) => {
    const open = await scene.open()
    open.peer.send(close(4002, 'theirs'))
    open.link.close(4001, 'ours', 10_000)
    assert.deepEqual(await clientClose(scene, open.peer), { code: 4001, reason: 'ours' })
    open.peer.end()
    assert.deepEqual(await endFacts(scene, open), { kind: 'local-stop', closeCode: 4002, closeReason: 'theirs' })
    assert.equal(open.peer.frames.length, 1)
  }),

  contractCase('the end of the stream without a close', async (scene) => {
    const open = await scene.open()
    open.peer.send(Buffer.concat([text('whole'), text('cut off').subarray(0, 5)]))
    open.peer.end()
    const expected = { kind: 'remote-closed', closeCode: 1006, closeReason: '', clean: false }
    assert.deepEqual(await endFacts(scene, open), expected)
    assert.deepEqual(open.log.texts, ['whole'])
    await scene.until(() => open.peer.clientEnded, 'the end of our side')
  }),

  contractCase('a reset', async (scene) => {
    const open = await scene.open()
    open.peer.reset()
    const cause = await scene.ended(open)
    assert.deepEqual(facts(cause), { kind: 'read-failure' })
    assert.equal(cause.code, 'ECONNRESET')
  }),

  contractCase('terminate ends at once with the given cause, once', async (scene) => {
    const open = await scene.open()
    open.link.terminate(GIVEN)
    assert.equal(open.log.cause, undefined)
    assert.equal(open.link.offer('too late'), OFFER_CLOSED)
    assert.equal(open.link.ping(new Uint8Array(0)), OFFER_CLOSED)
    open.link.terminate({ ...GIVEN, code: 'ERR_SECOND' })
    open.link.close(1000, '', 10_000)
    assert.equal(await scene.ended(open), GIVEN)
    await scene.until(() => open.peer.clientEnded, 'the end of our side')
    assert.deepEqual(open.log.kinds, ['open', 'end'])
  }),

  contractCase('terminate overtakes a close under way', async (scene) => {
    const open = await scene.open()
    open.link.close(1000, '', 10_000)
    await clientClose(scene, open.peer)
    open.link.terminate(GIVEN)
    assert.equal(await scene.ended(open), GIVEN)
  }),

  contractCase('terminate inside onMessages is safe, and nothing comes after', async (scene) => {
    const open = await scene.open()
    open.log.inMessages = (batch) => {
      open.link.terminate(GIVEN)
      assert.equal(open.link.offer('too late'), OFFER_CLOSED)
      assert.equal(batch.at(0).text(), '0')
    }
    open.peer.send(Buffer.concat([text('0'), text('1'), close(1000)]))
    assert.equal(await scene.ended(open), GIVEN)
    assert.equal(open.log.batches, 1)
  }),

  contractCase('terminate inside onPing is safe, and nothing comes after', async (scene) => {
    const open = await scene.open()
    open.log.inPing = () => open.link.terminate(GIVEN)
    open.peer.send(Buffer.concat([text('0'), Buffer.of(0x89, 0), text('1'), close(1000)]))
    assert.equal(await scene.ended(open), GIVEN)
    assert.deepEqual(open.log.kinds, ['open', 'message', 'ping', 'end'])
  }),

  contractCase('close inside onMessages is safe', async (scene) => {
    const open = await scene.open()
    open.log.inMessages = (batch) => {
      open.link.offer(`got ${batch.length}`)
      open.link.close(1000, 'enough', 10_000)
    }
    open.peer.send(text('0'))
    assert.deepEqual(await clientClose(scene, open.peer), { code: 1000, reason: 'enough' })
    open.peer.send(close(1000, 'enough'))
    open.peer.end()
    assert.deepEqual(await endFacts(scene, open), { kind: 'local-stop', closeCode: 1000, closeReason: 'enough' })
  }),

  contractCase('a close that cannot be sent is told so', async (scene) => {
    const { link, peer, log } = await scene.open()
    const mistakes: [number, string][] = [
      [1004, ''],
      [1006, ''],
      [1015, ''],
      [999, ''],
      [2999, ''],
      [5000, ''],
      [1.5, ''],
      [Number.NaN, ''],
      [1000, 'x'.repeat(124)],
      [1000, '€'.repeat(42)],
      [0, 'a reason without a code'],
    ]
    for (const [code, reason] of mistakes) {
      assert.throws(() => link.close(code, reason, 1_000), SharedWsError, `${code} ${reason}`)
    }
    assert.equal(link.offer('still open'), 1)
    await scene.until(() => peer.frames.length === 1, 'the frame')
    assert.equal(log.cause, undefined)
  }),
]
