import { SharedWsError, WsConfigError } from '../errors/errors.ts'
import { chooseTransport } from '../front/choose-transport.ts'
import { MILD_CHAOS } from '../testing/exchange/chaos.ts'
import { ExchangeProcess } from '../testing/exchange/exchange-process.ts'
import type { WsTransport } from '../transport/transport.ts'
import { flag, integer, Mistake, oneOf, option, quote } from './args.ts'
import { type Command, defineCommand, EXIT_FAILED, EXIT_OK } from './command.ts'
import { DemoSession, REMOVED_CHANNEL } from './demo-session.ts'
import { DemoView, findingsTable } from './demo-view.ts'
import type { CliIo } from './io.ts'

const DEFAULT_SECONDS = 15
const DEFAULT_RATE = 500
const CREDENTIALS = { clientId: 'demo', clientSecret: 'demo-secret' }
const SUBSCRIPTIONS = [
  'ticker.BTC-PERPETUAL.100ms',
  'book.BTC-PERPETUAL.raw',
  REMOVED_CHANNEL,
  'user.orders.BTC-PERPETUAL.raw',
]
/** Enough for an hour of orders, and what becomes of them. */
const LOG_ENTRIES = 2_000_000
/** Longer than any run: faults come from the script alone. */
const NEVER_MS = 86_400_000

function seconds(text: string): number {
  const n = Number(text)
  if (text.trim() === '' || !(n >= 1 && n <= 3600)) {
    throw new Mistake(`${quote(text)} is not a number of seconds from 1 to 3600`)
  }
  return n
}

const options = {
  seconds: option('N', `how long to run, 1 to 3600 (default ${DEFAULT_SECONDS})`, seconds, DEFAULT_SECONDS),
  transport: option('native|ws', 'default native, or ws where the addon cannot load', oneOf('native', 'ws'), undefined),
  rate: option('N', `market messages per second (default ${DEFAULT_RATE})`, integer(1, 200_000), DEFAULT_RATE),
  chaos: flag('faults by chance: resets, stalls, cut frames, refused connects, garbage'),
  seed: option('S', 'of prices, fates and faults (default 1)', integer(0, 2 ** 32 - 1), 1),
}

const notes = `
An exchange starts in a process of its own, and a gateway connects to it over a real WebSocket on 127.0.0.1: it
authenticates, subscribes, and places 25 orders a second, of which some are filled, rejected, rate-limited, answered
twice, late, or never. Three times (with --chaos: again and again) the connection is lost and comes back.

In the end the faults stop, the gateway finds out what became of the orders that were left in the dark, and everything
it was told is held against the exchange's own log of the frames that it received.

On a terminal the view is drawn in place; elsewhere it is one line per event and per second.
Ctrl-C ends the run early, with the check; a second one ends at once.
Exit codes: 0 every promise held, 1 one was broken or nothing could be started, 2 the command line is wrong.
`

export const demo: Command = defineCommand({
  name: 'demo',
  summary: 'Watch a gateway and an exchange: drops, recovery, and the truth about every order.',
  argument: undefined,
  options,
  notes,
  async run(_none, given, io) {
    let transport: WsTransport
    let exchange: ExchangeProcess
    try {
      // Who names a transport wants that one and no other.
      const native = given.transport === 'native' ? 'require' : 'prefer'
      transport = chooseTransport({ transport: given.transport ?? 'native', native })
      exchange = await ExchangeProcess.start({
        rate: given.rate,
        seed: given.seed,
        credentials: CREDENTIALS,
        minHeartbeatSeconds: 1,
        maxLogEntries: LOG_ENTRIES,
        chaos: given.chaos
          ? { faultEveryMs: 1500 }
          : { faultEveryMs: NEVER_MS, fates: { ...MILD_CHAOS.fates, dropped: 0 } },
      })
    } catch (error) {
      return failed(io, error)
    }
    const view = new DemoView(io)
    view.say(`exchange at ${exchange.url} (process ${exchange.pid}), seed ${given.seed}; gateway on ${transport.name}`)
    try {
      const gateway = { url: exchange.url, transport, credentials: CREDENTIALS, subscriptions: SUBSCRIPTIONS }
      const session = new DemoSession({ exchange, gateway, seconds: given.seconds, chaos: given.chaos }, io, view)
      const findings = await session.run()
      view.say(findingsTable(findings))
      const held = findings.every(({ problems }) => problems.length === 0)
      view.say(held ? '\nEvery promise held.' : '\nA promise was broken. Please report it, with the seed.')
      return held && io.stdout.failure === undefined ? EXIT_OK : EXIT_FAILED
    } catch (error) {
      return failed(io, error)
    } finally {
      await exchange.stop()
    }
  },
})

function failed(io: CliIo, error: unknown): number {
  if (!(error instanceof SharedWsError) || error instanceof WsConfigError) throw error
  io.stderr.write(`shared-ws demo: ${error.message} (${error.code})\n`)
  return EXIT_FAILED
}
