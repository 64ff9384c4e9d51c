import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { performance } from 'node:perf_hooks'
import { TLSSocket } from 'node:tls'
import { gunzip, gunzipSync } from 'node:zlib'
import { codec } from '../lib/ws-codec.mjs'

/** Reads the bench's certificate, which the runner puts into BENCH_CA. */
export const ca = process.env['BENCH_CA'] ? readFileSync(process.env['BENCH_CA'], 'utf8') : undefined

/** Bytes waiting in a client beyond which a send has to wait for the next tick. */
export const MAX_BUFFERED_BYTES = 1 << 20

/**
 * `ws` is imported here and not at the top: its environment variables are read then.
 * @param {string} name
 */
export async function makeWs(name) {
  const { WebSocket } = await import('ws')
  const options = { ca, perMessageDeflate: false }
  // How ws resumes sessions: https.Agent keeps them.
  const resuming = { ...options, agent: new Agent({ ca }) }

  /** @type {Record<string, (data: Buffer, isBinary: boolean, tally: import('../lib/tally.mjs').Tally) => void>} */
  const consume = {
    record: (data, _isBinary, tally) => tally.add(data[0], data.length, performance.now()),
    view: (data, _isBinary, tally) => tally.add(data[0], data.length, performance.now()),
    string: (data, _isBinary, tally) => {
      const text = data.toString()
      tally.add(text.charCodeAt(0), text.length, performance.now())
    },
    json: (data, isBinary, tally) => {
      if (!isBinary) tally.parsed(JSON.parse(data.toString()))
      tally.add(data[0], data.length, performance.now())
    },
  }

  return {
    name,
    unavailable: undefined,
    codec,

    /** @type {import('../lib/tasks.mjs').Impl['receive']} */
    receive: (url, form, tally, fields) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(url, fields['deflate'] ? { ...options, perMessageDeflate: true } : options)
        const take = consume[form]
        let inflating = 0
        let closed = false
        const finish = () => {
          if (closed && inflating === 0) resolve()
        }
        /** @type {(data: Buffer, isBinary: boolean) => void} */
        let onMessage = (data, isBinary) => take(data, isBinary, tally)
        if (fields['gzip'] && fields['gunzip'] === 'async') {
          onMessage = (data) => {
            inflating++
            gunzip(data, (error, text) => {
              if (error) return reject(error)
              take(text, false, tally)
              inflating--
              finish()
            })
          }
        } else if (fields['gzip']) onMessage = (data) => take(gunzipSync(data), false, tally)
        socket.on('message', (data, isBinary) => onMessage(/** @type {Buffer} */ (data), isBinary))
        socket.on('error', reject)
        socket.on('close', () => {
          closed = true
          finish()
        })
      }),

    /** The least that does the same: what is asked for and what is acknowledged are kept, an answer is found by its id. */
    /** @type {NonNullable<import('../lib/tasks.mjs').Impl['heal']>} */
    heal: (url, { topics, perMessage }, { answered, acked }) =>
      new Promise((resolve) => {
        const stages = new Map(topics.map((topic) => [topic, 'desired']))
        /** @type {Map<string, readonly string[]>} */
        const unanswered = new Map()
        let lastId = 0
        let left = () => {}
        let leaving = false
        /** @type {import('ws').WebSocket} */
        let socket
        const send = (/** @type {string} */ text) => socket.send(text)
        const close = () => {
          leaving = true
          socket.close(1000)
          return /** @type {Promise<void>} */ (
            new Promise((closed) => {
              left = closed
            })
          )
        }
        const begin = () => {
          socket = new WebSocket(url, options)
          unanswered.clear()
          for (const topic of topics) stages.set(topic, 'desired')
          socket.on('open', () => {
            for (let from = 0; from < topics.length; from += perMessage) {
              const args = topics.slice(from, from + perMessage)
              const id = String(++lastId)
              unanswered.set(id, args)
              for (const topic of args) stages.set(topic, 'requested')
              socket.send(JSON.stringify({ op: 'subscribe', id, args }))
            }
            resolve({ send, close })
          })
          socket.on('message', (data) => {
            const bytes = /** @type {Buffer} */ (data)
            const { id, args, resetNs } = JSON.parse(bytes.toString())
            if (!unanswered.delete(id)) return
            answered(bytes[0], bytes.length, resetNs)
            for (const topic of args) {
              stages.set(topic, 'acked')
              acked(topic)
            }
          })
          socket.on('error', () => {}) // a close follows
          socket.on('close', () => (leaving ? left() : begin()))
        }
        begin()
      }),

    /** @type {import('../lib/tasks.mjs').Impl['open']} */
    open: (url, onMessage, { resumes } = { resumes: false }) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(url, resumes ? resuming : options)
        /** @type {boolean | undefined} */
        let resumed
        socket.on('upgrade', (response) => {
          if (response.socket instanceof TLSSocket) resumed = response.socket.isSessionReused()
        })
        const closed = new Promise((ended) => socket.on('close', ended))
        socket.on('message', (data) => onMessage(/** @type {Buffer} */ (data)[0], /** @type {Buffer} */ (data).length))
        socket.on('error', reject)
        socket.on('open', () =>
          resolve({
            resumed,
            send: (text) => socket.send(text),
            burst(texts) {
              if (socket.bufferedAmount > MAX_BUFFERED_BYTES) return 0
              for (const text of texts) socket.send(text)
              return texts.length
            },
            async close() {
              socket.close(1000)
              await closed
            },
          }),
        )
      }),
  }
}
