// What a client's answer to a task means in each unit.

/**
 * @typedef {object} Answer What a client process says after a task. Times cover the measured window only.
 * @property {number} n Messages (round trips, connects, frames) of the measured window.
 * @property {number} cpuNs User and system time of the whole process, all threads.
 * @property {number} wallNs
 * @property {number} count All messages, warm-up included.
 * @property {number} sum Of first byte + length of all of them.
 * @property {number} [p50Us]
 * @property {number} [p99Us]
 * @property {number} [parsed] Messages that JSON.parse took.
 */

/** @type {Record<string, (answer: Answer, size: number) => number>} */
const UNITS = {
  'cpu-ns/msg': ({ cpuNs, n }) => cpuNs / n,
  'msg/s': ({ wallNs, n }) => (n * 1e9) / wallNs,
  'p50-us': ({ p50Us }) => /** @type {number} */ (p50Us),
  'p99-us': ({ p99Us }) => /** @type {number} */ (p99Us),
  'cpu-us/rtt': ({ cpuNs, n }) => cpuNs / n / 1000,
  'cpu-us/connect': ({ cpuNs, n }) => cpuNs / n / 1000,
  'cpu-us/reconnect': ({ cpuNs, n }) => cpuNs / n / 1000,
  'ns/frame': ({ cpuNs, n }) => cpuNs / n,
  'GB/s': ({ cpuNs, n }, size) => (size * n) / cpuNs,
}

/**
 * @param {string} unit
 * @param {Answer} answer
 * @param {number} size Bytes of payload of one message; only GB/s needs it.
 */
export function measure(unit, answer, size) {
  const figure = UNITS[unit]?.(answer, size)
  if (figure === undefined || !Number.isFinite(figure) || figure <= 0) {
    throw new Error(`no ${unit} in ${JSON.stringify(answer)}`)
  }
  return figure
}
