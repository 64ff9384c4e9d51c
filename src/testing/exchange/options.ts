import { WsConfigError, type WsConfigProblem } from '../../errors/errors.ts'
import { type Clock, systemClock } from '../../support/clock.ts'
import { CALM, type ExchangeChaos, MILD_CHAOS } from './chaos.ts'
import { ORDER_FATES } from './fates.ts'

/** What happens to a connection whose token has expired. */
export type WhenTokenExpires =
  /** Private requests are answered with error 13009. */
  | 'error'
  /** Private requests get no answer and do nothing. */
  | 'silent'
  /** The connection is closed with 3000 at that moment. */
  | 'close'

export interface ExchangeOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default 0: a free one. */
  readonly port?: number
  /**
   * `ws` (default), or `uws`: uWebSockets.js, for higher rates, where that package is installed and loads (Node 20). It
   * cannot reset, stall or cut a connection, so it goes without `chaos`, and those controls throw.
   */
  readonly server?: 'ws' | 'uws'
  /** Take a client's offer of permessage-deflate, and then compress every message to it; needs `server: 'ws'`. Default false. */
  readonly perMessageDeflate?: boolean
  /** Of prices, fates and faults; equal seeds give equal ones. Default 1. */
  readonly seed?: number
  /** Market notifications per second over all channels, 0–200 000. Default 50; 0 for a market that stands still. */
  readonly rate?: number
  /** Default `BTC-PERPETUAL` and `ETH-PERPETUAL`. */
  readonly instruments?: readonly string[]
  /** What `public/auth` accepts. Default `demo` and `demo-secret`. */
  readonly credentials?: { readonly clientId: string; readonly clientSecret: string }
  /** Life of a token, in seconds. Default 900. */
  readonly tokenSeconds?: number
  /** Default `error`. */
  readonly whenTokenExpires?: WhenTokenExpires
  /** The shortest interval that `public/set_heartbeat` takes, in seconds. Default 10, as Deribit's. */
  readonly minHeartbeatSeconds?: number
  /** After how many ms an order of the fate `late` is answered. Default 1500. */
  readonly lateMs?: number
  /** Faults by chance: `true` for a mild mixture, or your own. Default: none, and orders end as the market has it. */
  readonly chaos?: boolean | Partial<ExchangeChaos>
  /** Connections at a time; more are refused with 429. Default 32, as Deribit's per address. */
  readonly maxConnections?: number
  /** Bytes that may wait for a client that reads too slowly; then it is dropped. Default 4 MiB. */
  readonly maxBufferedBytes?: number
  /** Entries that the log keeps; later ones are counted, not kept. Default 200 000. */
  readonly maxLogEntries?: number
  /** The one seam for time. Default: the system's. */
  readonly clock?: Clock
}

export type CheckedExchangeOptions = Required<Omit<ExchangeOptions, 'chaos'>> & { readonly chaos: ExchangeChaos }

/** Fills in the defaults. Throws `WsConfigError` with every mistake. */
export function checkExchangeOptions(options: ExchangeOptions): CheckedExchangeOptions {
  const problems: WsConfigProblem[] = []
  const wrong = (field: string, message: string): void => {
    problems.push({ field, message })
  }
  const number = (field: keyof ExchangeOptions, min: number, max: number, integer = true): void => {
    const value = options[field]
    if (value === undefined) return
    const fits = typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value))
    if (!fits) wrong(field, `must be ${integer ? 'a whole number' : 'a number'} from ${min} to ${max}`)
  }
  number('port', 0, 65_535)
  number('seed', -(2 ** 31), 2 ** 32 - 1)
  number('rate', 0, 200_000, false)
  number('tokenSeconds', 0.001, 86_400 * 30, false)
  number('minHeartbeatSeconds', 0.01, 3600, false)
  number('lateMs', 0, 600_000, false)
  number('maxConnections', 1, 10_000)
  number('maxBufferedBytes', 1024, 2 ** 30)
  number('maxLogEntries', 1, 10_000_000)
  if (options.host !== undefined && (typeof options.host !== 'string' || options.host === '')) {
    wrong('host', 'must be a host name or an address, such as 127.0.0.1')
  }
  if (options.server !== undefined && !['ws', 'uws'].includes(options.server)) wrong('server', 'must be ws or uws')
  if (options.whenTokenExpires !== undefined && !['error', 'silent', 'close'].includes(options.whenTokenExpires)) {
    wrong('whenTokenExpires', 'must be error, silent or close')
  }
  const { perMessageDeflate } = options
  if (perMessageDeflate !== undefined && typeof perMessageDeflate !== 'boolean') {
    wrong('perMessageDeflate', 'must be true or false')
  } else if (perMessageDeflate && options.server === 'uws') {
    wrong('perMessageDeflate', "needs server: 'ws'")
  }
  const { instruments, credentials } = options
  if (instruments !== undefined) {
    const fits =
      Array.isArray(instruments) &&
      instruments.length >= 1 &&
      instruments.length <= 1000 &&
      instruments.every((name) => typeof name === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(name))
    if (!fits) wrong('instruments', 'must be 1 to 1000 names of letters, digits, - and _, such as BTC-PERPETUAL')
    else if (new Set(instruments).size < instruments.length) wrong('instruments', 'must not name one twice')
  }
  if (credentials !== undefined) {
    const { clientId, clientSecret } = credentials ?? {}
    if (typeof clientId !== 'string' || typeof clientSecret !== 'string') {
      wrong('credentials', 'must be { clientId, clientSecret }, both strings')
    }
  }
  const chaos = checkChaos(options.chaos, wrong)
  if (options.server === 'uws' && chaos !== CALM) {
    wrong('chaos', "needs server: 'ws'; uWebSockets.js cannot reset, stall or cut a connection")
  }
  if (problems.length > 0) throw new WsConfigError(problems)
  return {
    host: '127.0.0.1',
    port: 0,
    server: 'ws',
    perMessageDeflate: false,
    seed: 1,
    rate: 50,
    instruments: ['BTC-PERPETUAL', 'ETH-PERPETUAL'],
    credentials: { clientId: 'demo', clientSecret: 'demo-secret' },
    tokenSeconds: 900,
    whenTokenExpires: 'error',
    minHeartbeatSeconds: 10,
    lateMs: 1500,
    maxConnections: 32,
    maxBufferedBytes: 4 * 2 ** 20,
    maxLogEntries: 200_000,
    clock: systemClock,
    ...withoutUndefined(options),
    chaos,
  }
}

function checkChaos(given: ExchangeOptions['chaos'], wrong: (field: string, message: string) => void): ExchangeChaos {
  if (given === undefined || given === false) return CALM
  if (given === true) return MILD_CHAOS
  if (typeof given !== 'object' || given === null) {
    wrong('chaos', 'must be true, false or an object')
    return CALM
  }
  const chaos: ExchangeChaos = { ...MILD_CHAOS, ...withoutUndefined(given) }
  if (!(Number.isFinite(chaos.faultEveryMs) && chaos.faultEveryMs >= 10)) {
    wrong('chaos.faultEveryMs', 'must be a number of ms from 10 on')
  }
  checkWeights('chaos.faults', chaos.faults, Object.keys(MILD_CHAOS.faults), wrong)
  checkWeights('chaos.fates', chaos.fates, ['natural', ...ORDER_FATES], wrong)
  return chaos
}

function checkWeights(
  field: string,
  weights: unknown,
  known: readonly string[],
  wrong: (field: string, message: string) => void,
): void {
  if (typeof weights !== 'object' || weights === null) {
    wrong(field, 'must be an object of weights')
    return
  }
  let sum = 0
  for (const [name, weight] of Object.entries(weights)) {
    if (!known.includes(name)) wrong(`${field}.${name}`, `is none of ${known.join(', ')}`)
    if (!(typeof weight === 'number' && weight >= 0 && weight < Infinity)) {
      wrong(`${field}.${name}`, 'must be a weight: a number from 0 on')
    } else sum += weight
  }
  if (sum === 0) wrong(field, 'needs a weight above 0')
}

/** Options given as `undefined` mean the default. */
function withoutUndefined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}
