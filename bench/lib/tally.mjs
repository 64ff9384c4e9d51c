import { performance } from 'node:perf_hooks'

/** User and system time of the whole process, all threads, in ns. */
export function processCpuNs() {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

/** The measured window: begun after the warm-up, ended at the last message. */
export class Window {
  cpuNs = 0
  wallNs = 0
  #cpu = 0
  #wall = 0

  start() {
    this.#cpu = processCpuNs()
    this.#wall = performance.now()
  }

  end() {
    this.cpuNs = processCpuNs() - this.#cpu
    this.wallNs = (performance.now() - this.#wall) * 1e6
  }
}

/** What receives messages: consumes each, and knows where the measured window lies. */
export class Tally {
  count = 0
  sum = 0
  timeSum = 0
  parsedCount = 0
  window = new Window()

  /**
   * @param {number} warm
   * @param {number} n
   */
  constructor(warm, n) {
    this.warm = warm
    this.total = warm + n
    this.next = warm > 0 ? warm : this.total
    if (warm === 0) this.window.start()
  }

  /**
   * @param {number} first First byte.
   * @param {number} length Bytes.
   * @param {number} timeUs When it was received, on any scale.
   */
  add(first, length, timeUs) {
    this.sum += first + length
    this.timeSum += timeUs
    this.count++
    if (this.count === this.next) this.#mark()
  }

  /** @param {unknown} value What JSON.parse made. */
  parsed(value) {
    if (value === null || typeof value !== 'object') throw new Error(`JSON.parse made ${typeof value}`)
    this.parsedCount++
  }

  #mark() {
    if (this.next === this.total) return this.window.end()
    this.window.start()
    this.next = this.total
  }
}
