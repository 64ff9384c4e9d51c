import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { IngressPlan, WsTopicCondition } from '../../src/plan/plan.ts'
import { checkPlan } from '../../src/plan/plan-check.ts'
import { Checker } from '../../src/support/check.ts'
import { nativeTransport } from '../../src/transport/native.ts'
import { wsTransport } from '../../src/transport/ws.ts'
import { loadCapture, NO_CAPTURES } from '../support/captures.ts'
import { mockEnvironment, socketEnvironment } from '../support/contract-environments.ts'
import { topicsTold } from '../support/topics-told.ts'

// The table of docs/heartbeats.md, word for word, over what venues have sent.

// biome-ignore lint/suspicious/noExplicitAny: what each venue sends has a shape of its own
type Json = Record<string, any>

interface Venue {
  /** Captures of it. */
  readonly captures?: readonly string[]
  /** Messages, where there are no captures. */
  readonly samples?: readonly string[]
  /** What the topic of a message is, said without a plan. */
  readonly topicOf: (json: Json) => string | undefined
}

const VENUES: Readonly<Record<string, Venue>> = {
  'Binance, combined streams': {
    captures: ['binance-spot', 'binance-futures'],
    topicOf: ({ stream, data }) => (data === undefined ? undefined : stream),
  },
  OKX: { captures: ['okx'], topicOf: ({ arg, data }) => data && `${arg.channel}:${arg.instId}` },
  Bybit: { captures: ['bybit'], topicOf: ({ topic }) => topic },
  Deribit: { captures: ['deribit'], topicOf: ({ params }) => params?.channel },
  'Kraken v2': {
    samples: [
      '{"method":"subscribe","result":{"channel":"book","symbol":"BTC/USD","snapshot":true},"success":true,"req_id":1}',
      '{"channel":"heartbeat"}',
      '{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2"}]}',
      '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":105944.20,"qty":0.250}],"asks":[]}]}',
      '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","qty":0.00027625,"trade_id":10218208}]}',
    ],
    topicOf: ({ channel, data }) => (data?.[0].symbol === undefined ? undefined : `${channel}:${data[0].symbol}`),
  },
  'Kraken v1': {
    captures: ['kraken-book', 'kraken-trades'],
    topicOf: (json) => (json['length'] === 4 ? `${json[2]}:${json[3]}` : undefined),
  },
  'Coinbase Exchange': {
    captures: ['coinbase'],
    topicOf: ({ type, product_id }) => product_id && `${type}:${product_id}`,
  },
  'Coinbase Advanced, `level2`': {
    samples: [
      '{"channel":"subscriptions","sequence_num":5,"events":[{"subscriptions":{"level2":["BTC-USD"]}}]}',
      '{"channel":"heartbeats","sequence_num":1,"events":[{"heartbeat_counter":66987}]}',
      '{"channel":"l2_data","sequence_num":6,"events":[{"type":"update","product_id":"BTC-USD","updates":[{"side":"bid"}]}]}',
    ],
    topicOf: ({ channel, events }) => events[0].product_id && `${channel}:${events[0].product_id}`,
  },
  BitMEX: { captures: ['bitmex'], topicOf: ({ table, data }) => table && `${table}:${data[0].symbol}` },
  "HTX (with `inflateBinary: 'gzip'`)": { captures: ['huobi'], topicOf: ({ ch }) => ch },
  KuCoin: { captures: ['kucoin'], topicOf: ({ type, topic }) => (type === 'message' ? topic : undefined) },
  'Gate.io, book and best price': {
    captures: ['gateio-futures'],
    topicOf: ({ channel, event, result }) =>
      event === 'update' && !Array.isArray(result) ? `${channel}:${result.s}` : undefined,
  },
  'Hyperliquid, book and best price': {
    samples: [
      '{"channel":"pong"}',
      '{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"bbo","coin":"BTC"}}}',
      '{"channel":"bbo","data":{"coin":"BTC","time":1703875200000,"bbo":[{"px":"98450.50","sz":"2.5","n":3}]}}',
    ],
    topicOf: ({ channel, data }) => data?.coin && `${channel}:${data.coin}`,
  },
  dYdX: {
    samples: [
      '{"type":"subscribed","message_id":1,"channel":"v4_orderbook","id":"BTC-USD","contents":{"bids":[]}}',
      '{"type":"channel_data","message_id":2,"id":"BTC-USD","channel":"v4_orderbook","contents":{"bids":[["43240.0","2.0"]]}}',
    ],
    topicOf: ({ type, channel, id }) => (type === 'channel_data' ? `${channel}:${id}` : undefined),
  },
  Bitfinex: {
    captures: ['bitfinex'],
    topicOf: (json) => (Array.isArray(json) && json[1] !== 'hb' ? String(json[0]) : undefined),
  },
}

const page = readFileSync(new URL('../../docs/heartbeats.md', import.meta.url), 'utf8')
const ROWS = Array.from(
  page.matchAll(/^\| ([^|]+) \| `(\{[^|]+)` \| `(\[.*\])` \| (.+) \|$/gm),
  ([, name, key, when, examples]) => {
    const conditions = (when as string).replaceAll(/(\w+): /g, '"$1": ').replaceAll("'", '"')
    return {
      name: name as string,
      plan: { topic: { key: key as string, when: JSON.parse(conditions) as WsTopicCondition[] } },
      examples: Array.from((examples as string).matchAll(/`([^`]+)`/g), ([, example]) => example as string),
    }
  },
)

const ENVIRONMENTS = {
  native: () => socketEnvironment(nativeTransport, { exactDelivery: true, drains: true }),
  ws: () => socketEnvironment(wsTransport, { exactDelivery: false, drains: false }),
  mock: mockEnvironment,
}

/** The topics that there are, each as often as the plan finds it, over every transport. */
async function holds(plan: IngressPlan, messages: readonly Uint8Array[], topicOf: Venue['topicOf']): Promise<number> {
  const expected = messages.map((message) => topicOf(JSON.parse(Buffer.from(message).toString())))
  const watched = new Set(expected.filter((topic) => topic !== undefined))
  for (const environment of Object.values(ENVIRONMENTS)) {
    const { topics, timesAgree } = await topicsTold(environment(), plan, messages, watched)
    expect(topics).toEqual(expected)
    expect(timesAgree).toBe(true)
  }
  return watched.size
}

test('every venue of the table is tried', () => {
  expect(ROWS.map(({ name }) => name)).toEqual(Object.keys(VENUES))
})

describe.each(ROWS)('$name', ({ name, plan, examples }) => {
  const { captures = [], samples, topicOf } = VENUES[name] as Venue

  test('its template is one, and its examples look as topics of it do', () => {
    const check = new Checker()
    checkPlan(check, plan)
    expect(check.problems).toEqual([])
    const parts = plan.topic.key.split(/\{[^}]*\}/).map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    for (const example of examples) expect(example).toMatch(new RegExp(`^${parts.join('.+')}$`))
  })

  if (samples !== undefined) {
    test('in messages of its documentation', async () => {
      const messages = samples.map((text) => Buffer.from(text))
      expect(await holds(plan, messages, topicOf)).toBeGreaterThan(0)
    })
  }

  const unless = NO_CAPTURES === undefined ? '' : ` (${NO_CAPTURES})`
  for (const capture of captures) {
    test.skipIf(NO_CAPTURES !== undefined)(`in the capture ${capture}${unless}`, async () => {
      const { messages } = await loadCapture(capture)
      const texts = messages.map(({ isText, bytes }) => (isText ? bytes : gunzipSync(bytes)))
      expect(await holds(plan, texts, topicOf)).toBeGreaterThan(0)
    })
  }
})
