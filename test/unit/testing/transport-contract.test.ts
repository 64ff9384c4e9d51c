import { describe, expect, test } from 'vitest'
import type { WsDeflateCompression, WsDeflateOffer } from '../../../src/connect/permessage-deflate.ts'
import type { WsConnectRequest } from '../../../src/connect/request.ts'
import { type ContractEnvironment, transportContract } from '../../../src/testing/transport-contract.ts'
import type { WsBatch, WsLink, WsLinkEvents, WsTransport } from '../../../src/transport/transport.ts'
import { mockEnvironment } from '../../support/contract-environments.ts'

// A suite is worth what it catches: each saboteur is the mock with one rule broken.

type LinkFault = (link: WsLink, events: WsLinkEvents) => Partial<WsLink>
type RequestFault = (request: WsConnectRequest) => Partial<WsConnectRequest>
type EventFault = (events: WsLinkEvents) => Partial<WsLinkEvents>

interface Saboteur {
  readonly what: string
  /** Names of cases of which at least one must fail. */
  readonly caughtBy: RegExp
  readonly link?: LinkFault
  readonly events?: EventFault
  readonly request?: RequestFault
}

/** The fault of a request that offers permessage-deflate. */
const inOffer =
  (fault: (offer: WsDeflateOffer) => Partial<WsDeflateOffer>): RequestFault =>
  ({ perMessageDeflate: offer }) =>
    offer === undefined ? {} : { perMessageDeflate: { ...offer, ...fault(offer) } }

/** Of what is compressed, `fault` says how. */
const inCompression = (fault: Partial<Required<WsDeflateCompression>>): RequestFault =>
  inOffer(({ compress }) => ({ compress: compress && { ...compress, ...fault } }))

const SABOTEURS: readonly Saboteur[] = [
  {
    what: 'onEnd twice',
    caughtBy: /^a reset$/,
    events: (events) => ({
      onEnd(cause) {
        events.onEnd(cause)
        events.onEnd(cause)
      },
    }),
  },
  {
    what: 'onEnd from inside terminate',
    caughtBy: /^terminate ends at once/,
    link: (link, events) => ({
      terminate(cause) {
        events.onEnd(cause)
        link.terminate(cause)
      },
    }),
  },
  {
    what: 'the cause of terminate replaced',
    caughtBy: /^terminate while connecting/,
    link: (link) => ({ terminate: (cause) => link.terminate({ ...cause }) }),
  },
  {
    what: 'a frame lost under pressure',
    caughtBy: /^a full link says so/,
    link: (link) => ({
      offer(payload, options) {
        const taken = link.offer(payload, options)
        if (taken === 3) link.withdraw(taken)
        return taken
      },
    }),
  },
  {
    what: 'withdraw says yes to everything',
    caughtBy: /^thousands of frames/,
    link: () => ({ withdraw: () => true }),
  },
  {
    what: 'delivery claims too much',
    caughtBy: /^what waits can be withdrawn/,
    link: () => ({ delivery: () => 'all' }),
  },
  {
    what: 'more is ignored',
    caughtBy: /^more holds frames back/,
    link: (link) => ({ offer: (payload, options) => link.offer(payload, { ...options, more: false }) }),
  },
  {
    what: 'pings are not answered',
    caughtBy: /^pings are answered with/,
    events: (events) => ({ onPing: () => events.onPing(new Uint8Array(0), 0) }),
  },
  {
    what: 'one message for each batch',
    caughtBy: /^messages that arrive together/,
    events: (events) => ({
      onMessages(batch: WsBatch) {
        for (let i = 0; i < batch.length; i++) {
          events.onMessages({ length: 1, at: () => batch.at(i) })
        }
      },
    }),
  },
  {
    what: 'a pause that does not pause',
    caughtBy: /^a paused link reads nothing/,
    link: () => ({ pause: () => {} }),
  },
  {
    what: 'drain that does not read',
    caughtBy: /^drain delivers what the socket holds/,
    link: () => ({ drain: () => true }),
  },
  {
    what: 'onWritable is forgotten',
    caughtBy: /^withdrawing makes room/,
    events: () => ({ onWritable: () => {} }),
  },
  {
    what: 'close forgets its deadline',
    caughtBy: /^our close, not answered/,
    link: (link) => ({ close: (code, reason) => link.close(code, reason, 1e9) }),
  },
  {
    what: 'the reason of a close is lost',
    caughtBy: /^our close, answered$/,
    link: (link) => ({ close: (code, _reason, timeoutMs) => link.close(code, '', timeoutMs) }),
  },
  {
    what: 'offers after a close are said to be taken',
    caughtBy: /^our close, answered$/,
    link: (link) => ({ offer: (payload, options) => Math.max(1, link.offer(payload, options)) }),
  },
  {
    what: 'messages are told behind the end',
    caughtBy: /^the end of the stream without a close/,
    events: (events) => {
      const late: (() => void)[] = []
      return {
        onMessages: (batch) => {
          late.push(() => events.onMessages(batch))
        },
        onEnd(cause) {
          events.onEnd(cause)
          for (const tell of late) tell()
        },
      }
    },
  },
  {
    what: 'nothing is compressed, asked for or not',
    caughtBy: /^deflate: our context is kept|^deflate: what we send is compressed/,
    request: inOffer(() => ({ compress: undefined })),
  },
  {
    what: 'what nobody asked to compress is compressed',
    caughtBy: /^deflate: nothing is compressed unless asked for/,
    request: inOffer(() => ({ compress: { thresholdBytes: 0, level: 1, memLevel: 8 } })),
  },
  {
    what: 'the threshold of compression is off by one',
    caughtBy: /^deflate: what we send is compressed from the threshold on/,
    request: ({ perMessageDeflate: offer, ...rest }) =>
      inCompression({ thresholdBytes: (offer?.compress?.thresholdBytes ?? 0) + 1 })({
        ...rest,
        perMessageDeflate: offer,
      }),
  },
  {
    what: 'permessage-deflate is not offered',
    caughtBy: /^deflate: it is offered as asked|^deflate: every length field, compressible or not$/,
    request: () => ({ perMessageDeflate: undefined }),
  },
  {
    what: 'onOpen keeps what was agreed on to itself',
    caughtBy: /^deflate: it is offered as asked/,
    events: (events) => ({ onOpen: ({ perMessageDeflate: _, ...info }) => events.onOpen(info) }),
  },
  {
    what: 'what is inflated has no limit',
    caughtBy: /^deflate: a bomb|^deflate: one byte more than the limit|^inflateBinary.*bomb/,
    request: ({ limits }) => ({ limits: { ...limits, maxMessageBytes: 2 ** 30 } }),
  },
  {
    what: 'compressed frames have no limit of their own',
    caughtBy: /^deflate: maxFrameBytes is measured as sent/,
    request: ({ limits }) => ({ limits: { ...limits, maxFrameBytes: 2 ** 30 } }),
  },
  {
    what: 'binary messages stay compressed',
    caughtBy: /^inflateBinary: inside permessage-deflate/,
    request: () => ({ inflateBinary: undefined }),
  },
  {
    what: 'topics are told behind their messages',
    caughtBy: /^topics: control frames, fragments and messages keep their order/,
    events: (events) => {
      const late: (() => void)[] = []
      return {
        onTopic: (...topic) => {
          late.push(() => events.onTopic(...topic))
        },
        onMessages(batch) {
          events.onMessages(batch)
          for (const tell of late.splice(0)) tell()
        },
      }
    },
  },
  {
    what: 'a topic that is armed is told for ever',
    caughtBy: /^topics: until it is armed/,
    link: () => ({ armTopic: () => {} }),
  },
  {
    what: 'of a topic that is watched only the next data is told',
    caughtBy: /^topics: until it is armed/,
    link: (link) => ({
      watchTopic(topic) {
        const number = link.watchTopic(topic)
        link.armTopic(number)
        return number
      },
    }),
  },
  {
    what: 'when a topic was seen is known only where it was told',
    caughtBy: /^topics: when data of one was last read/,
    link: (_link, events) => {
      const seen = new Map<number, number>()
      const { onTopic } = events
      events.onTopic = (topic, us) => {
        seen.set(topic, us)
        onTopic.call(events, topic, us)
      }
      return { topicSeenUs: (topic) => seen.get(topic) ?? 0 }
    },
  },
  {
    what: 'the last time of a topic is lost with the link',
    caughtBy: /^topics: when data of one was last read/,
    link: (link, events) => {
      let ended = false
      const { onEnd } = events
      events.onEnd = (cause) => {
        ended = true
        onEnd.call(events, cause)
      }
      return { topicSeenUs: (topic) => (ended ? 0 : link.topicSeenUs(topic)) }
    },
  },
  {
    what: 'a topic is never forgotten',
    caughtBy: /^topics: one that is not watched any more/,
    link: () => ({ unwatchTopic: () => {} }),
  },
  {
    what: 'all that has the name is taken for data',
    caughtBy: /^topics: until it is armed|^topics: when data of one was last read/,
    request: ({ plan }) => (plan === undefined ? {} : { plan: { topic: '{topic}' } }),
  },
  {
    what: 'topics without end',
    caughtBy: /^topics: as many as there may be/,
    link: (link) => ({
      watchTopic(topic) {
        try {
          return link.watchTopic(topic)
        } catch {
          return 1
        }
      },
    }),
  },
  {
    what: 'of two compressed messages the second comes first',
    caughtBy: /^deflate: every window that a server may choose/,
    events: (events) => ({
      onMessages(batch: WsBatch) {
        events.onMessages({ length: batch.length, at: (i) => batch.at(batch.length - 1 - i) })
      },
    }),
  },
]

/** `target` with some members replaced; getters and private state stay the target's. */
function withFault<T extends object>(target: T, fault: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const value = Reflect.get(name in fault ? fault : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function sabotaged({ link: linkFault, events: eventFault, request: fault }: Saboteur): ContractEnvironment {
  const environment = mockEnvironment()
  const transport: WsTransport = {
    name: 'saboteur',
    connect(given, events) {
      const request = fault ? { ...given, ...fault(given) } : given
      const link = environment.transport.connect(request, eventFault ? withFault(events, eventFault(events)) : events)
      return linkFault ? withFault(link, linkFault(link, events)) : link
    },
  }
  return { ...environment, transport }
}

describe('the contract suite catches', () => {
  test.each(SABOTEURS.map((saboteur) => [saboteur.what, saboteur] as const))('%s', async (_what, saboteur) => {
    const judges = transportContract.filter(({ name }) => saboteur.caughtBy.test(name))
    expect(judges).not.toEqual([])
    for (const { run } of judges) await expect(run(sabotaged(saboteur))).rejects.toThrow()
  })
})

test('the names of its cases are all different', () => {
  const names = transportContract.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
