// shared-ws through its public interface, native transport, schedule main.
import { pathToFileURL } from 'node:url'
import { ROOT } from '../lib/native.mjs'
import { ca } from './ws-common.mjs'

const { connect, ExponentialBackoff } = await import(
  pathToFileURL(`${process.env['BENCH_ROOT'] ?? ROOT}/dist/index.js`).href
)
const options = { native: 'require', ...(ca ? { tls: { ca } } : {}) }

/** @type {Record<string, (batch: any, tally: import('../lib/tally.mjs').Tally) => void>} */
const consume = {
  record(batch, tally) {
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.at(i)
      tally.add(frame.at(0), frame.byteLength, frame.receivedMonoUs)
    }
  },
  view(batch, tally) {
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.at(i)
      const bytes = frame.bytes()
      tally.add(bytes[0], bytes.length, frame.receivedMonoUs)
    }
  },
  string(batch, tally) {
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.at(i)
      const text = frame.text()
      tally.add(text.charCodeAt(0), text.length, frame.receivedMonoUs)
    }
  },
  json(batch, tally) {
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.at(i)
      if (frame.isText) tally.parsed(frame.json())
      tally.add(frame.at(0), frame.byteLength, frame.receivedMonoUs)
    }
  },
}

/**
 * Messages are `{"e":"trade","s":"BTCUSDT",…}`, every fourth an array of no topic. `plan`: the transport follows their topics; `slice`,
 * `json`: a function finds them in the text, or in what JSON.parse makes of it.
 * @type {Record<string, object>}
 */
const WATCHED = {
  plan: { plan: { topic: '{e}:{s}' }, topics: { silentAfterMs: 600_000 } },
  slice: {
    topics: {
      silentAfterMs: 600_000,
      topicOf(/** @type {any} */ frame) {
        const text = frame.text()
        if (!text.startsWith('{"e":"')) return undefined
        const end = text.indexOf('"', 6)
        const from = text.indexOf('"s":"', end) + 5
        return `${text.slice(6, end)}:${text.slice(from, text.indexOf('"', from))}`
      },
    },
  },
  json: {
    topics: {
      silentAfterMs: 600_000,
      topicOf(/** @type {any} */ frame) {
        const { e, s } = frame.json()
        return e === undefined ? undefined : `${e}:${s}`
      },
    },
  },
}
const SUBSCRIPTIONS = { items: ['trade:BTCUSDT', 'trade:ETHUSDT'], encode: () => '{"op":"subscribe"}' }

/** @param {unknown} error */
function fail(error) {
  process.stderr.write(`a callback threw: ${error instanceof Error ? error.stack : error}\n`)
  process.exit(1)
}

export const impl = {
  name: 'shared-ws:main',
  unavailable: undefined,

  /** @type {import('../lib/tasks.mjs').Impl['receive']} */
  async receive(url, form, tally, fields) {
    const take = consume[form]
    const connection = connect(url, {
      ...options,
      ...(fields['deflate'] ? { perMessageDeflate: true } : {}),
      ...(fields['timestampSource'] ? { timestampSource: fields['timestampSource'] } : {}),
      ...(fields['gzip'] ? { inflateBinary: 'gzip' } : {}),
      ...(fields['topics'] ? { ...WATCHED[fields['topics']], subscriptions: SUBSCRIPTIONS } : {}),
      onBatch: (batch) => take(batch, tally),
      onCallbackError: fail,
      // It would come back otherwise.
      onEvent: (event) => void (event.kind === 'disconnected' && connection.close()),
    })
    await connection.ready()
    await connection.closed()
  },

  /** @type {NonNullable<import('../lib/tasks.mjs').Impl['heal']>} */
  async heal(url, { topics, perMessage }, { answered, acked }) {
    const connection = connect(url, {
      ...options,
      connectBudget: false,
      reconnect: new ExponentialBackoff({ immediateFirst: true }),
      // Else a connection that lives as short as these has proven nothing, and the next one waits.
      stableMs: 0,
      subscriptions: {
        items: topics,
        maxItemsPerMessage: perMessage,
        encode: (args, id) => ({ op: 'subscribe', id, args }),
        decode(frame) {
          const { id, args, resetNs } = frame.json()
          if (resetNs === undefined) return undefined
          answered(frame.at(0), frame.byteLength, resetNs)
          return { requestId: id, accepted: args }
        },
      },
      onBatch() {},
      onEvent(event) {
        if (event.kind === 'subscription' && event.state === 'acked') acked(event.item)
        if (event.kind === 'disconnected' && event.next?.delayMs > 1) fail(new Error(`waits ${event.next.delayMs} ms`))
      },
      onCallbackError: fail,
    })
    await connection.ready()
    return {
      send: (text) => void connection.send(text),
      async close() {
        await connection.close()
      },
    }
  },

  /** @type {import('../lib/tasks.mjs').Impl['open']} */
  async open(url, onMessage) {
    /** @type {boolean | undefined} */
    let resumed
    const connection = connect(url, {
      ...options,
      onCallbackError: fail,
      onOpen(info) {
        resumed = info.tls?.sessionReused
      },
      onBatch(batch) {
        for (let i = 0; i < batch.length; i++) {
          const frame = batch.at(i)
          onMessage(frame.at(0), frame.byteLength)
        }
      },
    })
    await connection.ready()
    return {
      resumed,
      send(text) {
        const result = connection.send(text)
        if (result !== 'taken' && result !== 'queued') throw new Error(`send: ${result}`)
      },
      burst: (texts) => {
        if (texts.length > 1) return connection.sendBatch(texts)
        const result = connection.send(texts[0])
        if (result === 'not-open') throw new Error('send: not-open')
        return result === 'full' ? 0 : 1
      },
      async close() {
        await connection.close({ code: 1000 })
      },
    }
  },
}
