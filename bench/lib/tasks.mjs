// The tasks of a JavaScript client. Each takes the fields of a task line and returns an Answer (see units.mjs).
import { performance } from 'node:perf_hooks'
import { percentile } from './stats.mjs'
import { Tally, Window } from './tally.mjs'

/**
 * @typedef {object} Link
 * @property {(text: string) => void} send
 * @property {(texts: readonly string[]) => number} burst Sends them together as well as it can; how many were taken.
 * @property {() => Promise<void>} close Resolves when the connection is gone.
 * @property {boolean | undefined} [resumed] The TLS handshake was a short one, where the implementation can tell.
 *
 * @typedef {object} Impl One client implementation.
 * @property {string} name
 * @property {(url: string, form: Form, tally: Tally, fields: Fields) => Promise<void>} receive
 *   Gives every message to `tally` in that form, or in the cheapest that the implementation has; resolves when the
 *   server has closed. `fields` may say `deflate=1`: permessage-deflate is to be negotiated; and `gzip=1`: binary messages
 *   are gzip and are to be inflated.
 * @property {(url: string, onMessage: (first: number, length: number) => void, how?: { resumes: boolean }) => Promise<Link>} open
 *   Resolves when open. `resumes`: TLS sessions are resumed; else they may be.
 * @property {(url: string, plan: Plan, hears: Hears) => Promise<Pick<Link, 'send' | 'close'>>} [heal]
 *   Connects and subscribes, and does both again, at once, whenever the connection ends. Resolves when first open.
 *
 * @typedef {{ topics: readonly string[], perMessage: number }} Plan What to subscribe, so many topics to a message.
 *
 * @typedef {object} Hears Of each answer the implementation parses the JSON.
 * @property {(first: number, length: number, resetNs: number) => void} answered Of each answer, before its topics.
 * @property {(topic: string) => void} acked Of each topic, once a connection.
 *
 * @typedef {'record' | 'view' | 'string' | 'json'} Form
 * @typedef {Record<string, string>} Fields
 */

/** @param {Fields} fields */
const counts = (fields) => ({ warm: Number(fields['warm'] ?? 0), n: Number(fields['n']) })

/**
 * @param {Impl} impl
 * @param {Fields} fields
 */
async function receive(impl, fields) {
  const { warm, n } = counts(fields)
  const tally = new Tally(warm, n)
  await impl.receive(String(fields['url']), /** @type {Form} */ (fields['form'] ?? 'record'), tally, fields)
  if (tally.count > 0 && !(tally.timeSum > 0)) throw new Error('messages without a receive time')
  const { count, sum, parsedCount: parsed, window } = tally
  return { n, count, sum, parsed, cpuNs: window.cpuNs, wallNs: window.wallNs }
}

/**
 * @param {Float64Array} samplesUs
 * @param {Window} window
 */
function timed(samplesUs, window) {
  const sorted = samplesUs.sort()
  const [p50Us, p99Us] = [percentile(sorted, 0.5), percentile(sorted, 0.99)]
  return { n: sorted.length, p50Us, p99Us, cpuNs: window.cpuNs, wallNs: window.wallNs }
}

/**
 * One message in flight: the next leaves when the echo of the last has come. Gives up after `maxMs`, with the samples it
 * has.
 * @param {Impl} impl
 * @param {Fields} fields
 */
async function rtt(impl, fields) {
  let { warm, n } = counts(fields)
  const size = Number(fields['size'])
  const texts = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i) + 'x'.repeat(size - 1))
  const samples = new Float64Array(n)
  const window = new Window()
  const giveUpAt = performance.now() + Number(fields['maxMs'] ?? 60_000)
  let count = 0
  let sum = 0
  let taken = 0
  let sentAt = 0
  /** @type {Link | undefined} */
  let link
  await new Promise((resolve, reject) => {
    const next = () => {
      sentAt = performance.now()
      const late = sentAt > giveUpAt
      if (late && count < warm) warm = count
      if (taken === n || (late && taken >= LEAST_SAMPLES)) {
        window.end()
        return resolve(undefined)
      }
      if (count === warm) window.start()
      link?.send(String(texts[count % 26]))
    }
    const onMessage = (/** @type {number} */ first, /** @type {number} */ length) => {
      if (count >= warm) samples[taken++] = (performance.now() - sentAt) * 1000
      if (first !== 97 + (count % 26) || length !== size) return reject(new Error(`echo ${count} is not what was sent`))
      sum += first + length
      count++
      next()
    }
    impl.open(String(fields['url']), onMessage).then((opened) => {
      link = opened
      next()
    }, reject)
  })
  await link?.close()
  return { ...timed(samples.subarray(0, taken), window), count, sum }
}

const LEAST_SAMPLES = 10

/**
 * `burst` messages a tick of the event loop, until the server says that all have come.
 * @param {Impl} impl
 * @param {Fields} fields
 */
async function send(impl, fields) {
  const { warm, n } = counts(fields)
  const [size, burst] = [Number(fields['size']), Number(fields['burst'])]
  // Message i begins with `{` when i is even, with `[` when it is odd: one burst for either start.
  const patterns = ['{', '['].map((first) => first + 'x'.repeat(size - 1))
  const bursts = [0, 1].map((start) => Array.from({ length: burst }, (_, i) => String(patterns[(start + i) % 2])))
  const window = new Window()
  const total = warm + n
  let sent = 0
  let sum = 0
  /** @type {(value: unknown) => void} */
  let allCame = () => {}
  const done = new Promise((resolve) => {
    allCame = resolve
  })
  const link = await impl.open(String(fields['url']), allCame)
  let started = false
  await new Promise((resolve, reject) => {
    const tick = () => {
      if (!started && sent >= warm) {
        started = true
        window.start()
      }
      const count = Math.min(burst, total - sent)
      const texts = /** @type {string[]} */ (bursts[sent % 2])
      try {
        const taken = link.burst(count === burst ? texts : texts.slice(0, count))
        for (let i = 0; i < taken; i++) sum += ((sent + i) % 2 === 0 ? 123 : 91) + size
        sent += taken
      } catch (error) {
        return reject(error)
      }
      if (sent < total) setImmediate(tick)
      else resolve(undefined)
    }
    tick()
  })
  await done
  window.end()
  await link.close()
  return { n: total - warm, count: sent, sum, cpuNs: window.cpuNs, wallNs: window.wallNs }
}

/**
 * Connect, upgrade, close, again and again; the time is that until open.
 * @param {Impl} impl
 * @param {Fields} fields
 */
async function connect(impl, fields) {
  const { warm, n } = counts(fields)
  const samples = new Float64Array(n)
  const window = new Window()
  const url = String(fields['url'])
  const resumes = fields['resumes'] === '1'
  for (let i = 0; i < warm + n; i++) {
    if (i === warm) window.start()
    const startedAt = performance.now()
    const link = await impl.open(url, () => {}, { resumes })
    if (resumes && i > 0 && link.resumed === false) throw new Error(`connection ${i} was not resumed`)
    if (i >= warm) samples[i - warm] = (performance.now() - startedAt) * 1000
    await link.close()
  }
  window.end()
  return { ...timed(samples, window), count: warm + n, sum: 0 }
}

const TOPICS = Array.from({ length: 100 }, (_, i) => `trade.COIN${String(i).padStart(3, '0')}-USDT`)
/** Between the last acknowledgement and the next reset: whatever else follows a reconnect is done by then. */
const REST_MS = 5

/** Monotonic ns, on the clock of the server's `resetNs`. */
const monoNs = () => Number(process.hrtime.bigint())

/**
 * The server resets the connection, again and again; the time is that from its RST to the last of 100 subscriptions
 * acknowledged on the next one. Gives up after `maxMs`, with the samples it has.
 * @param {Impl} impl
 * @param {Fields} fields
 */
async function reconnect(impl, fields) {
  const { warm, n } = counts(fields)
  if (!impl.heal) throw new Error(`${impl.name} cannot reconnect`)
  const samples = new Float64Array(n)
  const window = new Window()
  const giveUpAt = performance.now() + Number(fields['maxMs'] ?? 60_000)
  const missing = new Set(TOPICS)
  let [count, sum, resetNs, askedNs, taken] = [0, 0, 0, 0, 0]
  let tookUs = 0
  let allAcked = (/** @type {unknown} */ _) => {}
  /** @type {(error: Error) => void} */
  let fail = () => {}
  const connected = () =>
    new Promise((resolve, reject) => {
      allAcked = resolve
      fail = reject
    })
  /** @type {Hears} */
  const hears = {
    answered(first, length, atNs) {
      count++
      sum += first + length
      resetNs = atNs
    },
    acked(topic) {
      if (!missing.delete(topic)) return fail(new Error(`${topic} was acknowledged twice`))
      if (missing.size > 0) return
      const nowNs = monoNs()
      tookUs = (nowNs - resetNs) / 1000
      if (askedNs > 0 && (resetNs < askedNs || resetNs > nowNs)) fail(new Error('the clock of the server is another'))
      allAcked(undefined)
    },
  }
  let done = connected()
  const link = await impl.heal(
    String(fields['url']),
    { topics: TOPICS, perMessage: Number(fields['perMessage']) },
    hears,
  )
  await done
  for (let i = 0; taken < n && !(taken >= LEAST_SAMPLES && performance.now() > giveUpAt); i++) {
    await new Promise((resolve) => setTimeout(resolve, REST_MS))
    if (i === warm) window.start()
    for (const topic of TOPICS) missing.add(topic)
    done = connected()
    askedNs = monoNs()
    link.send('reset')
    await done
    if (i >= warm) samples[taken++] = tookUs
  }
  window.end()
  await link.close()
  return { ...timed(samples.subarray(0, taken), window), count, sum }
}

/** @type {Record<string, (impl: any, fields: Fields) => Promise<object>>} */
export const tasks = {
  receive,
  rtt,
  send,
  connect,
  reconnect,
  codec: async (impl, fields) => impl.codec(fields),
}
