import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import type { IngressPlan } from '../../plan/plan.ts'
import { MAX_WATCHED_TOPICS } from '../../transport/transport.ts'
import { compressed, PeerDeflate } from './compression.ts'
import { openDeflate } from './deflate.ts'
import type { ContractCase } from './environment.ts'
import { binary, close, continuation, ping, text } from './frames.ts'
import type { LinkLog } from './link-log.ts'
import { contractCase } from './scene.ts'

const PLAN: IngressPlan = { topic: { key: '{topic}', when: [{ path: 'data' }] } }

const data = (topic: string, n = 0): Buffer => text(JSON.stringify({ topic, data: n }))
const ack = (topic: string): Buffer => text(JSON.stringify({ ack: true, topic }))

/** What was told, in order: topics by their numbers, messages by their texts. */
function told(log: LinkLog): (number | string)[] {
  return log.events.flatMap((event): (number | string)[] => {
    if (event.kind === 'topic') return [event.topic]
    return event.kind === 'message' ? [event.text] : []
  })
}

const message = (topic: string, n = 0): string => JSON.stringify({ topic, data: n })

/** What a link does with the topics that `WsConnectRequest.plan` names. */
export const topicCases: readonly ContractCase[] = [
  contractCase(
    'topics: until it is armed all data of one is told, before its message; then the next, once',
    async (scene) => {
      const { link, log, peer } = await scene.open({ plan: PLAN })
      const a = link.watchTopic('a')
      const b = link.watchTopic('b')
      assert.ok(a > 0 && b > 0 && a !== b, `${a} ${b}`)
      assert.equal(link.watchTopic('a'), a, 'the same number for the same topic')
      peer.send(Buffer.concat([data('a', 1), ack('a'), data('other', 2), data('b', 3), data('a', 4)]))
      await scene.until(() => log.messages.length === 5, 'all messages')
      const first = [a, message('a', 1), '{"ack":true,"topic":"a"}', message('other', 2), b, message('b', 3)]
      assert.deepEqual(told(log), [...first, a, message('a', 4)])
      link.armTopic(a)
      link.armTopic(a)
      peer.send(Buffer.concat([data('b', 5), data('a', 6), data('a', 7)]))
      await scene.until(() => log.messages.length === 8, 'more messages')
      assert.deepEqual(told(log).slice(8), [b, message('b', 5), a, message('a', 6), message('a', 7)])
      link.armTopic(a)
      peer.send(data('a', 8))
      await scene.until(() => log.messages.length === 9, 'one more')
      assert.deepEqual(told(log).slice(13), [a, message('a', 8)])
    },
  ),

  contractCase(
    'topics: of what one read brought, what comes behind the acknowledgement is known from what came before',
    async (scene) => {
      const { link, log, peer } = await scene.open({ plan: PLAN })
      const [early, late] = [link.watchTopic('early'), link.watchTopic('late')]
      const atAck: (number | string)[][] = []
      log.inMessages = (batch) => {
        for (let i = 0; i < batch.length; i++) {
          if (!batch.at(i).text().includes('ack')) continue
          atAck.push(told(log).filter((what) => typeof what === 'number'))
          for (const topic of [early, late]) link.armTopic(topic)
        }
      }
      peer.send(Buffer.concat([data('early'), ack('both'), data('late'), data('late')]))
      await scene.until(() => log.messages.length === 4, 'all messages')
      assert.deepEqual(atAck, [[early]])
      const after = told(log)
        .filter((what) => typeof what === 'number')
        .slice(1)
      // Armed when C++ had read on already: at least once, and of nobody else.
      assert.ok(after.length >= 1 && after.every((topic) => topic === late), `${after}`)
    },
  ),

  contractCase('topics: when data of one was last read is known, told or not', async (scene) => {
    const { link, log, peer } = await scene.open({ plan: PLAN })
    const slackUs = 1_000
    const a = link.watchTopic('a')
    link.armTopic(a)
    assert.equal(link.topicSeenUs(a), 0)
    const seen: number[] = []
    for (let n = 1; n <= 3; n++) {
      const beforeUs = scene.clock.monoUs() - slackUs
      peer.send(Buffer.concat([data('a', n), ack('a')]))
      await scene.until(() => log.messages.length === 2 * n, 'the message')
      const seenUs = link.topicSeenUs(a)
      assert.ok(seenUs >= beforeUs && seenUs <= scene.clock.monoUs() + slackUs, `${seenUs}`)
      assert.ok(Math.abs(seenUs - (log.messages.at(-2)?.receivedMonoUs ?? 0)) < slackUs)
      seen.push(seenUs)
      // Time passes.
      await scene.idle(3)
    }
    assert.ok((seen[0] as number) < (seen[2] as number), `${seen}`)
    assert.deepEqual(log.kinds.filter((kind) => kind === 'topic').length, 1)
    const [event] = log.events.filter((event) => event.kind === 'topic')
    assert.ok(Math.abs((event?.receivedMonoUs ?? 0) - (seen[0] as number)) < slackUs)
    const last = link.topicSeenUs(a)
    peer.send(
      Buffer.concat([ack('a'), text('{"topic":"b","data":1}'), text('no json'), binary(Buffer.from(message('a')))]),
    )
    await scene.until(() => log.messages.length === 10, 'what is no data of it')
    assert.equal(link.topicSeenUs(a), last)
    peer.send(close(1000))
    await scene.until(() => log.cause !== undefined || peer.frames.length > 0, 'the end')
    peer.end()
    await scene.until(() => log.cause !== undefined, 'onEnd')
    assert.equal(link.topicSeenUs(a), last, 'after the end')
    link.armTopic(a)
    link.unwatchTopic(a)
    assert.equal(link.topicSeenUs(a), 0)
    assert.equal(link.topicSeenUs(link.watchTopic('a')), 0)
  }),

  contractCase('topics: control frames, fragments and messages keep their order', async (scene) => {
    const { link, log, peer } = await scene.open({ plan: PLAN })
    const a = link.watchTopic('a')
    const whole = message('a', 2)
    peer.send(
      Buffer.concat([
        text('x'),
        text(whole.slice(0, 9), { fin: false }),
        ping('p'),
        continuation(whole.slice(9)),
        data('a', 3),
        text('y'),
      ]),
    )
    await scene.until(() => log.messages.length === 4, 'all messages')
    assert.deepEqual(log.kinds, ['open', 'message', 'ping', 'topic', 'message', 'topic', 'message', 'message'])
    assert.deepEqual(told(log), ['x', a, whole, a, message('a', 3), 'y'])
  }),

  contractCase(
    'topics: one that is not watched any more is forgotten, and its number is nobody else’s',
    async (scene) => {
      const { link, log, peer } = await scene.open({ plan: PLAN })
      const a = link.watchTopic('a')
      peer.send(data('a', 1))
      await scene.until(() => log.messages.length === 1, 'the message')
      link.unwatchTopic(a)
      link.unwatchTopic(a)
      assert.equal(link.topicSeenUs(a), 0)
      const others: number[] = []
      log.inMessages = () => {
        // Between what was read and what has been delivered of it.
        link.unwatchTopic(link.watchTopic('c'))
        others.push(link.watchTopic(`other ${others.length}`))
      }
      const c = link.watchTopic('c')
      peer.send(Buffer.concat([data('b', 2), data('c', 3), data('c', 4), data('a', 5)]))
      await scene.until(() => log.messages.length === 5, 'more messages')
      assert.ok(!others.includes(a) && !others.includes(c), `${a} ${c} ${others}`)
      assert.deepEqual(
        log.events.flatMap((event) => (event.kind === 'topic' && event.topic !== c ? [event.topic] : [])),
        [a],
      )
      const anew = link.watchTopic('a')
      assert.equal(link.topicSeenUs(anew), 0)
      log.inMessages = () => {}
      peer.send(data('a', 6))
      await scene.until(() => log.messages.length === 6, 'the last message')
      assert.ok(link.topicSeenUs(anew) > 0)
      assert.deepEqual(told(log).slice(-2), [anew, message('a', 6)])
    },
  ),

  contractCase('topics: a callback may watch, arm, unwatch, or end the link', async (scene) => {
    const { link, log, peer } = await scene.open({ plan: PLAN })
    const a = link.watchTopic('a')
    let calls = 0
    log.inTopic = (topic) => {
      assert.equal(topic, a)
      calls++
      link.armTopic(topic)
      if (calls === 3) {
        link.terminate({ ...ENOUGH })
      }
    }
    peer.send(data('a', 1))
    await scene.until(() => log.messages.length === 1, 'the first')
    peer.send(data('a', 2))
    await scene.until(() => log.messages.length === 2, 'the second')
    peer.send(Buffer.concat([data('a', 3), data('a', 4)]))
    await scene.until(() => log.cause !== undefined, 'the end')
    assert.equal(log.cause?.code, ENOUGH.code)
    assert.deepEqual(told(log), [a, message('a', 1), a, message('a', 2), a])
  }),

  contractCase('topics: names as UTF-8, escapes as what they mean, 256 bytes at most', async (scene) => {
    const { link, log, peer } = await scene.open({ plan: { topic: '{t}/{list.1}' } })
    const longest = 'é'.repeat(127)
    const names = ['é€𝄞/0', 'a"b\n/true', `${longest}/1`, '12345678901234567890/null', `${longest}x/1`, '\ud800/2']
    const numbers = names.map((name) => link.watchTopic(name))
    assert.equal(link.watchTopic('\ufffd/2'), numbers[5])
    peer.send(
      Buffer.concat([
        text('{"t":"\\u00e9\u20ac\\ud834\\uDD1E","list":[9,0,1]}'),
        text('{"list":[[],true],"\\u0074":"a\\"b\\n"}'),
        text(`{"t":"${longest}","list":[{},1]}`),
        text('{"t":12345678901234567890,"list":[0,null]}'),
        // None of these names one.
        text(`{"t":"${longest}x","list":[0,1]}`),
        text('{"t":"\\ud800","list":[0,2]}'),
        text('{"t":{},"list":[0,2]}'),
        text('{"t":"a"}'),
        text('{"t":"a","list":[0,2'),
      ]),
    )
    await scene.until(() => log.messages.length === 9, 'all messages')
    assert.deepEqual(
      told(log).filter((what) => typeof what === 'number'),
      numbers.slice(0, 4),
    )
  }),

  contractCase('topics: what inflateBinary makes text is looked at, in a gzip or whole', async (scene) => {
    const { link, log, peer } = await scene.open({ plan: PLAN, inflateBinary: 'gzip' })
    const a = link.watchTopic('a')
    peer.send(Buffer.concat([binary(gzipSync(message('a', 1))), data('a', 2)]))
    await scene.until(() => log.messages.length === 2, 'both messages')
    assert.deepEqual(told(log), [a, message('a', 1), a, message('a', 2)])
  }),

  contractCase('topics: what permessage-deflate inflates is looked at, in fragments or whole', async (scene) => {
    const { link, log, peer } = await openDeflate(scene, 'permessage-deflate', { plan: PLAN })
    const deflate = new PeerDeflate()
    const a = link.watchTopic('a')
    const b = link.watchTopic('b')
    const whole = await deflate.frame(message('a', 1))
    const cut = await deflate.compress(message('b', 2))
    peer.send(
      Buffer.concat([
        whole,
        compressed(1, cut.subarray(0, 5), { fin: false }),
        continuation(cut.subarray(5)),
        data('a', 3),
      ]),
    )
    await scene.until(() => log.messages.length === 3, 'all messages')
    deflate.close()
    assert.deepEqual(told(log), [a, message('a', 1), b, message('b', 2), a, message('a', 3)])
  }),

  contractCase('topics: each link follows its own, and drain tells of them in order', async (scene) => {
    const [one, other] = [await scene.open({ plan: PLAN }), await scene.open({ plan: { topic: '{name}' } })]
    const a = one.link.watchTopic('a')
    const b = other.link.watchTopic('b')
    one.peer.send(Buffer.concat([data('a', 1), data('b', 2), text('{"name":"b"}'), data('a', 3)]))
    other.peer.send(Buffer.concat([data('a', 4), text('{"name":"b"}')]))
    for (const { link } of [one, other]) assert.equal(link.drain(), scene.traits.drains)
    const expected = [a, message('a', 1), message('b', 2), '{"name":"b"}', a, message('a', 3)]
    if (scene.traits.drains) assert.deepEqual(told(one.log), expected)
    await scene.until(() => one.log.messages.length === 4 && other.log.messages.length === 2, 'all messages')
    assert.deepEqual(told(one.log), expected)
    assert.deepEqual(told(other.log), [message('a', 4), b, '{"name":"b"}'])
  }),

  contractCase('topics: a message of a megabyte is data of its topic', async (scene) => {
    const { link, log, peer } = await scene.open({ plan: { topic: { key: '{topic}', when: [{ path: 'last' }] } } })
    const a = link.watchTopic('a')
    const large = JSON.stringify({ data: Array.from({ length: 100_000 }, (_, i) => [i, `${i}`]), topic: 'a', last: 1 })
    peer.send(Buffer.concat([text(large), text('end')]))
    await scene.until(() => log.messages.length === 2, 'both messages')
    assert.deepEqual(log.kinds, ['open', 'topic', 'message', 'message'])
    assert.ok(link.topicSeenUs(a) > 0)
  }),

  contractCase('topics: as many as there may be, and no more', async (scene) => {
    const { link, log, peer } = await scene.open({ plan: PLAN })
    const numbers = Array.from({ length: MAX_WATCHED_TOPICS }, (_, i) => link.watchTopic(`topic ${i}`))
    assert.equal(new Set(numbers).size, MAX_WATCHED_TOPICS)
    assert.throws(() => link.watchTopic('one more'), RangeError)
    assert.equal(link.watchTopic('topic 7'), numbers[7])
    peer.send(Buffer.concat([data('topic 65535'), data('topic 0'), data('one more')]))
    await scene.until(() => log.messages.length === 3, 'all messages')
    assert.deepEqual(
      told(log).filter((what) => typeof what === 'number'),
      [numbers[65_535], numbers[0]],
    )
    link.unwatchTopic(numbers[3] as number)
    const last = link.watchTopic('one more')
    assert.ok(!numbers.includes(last) || last !== numbers[4])
    peer.send(data('one more'))
    await scene.until(() => log.messages.length === 4, 'one more')
    assert.equal(told(log).at(-2), last)
  }),

  contractCase('topics: without a plan nothing is seen of any', async (scene) => {
    const { link, log, peer } = await scene.open()
    const a = link.watchTopic('a')
    assert.ok(a > 0)
    link.armTopic(a)
    peer.send(data('a'))
    await scene.until(() => log.messages.length === 1, 'the message')
    assert.deepEqual(log.kinds, ['open', 'message'])
    assert.equal(link.topicSeenUs(a), 0)
  }),
]

const ENOUGH = {
  kind: 'local-stop',
  code: 'ERR_ENOUGH',
  message: 'the case has seen enough',
  closeCode: 1006,
  closeReason: '',
} as const
